package sfu

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

func TestViewerConnectsBeforeTheFirstSource(t *testing.T) {
	s := newSFU(t)
	c := newViewerClient(t, s, clientOptions{})
	await(t, "the connection", c.v.Established())
	b := broadcast(t, "live/first", 1_000_000, 20)
	mustDo(t, c.v.Add("u", b.src, ViewOptions{Audio: true, Video: true}))
	eventually(t, "media", func() bool { return c.count("u", Video) > 3 && c.count("u", Audio) > 3 })
	if n := c.sections(); n != 2 {
		t.Errorf("%d sections, want those of the first offer", n)
	}
}

func TestViewerVideoOffAndOn(t *testing.T) {
	s := newSFU(t)
	const gop = 100
	b := broadcast(t, "live/tile", 1_000_000, gop)
	c := newViewerClient(t, s, clientOptions{})
	mustDo(t, c.v.Add("u", b.src, ViewOptions{Audio: true, Video: true}))
	c.v.SetVideo("nobody", true, Tile{Width: 100, Height: 100})
	eventually(t, "video", func() bool { return c.count("u", Video) > 30 })
	c.mu.Lock()
	offers := len(c.offers)
	c.mu.Unlock()
	c.v.SetVideo("u", false, Tile{})
	sent := c.v.KeyStats()["u"].Video.Packets
	audio := c.count("u", Audio)
	eventually(t, "audio to go on", func() bool { return c.count("u", Audio) > audio+20 })
	if now := c.v.KeyStats()["u"].Video.Packets; now != sent {
		t.Errorf("%d video packets were sent while off", now-sent)
	}
	off := c.count("u", Video)
	c.v.SetVideo("u", true, Tile{Width: 640, Height: 480})
	eventually(t, "video again", func() bool { return c.count("u", Video) > off+30 })
	packets := c.got("u", Video)
	first := packets[off]
	if first.Payload[0] != 0x67 || first.SequenceNumber != packets[off-1].SequenceNumber+1 {
		t.Errorf("video goes on with type %#x, sequence number %d after %d; want a keyframe, in sequence",
			first.Payload[0], first.SequenceNumber, packets[off-1].SequenceNumber)
	}
	checkMedia(t, b, Video, gop, packets)
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.offers) != offers {
		t.Errorf("%d offers for switching video", len(c.offers)-offers)
	}
}

func TestViewerICERestart(t *testing.T) {
	s := newSFU(t)
	b := broadcast(t, "live/restart", 1_000_000, 20)
	c := newViewerClient(t, s, clientOptions{})
	mustDo(t, c.v.Add("u", b.src, ViewOptions{Audio: true, Video: true}))
	eventually(t, "video", func() bool { return c.count("u", Video) > 30 })
	for range 2 {
		c.mu.Lock()
		offers := len(c.offers)
		before := attribute(t, c.offers[offers-1], "ice-ufrag")
		c.mu.Unlock()
		c.v.Restart()
		eventually(t, "an answered offer", func() bool {
			c.mu.Lock()
			more := len(c.offers) > offers
			c.mu.Unlock()

			return more && c.settled(2)()
		})
		c.mu.Lock()
		after := attribute(t, c.offers[len(c.offers)-1], "ice-ufrag")
		c.mu.Unlock()
		if after == before {
			t.Error("the offer has the old ICE credentials")
		}
		n := c.count("u", Video)
		eventually(t, "video after the restart", func() bool { return c.count("u", Video) > n+60 })
	}
	if c.v.Err() != nil {
		t.Error(c.v.Err())
	}
}

// TestViewerReplacesLostOffer: an offer the client never got is made again, and
// the late answer to one that was replaced by an ICE restart does no harm.
func TestViewerReplacesLostOffer(t *testing.T) {
	s := newSFU(t)
	b := broadcast(t, "live/lost", 1_000_000, 20)
	offers := make(chan string, 10)
	v, err := s.NewViewer(ViewerOptions{OnOffer: func(sdp string, _ []ViewerTrack) { offers <- sdp }})
	mustDo(t, err)
	c := &viewerClient{t: t, pc: newClientPC(t, clientOptions{}), v: v, packets: map[string]*[kinds]packetList{}}
	c.pc.OnTrack(c.track)
	next := func() string {
		select {
		case sdp := <-offers:
			return sdp
		case <-time.After(patience):
			t.Fatal("no offer")

			return ""
		}
	}
	lost := next()
	mustDo(t, v.Add("u", b.src, ViewOptions{Video: true}))
	v.Restart()
	again := next()
	if again != lost {
		t.Error("before there is an answer the offer is not simply made again")
	}
	mustDo(t, c.answer(again))
	mustDo(t, c.answer(next()))
	eventually(t, "video", func() bool { return c.count("u", Video) > 10 })

	mustDo(t, v.Add("w", b.src, ViewOptions{Video: true}))
	replaced := next()
	v.Restart()
	next() // lost as well
	v.Restart()
	mustDo(t, c.answer(replaced)) // passed over
	mustDo(t, c.answer(next()))
	mustDo(t, v.Answer(c.pc.LocalDescription().SDP)) // nobody waits for it
	n := c.count("u", Video)
	eventually(t, "both videos", func() bool { return c.count("u", Video) > n+10 && c.count("w", Video) > 10 })
}

