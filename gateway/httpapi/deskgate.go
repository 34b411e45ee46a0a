package httpapi

import (
	"strings"
	"time"

	"hutong/bridge/stream"
	"hutong/gateway/auth"
)

// Gate is what withholds a stream's frames from a player, whom a grant names, as
// the desk says: a caller on hold gets none, and gives none. It is nil for
// streams of no call, and for back ends.
func (s *Server) Gate(name string, g auth.Grant) stream.Gate {
	if s.Desk == nil || s.Rooms == nil || strings.HasPrefix(g.Subject, "key:") {
		return nil
	}
	roomID, speaker, ok := s.Rooms.RoomOf(name)
	if !ok || !s.Desk.IsCall(roomID) {
		return nil
	}
	listener := ""
	if g.RoomID == roomID {
		listener = g.UserID
	}
	return func(kind stream.Kind) bool {
		if !s.Desk.IsCall(roomID) {
			return false // it has ended
		}
		share := s.Desk.Share(roomID, listener, speaker)
		if kind == stream.Video {
			return share.Video
		}
		return share.Audio
	}
}

// gateEvery is how often it is looked whether a WHEP player may go on.
const gateEvery = 200 * time.Millisecond

// keepGate ends a WHEP player once its gate shuts: unlike others it comes back
// by itself only when it is told to.
func (s *Server) keepGate(gate stream.Gate, done <-chan struct{}, end func() error) {
	tick := time.NewTicker(gateEvery)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if !gate(stream.Video) || !gate(stream.Audio) {
				_ = end()
				return
			}
		}
	}
}
