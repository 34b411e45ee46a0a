package sfu

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"hutong/sfu/internal/seal"
)

// answerer is a peer of one Source that was set up by an offer: a Publisher or
// a Subscriber.
type answerer struct {
	*peer
	source *Source
	offer  *offer

	engine *webrtc.MediaEngine // the connection's own

	onCandidate func(webrtc.ICECandidateInit) // nil has answers wait for all candidates

	exchange    sync.Mutex // held from a later offer to its answer; taken before negotiation
	negotiation sync.Mutex
	candidates  int // further ones to take before the next ICE restart
}

func (s *SFU) newAnswerer(o *offer, src *Source, publishing bool) (*answerer, error) {
	engine, registry, err := newEngines(o, publishing)
	if err != nil {
		return nil, fmt.Errorf("sfu: cannot make a peer connection: %w", err)
	}
	var handshake *seal.Handshake
	if !publishing {
		handshake = s.overhear(o.passive)
	}
	_, pc, err := s.connection(engine, registry, o.passive, handshake)
	if err != nil {
		return nil, fmt.Errorf("sfu: cannot make a peer connection: %w", err)
	}
	a := &answerer{
		peer: &peer{link: link{sfu: s, pc: pc, handshake: handshake}}, source: src, offer: o, engine: engine, candidates: maxCandidates,
	}
	a.peer.init(src.name)

	return a, nil
}

// start registers the peer and answers its offer. Where it fails nothing is left.
func (a *answerer) start(ctx context.Context, self sourcePeer, subscriber bool) (string, error) {
	if !a.sfu.enter(a.peer) {
		_ = a.pc.GracefulClose()

		return "", ErrClosed
	}
	err := a.source.join(self, subscriber)
	if a.ending() {
		a.source.leave(self, subscriber)
	}
	var answer string
	if err == nil {
		a.begin()
		answer, err = a.answer(ctx)
	}
	if err != nil {
		a.shutdown(err)
		<-a.done

		return "", err
	}

	return answer, nil
}

// negotiate answers an offer, with all candidates in the answer unless there is
// another way to tell them. A connection left halfway by a failure is of no more
// use and ends.
func (a *answerer) negotiate(ctx context.Context, text string) (string, error) {
	a.negotiation.Lock()
	defer a.negotiation.Unlock()
	local, err := a.apply(ctx, text)
	if err != nil && a.pc.SignalingState() != webrtc.SignalingStateStable {
		a.shutdown(err)
	}

	return local, err
}

func (a *answerer) apply(ctx context.Context, text string) (string, error) {
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text}
	if err := a.pc.SetRemoteDescription(offer); err != nil {
		return "", badOffer("%v", err)
	}
	answer, err := a.pc.CreateAnswer(nil)
	if err != nil {
		return "", badOffer("it cannot be answered: %v", err)
	}
	gathered := webrtc.GatheringCompletePromise(a.pc)
	if err := a.pc.SetLocalDescription(answer); err != nil {
		return "", badOffer("its answer cannot be applied: %v", err)
	}
	patience := a.sfu.config.GatherTimeout + time.Second
	if a.onCandidate != nil {
		patience = hostGatherTime
	}
	bound := time.NewTimer(patience)
	defer bound.Stop()
	select {
	case <-gathered:
	case <-bound.C:
	case <-ctx.Done():
		return "", ctx.Err()
	}

	return a.pc.LocalDescription().SDP, nil
}

// answer runs the first negotiation.
func (a *answerer) answer(ctx context.Context) (string, error) {
	text, err := a.offer.reduced.Marshal()
	if err != nil {
		return "", badOffer("%v", err)
	}
	local, err := a.negotiate(ctx, string(text))
	if err != nil {
		return "", err
	}

	return a.offer.complete(local)
}
