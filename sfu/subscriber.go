package sfu

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// SubscribeOptions says what a player wants.
type SubscribeOptions struct {
	Source *Source
}

// Subscriber is one player: a PeerConnection that sends.
type Subscriber struct {
	*peer
	tracks     [kinds]*downTrack
	outlet     *outlet
	nextReport int64 // mono; used by the shard alone
	rtt        atomic.Int64
}

// Subscribe answers a player's offer, which is recvonly H.264 video and Opus
// audio or either. It does so whether or not the Source has begun: media starts
// when there is some. ctx bounds the negotiation only. Errors wrap [ErrBadOffer],
// [ErrNoH264], [ErrSourceClosed] or [ErrClosed].
func (s *SFU) Subscribe(ctx context.Context, offerSDP string, opts SubscribeOptions) (*Subscriber, string, error) {
	o, err := s.open(ctx, offerSDP, opts.Source, false)
	if err != nil {
		return nil, "", err
	}
	p, err := s.newPeer(o, opts.Source, false)
	if err != nil {
		return nil, "", err
	}
	sub := &Subscriber{peer: p}
	p.onEstablished, p.onClose, p.onGone = sub.send, sub.stop, sub.release
	if err := sub.addTracks(); err != nil {
		_ = p.pc.GracefulClose()

		return nil, "", err
	}
	answer, err := p.start(ctx, sub, true)
	if err != nil {
		return nil, "", err
	}

	return sub, answer, nil
}

func (sub *Subscriber) addTracks() error {
	for kind, m := range sub.offer.media {
		if m == nil {
			continue
		}
		d := &downTrack{sub: sub, source: &sub.source.tracks[kind], rtxCredit: rtxCreditCap / 2}
		d.nextOut = uint16(1000 + rand.IntN(20000))
		t, err := sub.pc.AddTransceiverFromTrack(d, webrtc.RTPTransceiverInit{
			Direction: webrtc.RTPTransceiverDirectionSendonly,
		})
		if err != nil {
			return err
		}
		sub.tracks[kind] = d
		sender := t.Sender()
		sub.spawn(func() { sub.feedback(d, sender) })
	}

	return nil
}

// send has a shard send to the subscriber.
func (sub *Subscriber) send() {
	src := sub.source
	shard := sub.sfu.shardFor(src, src.Subscribers()-1)
	o := src.enterOutlet(shard)
	sub.mu.Lock()
	sub.outlet = o
	sub.mu.Unlock()
	o.add(sub)
}

func (sub *Subscriber) stop() {
	sub.source.leave(sub, true)
}

// release is called once nothing of the subscriber runs any more.
func (sub *Subscriber) release() {
	sub.mu.Lock()
	o := sub.outlet
	sub.mu.Unlock()
	if o != nil {
		o.remove(sub)
		sub.source.leaveOutlet(o)
	}
}

// Stats is a snapshot of the connection and of what has been sent.
func (sub *Subscriber) Stats() Stats {
	s := sub.baseStats()
	s.RTT = time.Duration(sub.rtt.Load())
	if d := sub.tracks[Video]; d != nil {
		s.Video = d.snapshot()
	}
	if d := sub.tracks[Audio]; d != nil {
		s.Audio = d.snapshot()
	}

	return s
}

var errCodecGone = errors.New("sfu: the chosen codec was not negotiated")

// Bind takes what was negotiated. pion calls it (webrtc.TrackLocal).
func (d *downTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	m := d.sub.offer.media[d.source.kind]
	for _, codec := range c.CodecParameters() {
		if !strings.EqualFold(codec.MimeType, m.codec.MimeType) {
			continue
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.w = c.WriteStream()
		d.hdr = rtp.Header{Version: 2, PayloadType: uint8(codec.PayloadType), SSRC: uint32(c.SSRC())}
		if d.source.kind == Video {
			d.hist = make([]sent, history)
			if m.rtx != 0 {
				d.rtxSSRC, d.rtxPT = uint32(c.SSRCRetransmission()), m.rtx
				d.rtxSeq = uint16(1000 + rand.IntN(20000))
			}
		}

		return codec, nil
	}

	return webrtc.RTPCodecParameters{}, errCodecGone
}

// Unbind ends sending. pion calls it (webrtc.TrackLocal).
func (d *downTrack) Unbind(webrtc.TrackLocalContext) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.w = nil

	return nil
}

// ID names the track (webrtc.TrackLocal).
func (d *downTrack) ID() string { return d.source.kind.String() }

// RID is empty: a subscriber gets one layer (webrtc.TrackLocal).
func (d *downTrack) RID() string { return "" }

// StreamID is the same for both tracks, so that players keep them in step
// (webrtc.TrackLocal).
func (d *downTrack) StreamID() string { return d.sub.id }

// Kind is the kind of track (webrtc.TrackLocal).
func (d *downTrack) Kind() webrtc.RTPCodecType {
	if d.source.kind == Video {
		return webrtc.RTPCodecTypeVideo
	}

	return webrtc.RTPCodecTypeAudio
}
