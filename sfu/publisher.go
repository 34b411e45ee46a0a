package sfu

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// PublishOptions says where a publisher's media goes.
type PublishOptions struct {
	Source *Source

	// OnCandidate is given candidates of ours that an answer did not have; nil
	// has answers wait for all candidates. It may be called before the answer
	// has been returned, and must not block.
	OnCandidate func(webrtc.ICECandidateInit)
}

// Publisher is one PeerConnection that receives. While it is the newest on its
// Source, players get what it sends.
type Publisher struct {
	*answerer
	received [lanes]upTrack

	turn  sync.Mutex // of replacing the feed
	ended bool
	feed  atomic.Pointer[Feed] // nil until connected
}

// Publish answers a publisher's offer: sendonly H.264 video, Opus audio, or
// both; video may have up to three layers (simulcast, RFC 8853). When it has
// connected it becomes the Source's feed. ctx bounds the negotiation only.
// Errors wrap [ErrBadOffer], [ErrNoH264], [ErrSourceClosed] or [ErrClosed].
func (s *SFU) Publish(ctx context.Context, offerSDP string, opts PublishOptions) (*Publisher, string, error) {
	o, err := s.open(ctx, offerSDP, opts.Source, true)
	if err != nil {
		return nil, "", err
	}
	a, err := s.newAnswerer(o, opts.Source, true)
	if err != nil {
		return nil, "", err
	}
	pub := &Publisher{answerer: a}
	for lane := range pub.received {
		pub.received[lane].init(lane)
	}
	a.onEstablished, a.onClose = func() { pub.feedSource() }, pub.end
	if a.onCandidate = opts.OnCandidate; a.onCandidate != nil {
		a.pc.OnICECandidate(func(c *webrtc.ICECandidate) {
			if c != nil {
				a.onCandidate(c.ToJSON())
			}
		})
	}
	a.pc.OnTrack(pub.track)
	answer, err := a.start(ctx, pub, false)
	if err != nil {
		return nil, "", err
	}

	return pub, answer, nil
}

// feedSource makes this publisher the Source's feed, the first time it is
// called. It returns nil once the publisher has ended.
func (pub *Publisher) feedSource() *Feed {
	if f := pub.feed.Load(); f != nil {
		return f
	}
	pub.turn.Lock()
	defer pub.turn.Unlock()
	if pub.ended {
		return nil
	}
	if pub.feed.Load() == nil {
		pub.feed.Store(pub.source.Attach(pub.feedOptions()))
	}

	return pub.feed.Load()
}

func (pub *Publisher) feedOptions() FeedOptions {
	o := FeedOptions{
		HasVideo: pub.offer.flowing(Video), HasAudio: pub.offer.flowing(Audio),
		RequestKeyframe: func() { pub.requestKeyframe(int(Video)) },
	}
	if v := pub.offer.chosen(Video); v != nil && len(v.rids) > 0 {
		o.rids = v.rids
		o.requestLayer = func(layer int) { pub.requestKeyframe(kinds + layer) }
	}

	return o
}

// refeed begins a new turn on the Source if the publisher sends other tracks
// than before, unless its turn is over.
func (pub *Publisher) refeed() {
	pub.turn.Lock()
	defer pub.turn.Unlock()
	f := pub.feed.Load()
	if f == nil || pub.ended {
		return
	}
	next := pub.feedOptions()
	if f.opts.HasVideo == next.HasVideo && f.opts.HasAudio == next.HasAudio && slices.Equal(f.opts.rids, next.rids) {
		return
	}
	pub.feed.Store(pub.source.succeed(f, next))
	pub.source.RequestKeyframe()
}

func (pub *Publisher) end() {
	pub.turn.Lock()
	pub.ended = true
	f := pub.feed.Load()
	pub.turn.Unlock()
	if f != nil {
		f.Close()
	}
	pub.source.leave(pub, false)
}

// requestKeyframe sends a picture loss indication (RFC 4585 §6.3.1).
func (pub *Publisher) requestKeyframe(lane int) {
	up := &pub.received[lane]
	ssrc := up.ssrc.Load()
	if ssrc == 0 {
		return
	}
	up.plis.Add(1)
	_ = pub.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: ssrc}})
}

// Stats is a snapshot of the connection and of what has been received.
func (pub *Publisher) Stats() Stats {
	s := pub.baseStats()
	s.RTT = pub.rtt()
	s.Video, s.Audio = pub.received[Video].snapshot(), pub.received[Audio].snapshot()
	v := pub.offer.chosen(Video)
	if v == nil || len(v.rids) == 0 {
		return s
	}
	for i, rid := range v.rids {
		layer := pub.received[kinds+i].snapshot()
		s.Video.add(layer)
		layer.Layer, layer.Width, layer.Height = pub.source.layerOf(kinds + i)
		layer.Layer = rid
		s.Layers = append(s.Layers, layer)
	}
	s.Video.Layer, s.Video.Width, s.Video.Height = pub.source.layerOf(int(Video))

	return s
}
