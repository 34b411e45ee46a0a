package sfu

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// peer is what a Publisher and a Subscriber have in common: a PeerConnection
// with its negotiation and its end.
type peer struct {
	sfu    *SFU
	source *Source
	id     string
	pc     *webrtc.PeerConnection
	offer  *offer

	created     time.Time
	established chan struct{}
	done        chan struct{}
	timer       *time.Timer // gives up on the handshake

	onEstablished func()
	onClose       func()
	onGone        func() // nothing of the peer runs any more

	negotiation sync.Mutex
	candidates  int // taken since the last ICE restart

	mu        sync.Mutex
	connected time.Time
	closing   bool
	err       error
	readers   sync.WaitGroup
}

func (s *SFU) newPeer(o *offer, src *Source, publishing bool) (*peer, error) {
	pc, err := s.newPeerConnection(o, publishing)
	if err != nil {
		return nil, fmt.Errorf("sfu: cannot make a peer connection: %w", err)
	}
	raw := make([]byte, 12)
	_, _ = rand.Read(raw)
	p := &peer{
		sfu: s, source: src, id: hex.EncodeToString(raw), pc: pc, offer: o, created: time.Now(),
		established: make(chan struct{}), done: make(chan struct{}), candidates: maxCandidates,
		onEstablished: func() {}, onClose: func() {}, onGone: func() {},
	}

	return p, nil
}

// ID is a random name for the peer, hard to guess.
func (p *peer) ID() string { return p.id }

// Done is closed when the peer is gone and all of its goroutines have ended.
func (p *peer) Done() <-chan struct{} { return p.done }

// Established is closed when media can flow: ICE and DTLS have finished.
func (p *peer) Established() <-chan struct{} { return p.established }

// Err says why the peer ended: nil while it lives and when either side closed
// it, else [ErrPeerLost], [ErrHandshakeTimeout], [ErrSourceClosed] or [ErrClosed].
func (p *peer) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.err
}

// Close ends the peer and waits until it is gone.
func (p *peer) Close() error {
	p.shutdown(nil)
	<-p.done

	return nil
}

// begin watches the connection until it ends.
func (p *peer) begin() {
	p.pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			p.establish()
		case webrtc.PeerConnectionStateFailed:
			p.shutdown(ErrPeerLost)
		case webrtc.PeerConnectionStateClosed:
			p.shutdown(nil)
		}
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return
	}
	p.timer = time.AfterFunc(p.sfu.config.HandshakeTimeout, func() {
		select {
		case <-p.established:
		default:
			p.shutdown(ErrHandshakeTimeout)
		}
	})
}

// start registers the peer and answers its offer. Where it fails nothing is left.
func (p *peer) start(ctx context.Context, self sourcePeer, subscriber bool) (string, error) {
	if !p.sfu.enter(p) {
		_ = p.pc.GracefulClose()

		return "", ErrClosed
	}
	err := p.source.join(self, subscriber)
	if p.ending() {
		p.source.leave(self, subscriber)
	}
	var answer string
	if err == nil {
		p.begin()
		answer, err = p.answer(ctx)
	}
	if err != nil {
		p.shutdown(err)
		<-p.done

		return "", err
	}

	return answer, nil
}

func (p *peer) ending() bool {
	p.mu.Lock()
	defer p.mu.Unlock()

	return p.closing
}

func (p *peer) establish() {
	p.mu.Lock()
	if p.closing || !p.connected.IsZero() {
		p.mu.Unlock()

		return
	}
	p.connected = time.Now()
	p.timer.Stop()
	p.mu.Unlock()
	close(p.established)
	p.spawn(p.onEstablished)
}

// spawn runs fn as a goroutine of the peer, unless the peer is ending.
func (p *peer) spawn(fn func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return
	}
	p.readers.Add(1)
	go func() {
		defer p.readers.Done()
		fn()
	}()
}

// shutdown begins the end. The first reason counts.
func (p *peer) shutdown(err error) {
	p.mu.Lock()
	if p.closing {
		p.mu.Unlock()

		return
	}
	p.closing, p.err = true, err
	if p.timer != nil {
		p.timer.Stop()
	}
	p.mu.Unlock()
	go func() {
		p.onClose()
		_ = p.pc.GracefulClose()
		p.readers.Wait()
		p.onGone()
		p.sfu.config.Logger.Debug("peer gone", "peer", p.id, "stream", p.source.name, "reason", err)
		close(p.done)
		p.sfu.forget(p)
	}()
}

// negotiate answers the offer with all candidates in the answer.
func (p *peer) negotiate(ctx context.Context, text string) (string, error) {
	p.negotiation.Lock()
	defer p.negotiation.Unlock()
	offer := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: text}
	if err := p.pc.SetRemoteDescription(offer); err != nil {
		return "", badOffer("%v", err)
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", badOffer("it cannot be answered: %v", err)
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", badOffer("its answer cannot be applied: %v", err)
	}
	bound := time.NewTimer(p.sfu.config.GatherTimeout + time.Second)
	defer bound.Stop()
	select {
	case <-gathered:
	case <-bound.C:
	case <-ctx.Done():
		return "", ctx.Err()
	}

	return p.pc.LocalDescription().SDP, nil
}

// answer runs the first negotiation.
func (p *peer) answer(ctx context.Context) (string, error) {
	text, err := p.offer.reduced.Marshal()
	if err != nil {
		return "", badOffer("%v", err)
	}
	local, err := p.negotiate(ctx, string(text))
	if err != nil {
		return "", err
	}

	return p.offer.complete(local)
}

// transport gives the selected addresses, "" while there are none.
func (p *peer) transport() (remote, local, protocol string) {
	ice := p.pc.SCTP().Transport().ICETransport()
	pair, err := ice.GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return "", "", ""
	}

	address := func(c *webrtc.ICECandidate) string { return net.JoinHostPort(c.Address, itoa(int(c.Port))) }

	return address(pair.Remote), address(pair.Local), pair.Local.Protocol.String()
}

func (p *peer) baseStats() Stats {
	s := Stats{ID: p.id, Source: p.source.name, Created: p.created}
	p.mu.Lock()
	s.Connected = p.connected
	p.mu.Unlock()
	s.RemoteAddr, s.LocalAddr, s.Protocol = p.transport()

	return s
}
