package sfu

import (
	"sync"
	"sync/atomic"

	"github.com/pion/webrtc/v4"

	"hutong/sfu/internal/seal"
)

// link is a peer's connection as everything that sends over it sees it.
type link struct {
	sfu       *SFU
	pc        *webrtc.PeerConnection
	roundTrip atomic.Int64 // ns, from the player's reports; 0 while unknown
	quality   quality      // by the player's reports

	handshake *seal.Handshake // nil where pion is to seal everything
	session   *seal.Session   // set once, before anything is sent; nil where pion seals
	finding   sync.Mutex      // taken to store path
	path      atomic.Pointer[path]
	sealed    atomic.Bool // a track depends on path
}

// hasPath reports whether packets can be sent at all: not while ICE restarts.
func (l *link) hasPath() bool {
	if l.pc == nil {
		return true
	}
	state := l.pc.ICEConnectionState()

	return state == webrtc.ICEConnectionStateConnected || state == webrtc.ICEConnectionStateCompleted
}
