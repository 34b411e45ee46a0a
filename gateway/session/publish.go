package session

import (
	"context"
	"fmt"

	"hutong/bridge/stream"
	"hutong/gateway/room"
	"hutong/sfu"
)

// publish answers an offer of the publishing peer connection: its first, or a
// later one of the same.
func (s *Session) publish(ctx context.Context, offer string) error {
	if s.role == room.Audience {
		return fmt.Errorf("%w: the audience only watches; join with another role", errNoRight)
	}
	if err := sfu.CheckPublishOffer(offer); err != nil {
		return err
	}
	s.pubMu.Lock()
	defer s.pubMu.Unlock()
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	if ended { // and nobody would end what it publishes
		return sfu.ErrClosed
	}
	if p := s.publisher; p != nil {
		if sdp, err := p.Renegotiate(offer); err == nil {
			s.send(answer{Type: "answer", PC: "pub", SDP: sdp})
			return nil
		}
		// A page that was reloaded, or whose connection failed, begins anew.
		s.dropPublisher(false)
	}
	if err := s.may(ctx, true, s.name); err != nil {
		return err
	}
	pub, err := s.h.o.Streams.Publish(s.name, stream.PublisherInfo{Protocol: "webrtc", Remote: s.who.UserID, Origin: stream.FromWebRTC,
		Kick: func(error) { s.stopPublishing(false) }})
	if err != nil {
		return err
	}
	peer, sdp, err := s.h.o.SFU.Publish(ctx, offer, sfu.PublishOptions{Source: pub.Stream().Source()})
	if err != nil {
		pub.Close(true)
		return err
	}
	s.publisher, s.publication = peer, pub
	gone := s.h.o.Observe(false, peer.Stats)
	s.h.wg.Go(func() {
		<-peer.Done()
		gone()
		s.lost(peer)
	})
	s.send(answer{Type: "answer", PC: "pub", SDP: sdp})
	return nil
}

// lost notes that a publishing connection has ended by itself.
func (s *Session) lost(peer *sfu.Publisher) {
	s.pubMu.Lock()
	defer s.pubMu.Unlock()
	if s.publisher == peer {
		s.dropPublisher(false)
	}
}

// stopPublishing ends the member's stream; final says that it will not go on.
func (s *Session) stopPublishing(final bool) {
	s.pubMu.Lock()
	defer s.pubMu.Unlock()
	s.dropPublisher(final)
}

// dropPublisher forgets the publisher. The caller holds s.pubMu.
func (s *Session) dropPublisher(final bool) {
	peer, pub := s.publisher, s.publication
	s.publisher, s.publication = nil, nil
	if pub != nil {
		pub.Close(final)
	}
	if peer != nil {
		peer.Close()
	}
}
