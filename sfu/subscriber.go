package sfu

import (
	"context"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// SubscribeOptions says what a player wants.
type SubscribeOptions struct {
	Source *Source
}

// Subscriber is one player of one Source: a PeerConnection that sends.
type Subscriber struct {
	*answerer
	sub  *subscription
	turn sync.Mutex // entering and leaving the shard
	gone bool
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
	a, err := s.newAnswerer(o, opts.Source, false)
	if err != nil {
		return nil, "", err
	}
	sub := &Subscriber{answerer: a, sub: newSubscription(&a.link, opts.Source, a.id)}
	a.onEstablished, a.onClose, a.onGone = sub.send, sub.stop, sub.release
	if err := sub.addTracks(); err != nil {
		_ = a.pc.GracefulClose()

		return nil, "", err
	}
	answer, err := a.start(ctx, sub, true)
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
		d := sub.sub.newDownTrack(Kind(kind))
		t, err := sub.pc.AddTransceiverFromTrack(d, webrtc.RTPTransceiverInit{
			Direction: webrtc.RTPTransceiverDirectionSendonly,
		})
		if err != nil {
			return err
		}
		sub.sub.tracks[kind] = d
		sender := t.Sender()
		sub.spawn(func() { d.feedback(sender) })
	}

	return nil
}

// send has a shard send to the subscriber.
func (sub *Subscriber) send() {
	sub.turn.Lock()
	defer sub.turn.Unlock()
	if !sub.gone {
		sub.sub.enter()
	}
}

func (sub *Subscriber) stop() {
	sub.source.leave(sub, true)
}

// release is called once nothing of the subscriber runs any more.
func (sub *Subscriber) release() {
	sub.turn.Lock()
	defer sub.turn.Unlock()
	sub.gone = true
	sub.sub.exit()
}

// Stats is a snapshot of the connection and of what has been sent.
func (sub *Subscriber) Stats() Stats {
	s := sub.baseStats()
	s.RTT = time.Duration(sub.roundTrip.Load())
	s.Thin, s.Bandwidth = sub.quality.reduced()
	s.Video, s.Audio = sub.sub.snapshot(Video), sub.sub.snapshot(Audio)

	return s
}
