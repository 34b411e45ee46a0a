package sfu

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// answerer is a peer of one Source that was set up by an offer: a Publisher or
// a Subscriber.
type answerer struct {
	*peer
	source *Source
	offer  *offer

	negotiation sync.Mutex
	candidates  int // further ones to take before the next ICE restart
}

func (s *SFU) newAnswerer(o *offer, src *Source, publishing bool) (*answerer, error) {
	pc, err := s.newPeerConnection(o, publishing)
	if err != nil {
		return nil, fmt.Errorf("sfu: cannot make a peer connection: %w", err)
	}
	a := &answerer{peer: &peer{link: link{sfu: s, pc: pc}}, source: src, offer: o, candidates: maxCandidates}
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

// negotiate answers the offer with all candidates in the answer.
func (a *answerer) negotiate(ctx context.Context, text string) (string, error) {
	a.negotiation.Lock()
	defer a.negotiation.Unlock()
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
	bound := time.NewTimer(a.sfu.config.GatherTimeout + time.Second)
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
