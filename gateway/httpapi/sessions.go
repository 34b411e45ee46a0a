package httpapi

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
)

// peer is the WebRTC side of a WHIP or WHEP session.
type peer interface {
	Patch(fragment string) (answer string, restarted bool, err error)
	Close() error
	Done() <-chan struct{}
}

// peerSession is a WHIP or WHEP session: what its URL stands for.
type peerSession struct {
	id   string
	path string // of the endpoint it was made at
	peer peer

	mu   sync.Mutex
	etag string // of the current ICE session; it changes with a restart
	bye  bool   // the client ended it by DELETE
}

func (s *peerSession) tag() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.etag
}

func (s *peerSession) restarted() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.etag = newETag()
	return s.etag
}

func (s *peerSession) goodbye() {
	s.mu.Lock()
	s.bye = true
	s.mu.Unlock()
}

func (s *peerSession) saidGoodbye() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bye
}

// sessions is the table of WebRTC sessions by their unguessable ids.
type sessions struct {
	max int

	mu     sync.Mutex
	byID   map[string]*peerSession
	held   int // places taken by sessions being made
	closed bool
	wg     sync.WaitGroup
}

func newSessions(max int) *sessions { return &sessions{max: max, byID: map[string]*peerSession{}} }

// reserve takes a place before the costly work of a handshake; full is reported
// as false. The place goes to add or is given back by release.
func (t *sessions) reserve() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || len(t.byID)+t.held >= t.max {
		return false
	}
	t.held++
	return true
}

func (t *sessions) release() {
	t.mu.Lock()
	t.held--
	t.mu.Unlock()
}

// add files a session in its reserved place and calls ended once its peer is
// done, with whether the client said goodbye.
func (t *sessions) add(path string, p peer, ended func(goodbye bool)) *peerSession {
	s := &peerSession{id: newID(), path: path, peer: p, etag: newETag()}
	t.mu.Lock()
	t.held--
	t.byID[s.id] = s
	closed := t.closed
	t.wg.Add(1)
	t.mu.Unlock()
	if closed {
		p.Close()
	}
	go func() {
		defer t.wg.Done()
		<-p.Done()
		t.mu.Lock()
		delete(t.byID, s.id)
		t.mu.Unlock()
		ended(s.saidGoodbye())
	}()
	return s
}

func (t *sessions) get(path, id string) *peerSession {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s := t.byID[id]; s != nil && s.path == path {
		return s
	}
	return nil
}

func (t *sessions) closeAll() {
	t.mu.Lock()
	t.closed = true
	var peers []peer
	for _, s := range t.byID {
		peers = append(peers, s.peer)
	}
	t.mu.Unlock()
	for _, p := range peers {
		p.Close()
	}
}

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

func newETag() string { return `"` + newID()[:16] + `"` }
