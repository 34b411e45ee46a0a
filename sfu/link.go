package sfu

import (
	"sync/atomic"

	"github.com/pion/webrtc/v4"
)

// link is a peer's connection as everything that sends over it sees it.
type link struct {
	sfu       *SFU
	pc        *webrtc.PeerConnection
	roundTrip atomic.Int64 // ns, from the player's reports; 0 while unknown
	quality   quality      // by the player's reports
}

// hasPath reports whether packets can be sent at all: not while ICE restarts.
func (l *link) hasPath() bool {
	if l.pc == nil {
		return true
	}
	state := l.pc.ICEConnectionState()

	return state == webrtc.ICEConnectionStateConnected || state == webrtc.ICEConnectionStateCompleted
}