func TestViewerTrickle(t *testing.T) {
	s := newSFU(t)
	b := broadcast(t, "live/trickle", 1_000_000, 20)
	offers := make(chan string, 10)
	v, err := s.NewViewer(ViewerOptions{OnOffer: func(sdp string, _ []ViewerTrack) { offers <- sdp }})
	mustDo(t, err)
	mustDo(t, v.Add("u", b.src, ViewOptions{Video: true}))
	pc := newClientPC(t, clientOptions{})
	mustDo(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: <-offers}))
	answer, err := pc.CreateAnswer(nil)
	mustDo(t, err)
	gathered := webrtc.GatheringCompletePromise(pc)
	mustDo(t, pc.SetLocalDescription(answer))
	await(t, "candidates", gathered)
	var bare strings.Builder
	for line := range strings.Lines(pc.LocalDescription().SDP) {
		if value, ok := strings.CutPrefix(line, "a="); ok && strings.HasPrefix(value, "candidate:") {
			mustDo(t, v.AddICECandidate(webrtc.ICECandidateInit{Candidate: strings.TrimSpace(value)})) // before the answer

			continue
		}
		bare.WriteString(line)
	}
	mustDo(t, v.Answer(bare.String()))
	await(t, "the connection", v.Established())
	mustDo(t, v.AddICECandidate(webrtc.ICECandidateInit{Candidate: "candidate:1 1 udp 1 ab.local 9 typ host"}))
	if err := v.AddICECandidate(webrtc.ICECandidateInit{Candidate: "candidate:1 1 udp x y z typ host"}); !errors.Is(err, ErrBadAnswer) {
		t.Errorf("a broken candidate gives %v", err)
	}
}

// TestViewerSourceThatEnds: the others go on.
func TestViewerSourceThatEnds(t *testing.T) {
	s := newSFU(t)
	a, b := broadcast(t, "live/a", 1_000_000, 20), broadcast(t, "live/b", 2_000_000, 20)
	c := newViewerClient(t, s, clientOptions{})
	mustDo(t, c.v.Add("a", a.src, ViewOptions{Audio: true, Video: true}))
	mustDo(t, c.v.Add("b", b.src, ViewOptions{Audio: true, Video: true}))
	eventually(t, "both", func() bool { return c.count("a", Video) > 10 && c.count("b", Video) > 10 })
	a.src.Close()
	eventually(t, "the end of one", c.settled(2))
	n := c.count("b", Video)
	eventually(t, "the other to go on", func() bool { return c.count("b", Video) > n+30 })
	if err := c.v.Add("a", a.src, ViewOptions{Audio: true}); !errors.Is(err, ErrSourceClosed) {
		t.Errorf("adding it again gives %v", err)
	}
	mustDo(t, s.Close())
	if err := c.v.Err(); !errors.Is(err, ErrClosed) {
		t.Errorf("Err() = %v", err)
	}
	if _, err := s.NewViewer(ViewerOptions{}); !errors.Is(err, ErrClosed) {
		t.Errorf("NewViewer after Close gives %v", err)
	}
}

func TestViewerBounds(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/bounds")
	defer src.Close()
	v, err := s.NewViewer(ViewerOptions{})
	mustDo(t, err)
	for i := range maxSources {
		mustDo(t, v.Add("k"+itoa(i), src, ViewOptions{Audio: true, Video: true}))
	}
	if err := v.Add("more", src, ViewOptions{Audio: true}); !errors.Is(err, ErrTooManySources) {
		t.Errorf("one more gives %v", err)
	}
	if n := src.Subscribers(); n != maxSources {
		t.Errorf("%d subscribers", n)
	}
	for _, key := range []string{"", "a b", "a\r\nb", strings.Repeat("x", 65)} {
		if v.Add(key, src, ViewOptions{Audio: true}) == nil {
			t.Errorf("key %q is taken", key)
		}
	}
	if v.Add("k", nil, ViewOptions{}) == nil {
		t.Error("no Source is accepted")
	}
}

