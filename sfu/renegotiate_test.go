package sfu

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// renegotiate makes a later offer of a publisher's client.
func (p *publisherClient) renegotiate(t testing.TB, opts *webrtc.OfferOptions) {
	t.Helper()
	offer, err := p.pc.CreateOffer(opts)
	mustDo(t, err)
	gathered := webrtc.GatheringCompletePromise(p.pc)
	mustDo(t, p.pc.SetLocalDescription(offer))
	await(t, "client candidates", gathered)
	answer, err := p.pub.Renegotiate(p.pc.LocalDescription().SDP)
	mustDo(t, err)
	takeAnswer(t, p.pc, answer)
}

func TestPublisherAddsVideo(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/add")
	defer src.Close()
	p := newPlayer(t, s, src, clientOptions{})
	c := &publisherClient{pc: newClientPC(t, clientOptions{interceptors: true})}
	track := func(kind Kind, codec webrtc.RTPCodecCapability) *webrtc.RTPSender {
		tr, err := webrtc.NewTrackLocalStaticRTP(codec, kind.String(), "stream")
		mustDo(t, err)
		tc, err := c.pc.AddTransceiverFromTrack(tr, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		mustDo(t, err)
		c.tracks[kind] = tr

		return tc.Sender()
	}
	track(Audio, opusCodec().RTPCodecCapability)
	pub, answer, err := s.Publish(context.Background(), makeOffer(t, c.pc), PublishOptions{Source: src})
	mustDo(t, err)
	c.pub = pub
	takeAnswer(t, c.pc, answer)
	await(t, "the publisher", pub.Established())

	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	n := uint32(0)
	send := func(kinds ...Kind) {
		select {
		case <-tick.C:
		default:
			return
		}
		for _, kind := range kinds {
			packets := map[Kind]int{Video: 3, Audio: 1}[kind]
			c.send(t, kind, n*450, makeFrame(kind, n, n%20 == 0, packets, 500))
		}
		n++
	}
	more := func(what string, want [kinds]int, sent ...Kind) {
		t.Helper()
		before := [kinds]int{p.count(Video), p.count(Audio)}
		eventually(t, what, func() bool {
			send(sent...)

			return p.count(Video) >= before[Video]+want[Video] && p.count(Audio) >= before[Audio]+want[Audio]
		})
	}
	more("audio", [kinds]int{Audio: 20}, Audio)
	if f := src.Feed(); f.Has(Video) || !f.Has(Audio) {
		t.Error("the feed has video before there is any")
	}
	video := track(Video, h264Capability())
	c.renegotiate(t, nil)
	if f := src.Feed(); !f.Has(Video) || f.Generation() != 2 {
		t.Error("the feed does not say that it has video now")
	}
	more("both", [kinds]int{Video: 60, Audio: 20}, Video, Audio)
	if first := p.got(Video)[0]; first.Payload[0] != 0x67 {
		t.Errorf("video begins with type %#x", first.Payload[0])
	}

	mustDo(t, c.pc.RemoveTrack(video))
	c.renegotiate(t, nil)
	if src.Feed().Has(Video) {
		t.Error("the feed still has video that was withdrawn")
	}
	more("audio alone", [kinds]int{Audio: 20}, Audio)

	_, err = c.pc.AddTrack(c.tracks[Video])
	mustDo(t, err)
	c.renegotiate(t, nil)
	more("video again", [kinds]int{Video: 60, Audio: 20}, Video, Audio)

	before := [kinds][]*rtp.Packet{p.got(Video), p.got(Audio)} // a restart loses what is on its way
	c.renegotiate(t, &webrtc.OfferOptions{ICERestart: true})
	more("media after an ICE restart", [kinds]int{Video: 60, Audio: 20}, Video, Audio)
	if gen := src.Feed().Generation(); gen != 4 {
		t.Errorf("feed %d after a restart that changed no track", gen)
	}
	for kind, packets := range before {
		for i := range packets[1:] {
			if packets[i+1].SequenceNumber != packets[i].SequenceNumber+1 {
				t.Fatalf("%v: sequence number %d after %d", Kind(kind), packets[i+1].SequenceNumber, packets[i].SequenceNumber)
			}
			if rise := int32(packets[i+1].Timestamp - packets[i].Timestamp); rise < 0 {
				t.Fatalf("%v: timestamp moves by %d", Kind(kind), rise)
			}
		}
	}
	if err := pub.Err(); err != nil {
		t.Error(err)
	}
	mustDo(t, pub.Close())
	if _, err := pub.Renegotiate(c.pc.LocalDescription().SDP); !errors.Is(err, ErrClosed) {
		t.Errorf("Renegotiate after Close gives %v", err)
	}
}

func TestLaterOffersThatAreRefused(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/later")
	defer src.Close()
	c := newPublisherClient(t, s, src, clientOptions{})
	other := newPublisherClient(t, s, NewSource("live/other"), clientOptions{})
	good := c.pc.LocalDescription().SDP
	video := good[strings.Index(good, "m=video"):strings.Index(good, "m=audio")]
	vp8 := strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(video, "SAVPF 102 103", "SAVPF 96"), ":102 ", ":96 "), "H264", "VP8")
	audio := good[strings.Index(good, "m=audio"):]
	for _, x := range []struct {
		name, offer string
		want        error
	}{
		{"another PeerConnection", other.pc.LocalDescription().SDP, ErrOtherPeer},
		{"empty", "", ErrBadOffer},
		{"not SDP", "hello", ErrBadOffer},
		{"a section missing", strings.ReplaceAll(good, audio, ""), ErrBadOffer},
		{"another codec", strings.ReplaceAll(good, video, vp8), ErrBadOffer},
	} {
		if _, err := c.pub.Renegotiate(x.offer); !errors.Is(err, x.want) {
			t.Errorf("%s: %v, want %v", x.name, err, x.want)
		}
	}
	p := newPlayer(t, s, src, clientOptions{})
	c.send(t, Video, 0, makeFrame(Video, 1, true, 3, 500))
	eventually(t, "media as before", func() bool { return p.count(Video) == 3 })
}
