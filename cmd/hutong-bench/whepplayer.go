package main

import (
	"context"
	"errors"
	"flag"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

var errPeerFailed = errors.New("the peer connection failed or was closed by the server")

// whepPlayer plays by WHEP. With a sweeper it stops decrypting after its first whole keyframe.
type whepPlayer struct {
	tally
	url, bearer string
	by          *sweeper
	// onVideo and onAudio, where set, are given every decrypted packet.
	onVideo, onAudio func(*rtp.Packet)

	peer     *peer
	sources  map[uint32]*sequence
	keyStamp uint32
	inKey    bool
}

func (p *whepPlayer) counts() *tally { return &p.tally }

func (p *whepPlayer) play(ctx context.Context) error {
	p.sources = map[uint32]*sequence{}
	p.begin()
	peer, err := newPeer(false, p.by, p.count)
	if err != nil {
		return err
	}
	p.peer = peer
	defer peer.close(p.bearer)
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		init := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
		if _, err := peer.pc.AddTransceiverFromKind(kind, init); err != nil {
			return err
		}
	}
	peer.pc.OnTrack(func(track *webrtc.TrackRemote, _ *webrtc.RTPReceiver) {
		take := p.onAudio
		if track.Kind() == webrtc.RTPCodecTypeVideo {
			take = p.lookForKey
		}
		for {
			packet, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			if take != nil {
				take(packet)
			}
		}
	})
	if err := peer.exchange(ctx, p.url, p.bearer); err != nil {
		return ended(ctx, err)
	}
	select {
	case <-ctx.Done():
		return nil
	case <-peer.down:
		return ended(ctx, errPeerFailed)
	}
}

// count sees every media packet, still encrypted.
func (p *whepPlayer) count(packets []rtpHead) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range packets {
		s := p.sources[h.ssrc]
		if s == nil {
			s = &sequence{}
			p.sources[h.ssrc] = s
		}
		s.add(h.seq)
		p.packets++
		p.bytes += int64(h.length)
		if h.pt == audioPT {
			p.audio++
			continue
		}
		p.video(false)
		if h.marker {
			p.frames++
		}
	}
	p.expected, p.received = 0, 0
	for _, s := range p.sources {
		p.expected += s.expected()
		p.received += s.received
	}
}

// lookForKey sees decrypted video packets; the marker of a key picture completes it.
func (p *whepPlayer) lookForKey(packet *rtp.Packet) {
	if p.onVideo != nil {
		defer p.onVideo(packet)
	}
	if startsIDR(packet.Payload) {
		p.inKey, p.keyStamp = true, packet.Timestamp
	}
	if !p.inKey || !packet.Marker || packet.Timestamp != p.keyStamp {
		return
	}
	p.inKey = false
	p.mu.Lock()
	p.video(true)
	p.mu.Unlock()
	p.peer.socket.goLight()
}

// ended makes an error nil that only came because ctx ended.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func runWHEP(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("whep", flag.ContinueOnError)
	f := addLoadFlags(fs)
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	return f.run(ctx, "whep", func(i int, by *sweeper) player {
		return &whepPlayer{url: numbered(f.url, i), bearer: f.bearer, by: by}
	}, func(p player, l line) {
		if w := p.(*whepPlayer); w.peer != nil {
			l["srtp"] = profileName(uint16(w.peer.socket.hello.Load()))
		}
	})
}

const lazyDefault = 20 * time.Millisecond
