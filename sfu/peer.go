package sfu

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// peer is what all peers have in common: a PeerConnection, its beginning and its end.
type peer struct {
	link
	id   string
	name string // of the stream, for logs

	created     time.Time
	established chan struct{}
	done        chan struct{}
	timer       *time.Timer // gives up on the handshake

	onEstablished func()
	onClose       func()
	onGone        func() // nothing of the peer runs any more

	mu        sync.Mutex
	connected time.Time
	closing   bool
	err       error
	readers   sync.WaitGroup
}

// init names the peer, whose link is there already.
func (p *peer) init(name string) {
	raw := make([]byte, 12)
	_, _ = rand.Read(raw)
	p.id, p.name, p.created = hex.EncodeToString(raw), name, time.Now()
	p.established, p.done = make(chan struct{}), make(chan struct{})
	p.onEstablished, p.onClose, p.onGone = func() {}, func() {}, func() {}
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
	p.watchPath()
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
	p.secure()
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
		p.sfu.config.Logger.Debug("peer gone", "peer", p.id, "stream", p.name, "reason", err)
		close(p.done)
		p.sfu.forget(p)
	}()
}

// transport gives the selected addresses, "" while there are none.
func (p *peer) transport() (remote, local, protocol string) {
	select {
	case <-p.established:
	default:
		return "", "", ""
	}
	ice := p.pc.SCTP().Transport().ICETransport()
	pair, err := ice.GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return "", "", ""
	}

	address := func(c *webrtc.ICECandidate) string { return net.JoinHostPort(c.Address, itoa(int(c.Port))) }

	return address(pair.Remote), address(pair.Local), pair.Local.Protocol.String()
}

func (p *peer) baseStats() Stats {
	s := Stats{ID: p.id, Source: p.name, Created: p.created}
	p.mu.Lock()
	s.Connected = p.connected
	p.mu.Unlock()
	s.RemoteAddr, s.LocalAddr, s.Protocol = p.transport()

	return s
}