func TestViewerHandshakeTimeout(t *testing.T) {
	s := newSFU(t, func(c *Config) { c.HandshakeTimeout = 200 * time.Millisecond })
	b := broadcast(t, "live/timeout", 1_000_000, 20)
	v, offer := viewerOffer(t, s, b.src)
	pc, answer := answerTo(t, clientOptions{}, offer)
	mustDo(t, pc.GracefulClose())
	mustDo(t, v.Answer(answer))
	await(t, "the end", v.Done())
	if !errors.Is(v.Err(), ErrHandshakeTimeout) {
		t.Errorf("Err() = %v", v.Err())
	}
	if err := v.Answer(answer); !errors.Is(err, ErrClosed) {
		t.Errorf("Answer after the end gives %v", err)
	}
}

func TestViewerOverTCP(t *testing.T) {
	s := newSFU(t, func(c *Config) { c.UDPAddress, c.TCPAddress = "", "127.0.0.1:0" })
	a, b := broadcast(t, "live/a", 1_000_000, 20), broadcast(t, "live/b", 2_000_000, 20)
	c := newViewerClient(t, s, clientOptions{tcp: true})
	mustDo(t, c.v.Add("a", a.src, ViewOptions{Audio: true, Video: true}))
	mustDo(t, c.v.Add("b", b.src, ViewOptions{Audio: true, Video: true}))
	eventually(t, "both", func() bool { return c.count("a", Video) > 60 && c.count("b", Video) > 60 })
	checkMedia(t, a, Video, 20, c.got("a", Video))
	checkMedia(t, b, Video, 20, c.got("b", Video))
}

// TestViewerFeedbackFindsItsTrack: requests name one of several tracks.
func TestViewerFeedbackFindsItsTrack(t *testing.T) {
	s := newSFU(t)
	a, b := broadcast(t, "live/a", 1_000_000, 1000), broadcast(t, "live/b", 2_000_000, 1000)
	c := newViewerClient(t, s, clientOptions{})
	mustDo(t, c.v.Add("a", a.src, ViewOptions{Audio: true, Video: true}))
	mustDo(t, c.v.Add("b", b.src, ViewOptions{Audio: true, Video: true}))
	eventually(t, "both", func() bool { return c.count("a", Video) > 10 && c.count("b", Video) > 10 })
	a.end()
	b.end()
	packets := c.got("a", Video)
	last := packets[len(packets)-1]
	other := c.got("b", Video)[0].SSRC
	mustDo(t, c.pc.WriteRTCP([]rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: last.SSRC, FractionLost: 64}, {SSRC: other, FractionLost: 128}}},
		&rtcp.TransportLayerNack{SenderSSRC: 1, MediaSSRC: last.SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{last.SequenceNumber})},
		&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: other},
	}))
	eventually(t, "the feedback", func() bool {
		st := c.v.KeyStats()

		return st["a"].Video.RTX == 1 && st["b"].Video.PLI == 1 && st["a"].Video.FractionLost == .25 && st["b"].Video.FractionLost == .5
	})
	st := c.v.KeyStats()
	if st["b"].Video.NACK != 0 || st["b"].Video.RTX != 0 || st["a"].Video.PLI != 0 || st["a"].Audio.NACK != 0 {
		t.Errorf("feedback went to the wrong track: %+v", st)
	}
}

// viewerOffer makes a viewer of one source and gives its first offer.
func viewerOffer(t testing.TB, s *SFU, src *Source) (*Viewer, string) {
	t.Helper()
	offers := make(chan string, 10)
	v, err := s.NewViewer(ViewerOptions{OnOffer: func(sdp string, _ []ViewerTrack) { offers <- sdp }})
	mustDo(t, err)
	mustDo(t, v.Add("u", src, ViewOptions{Audio: true, Video: true}))
	select {
	case sdp := <-offers:
		return v, sdp
	case <-time.After(patience):
		t.Fatal("no offer")

		return nil, ""
	}
}

func answerTo(t testing.TB, opts clientOptions, offer string) (*webrtc.PeerConnection, string) {
	t.Helper()
	pc := newClientPC(t, opts)
	mustDo(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}))
	answer, err := pc.CreateAnswer(nil)
	mustDo(t, err)
	gathered := webrtc.GatheringCompletePromise(pc)
	mustDo(t, pc.SetLocalDescription(answer))
	await(t, "candidates", gathered)

	return pc, pc.LocalDescription().SDP
}

func TestViewerAnswersThatAreRefused(t *testing.T) {
	s := newSFU(t)
	b := broadcast(t, "live/answers", 1_000_000, 20)
	v, offer := viewerOffer(t, s, b.src)
	_, good := answerTo(t, clientOptions{}, offer)
	half := good[:strings.Index(good, "m=video")]
	for _, c := range []struct{ name, answer, says string }{
		{"empty", "", "SDP"},
		{"not SDP", "hello", "SDP"},
		{"too big", good + strings.Repeat("a=x:y\r\n", 50000), "bytes"},
		{"a section missing", half, "m= sections"},
		{"another order", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n" + good[strings.Index(good, "m=video"):] +
			good[strings.Index(good, "m=audio"):strings.Index(good, "m=video")], "order"},
		{"undecided", strings.ReplaceAll(good, "a=setup:active", "a=setup:actpass"), "setup"},
		{"no credentials", strings.ReplaceAll(good, "a=ice-ufrag", "a=x-ufrag"), "ice-ufrag"},
		{"short password", strings.ReplaceAll(good, "a=ice-pwd:", "a=ice-pwd:x\r\na=x:"), "ice-pwd"},
		{"no fingerprint", strings.ReplaceAll(good, "a=fingerprint", "a=x"), "fingerprint"},
	} {
		if err := v.Answer(c.answer); !errors.Is(err, ErrBadAnswer) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want ErrBadAnswer and something about %s", c.name, err, c.says)
		}
	}
	mustDo(t, v.Answer(good)) // it still waits
	await(t, "the connection", v.Established())
}

// TestViewerClientWithoutH264 gets audio and no video it could not show.
func TestViewerClientWithoutH264(t *testing.T) {
	s := newSFU(t)
	b := broadcast(t, "live/novideo", 1_000_000, 20)
	v, offer := viewerOffer(t, s, b.src)
	_, answer := answerTo(t, clientOptions{vp8: true}, offer)
	mustDo(t, v.Answer(answer))
	eventually(t, "audio", func() bool { return v.KeyStats()["u"].Audio.Packets > 20 })
	if n := v.KeyStats()["u"].Video.Packets; n != 0 {
		t.Errorf("%d video packets were sent to a client that refused them", n)
	}
}

// FuzzAnswer: whatever is answered, it is taken or refused, and nothing stays
// behind.
func FuzzAnswer(f *testing.F) {
	s, err := New(Config{UDPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	good := "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 1 2\r\na=setup:active\r\na=ice-ufrag:abcd\r\n" +
		"a=ice-pwd:abcdefghijklmnopqrstuv\r\na=fingerprint:sha-256 00:11\r\n" +
		"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:1\r\na=recvonly\r\na=rtpmap:111 opus/48000/2\r\n" +
		"a=candidate:1 1 udp 2130706431 127.0.0.1 9 typ host\r\n" +
		"m=video 9 UDP/TLS/RTP/SAVPF 102 103\r\nc=IN IP4 0.0.0.0\r\na=mid:2\r\na=recvonly\r\na=rtpmap:102 H264/90000\r\n"
	f.Add(good)
	f.Add(strings.ReplaceAll(good, "recvonly", "inactive"))
	f.Add(strings.ReplaceAll(good, "m=video 9", "m=video 0"))
	f.Add(strings.ReplaceAll(good, "sha-256 00:11", "md5 zz"))
	f.Add(strings.ReplaceAll(good, "udp 2130706431", "udp 99999999999999"))
	f.Add(strings.ReplaceAll(good, "mid:2", "mid:1"))
	f.Add(strings.ReplaceAll(good, "102 103", "96"))
	f.Add(good + "a=simulcast:recv a\r\na=rid:a recv\r\na=ssrc:1 cname:x\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		src := NewSource("fuzz")
		defer src.Close()
		v, _ := viewerOffer(t, s, src)
		defer func() { _ = v.Close() }()
		if err := v.Answer(answer); err != nil && !errors.Is(err, ErrBadAnswer) {
			t.Fatalf("refused with %v, which is not ErrBadAnswer", err)
		}
	})
}
