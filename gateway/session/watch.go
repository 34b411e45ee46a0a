package session

import (
	"context"
	"fmt"
	"time"

	"github.com/pion/webrtc/v4"

	"hutong/bridge/stream"
	"hutong/gateway/room"
	"hutong/sfu"
)

// maxTiles bounds what a page may say it shows.
const maxTiles = 64

// watched is a member whose media the session receives.
type watched struct {
	stream *stream.Stream
	player *stream.Player
}

// watch keeps the viewer in step with the room until the session ends.
func (s *Session) watch() {
	defer s.h.wg.Done()
	defer func() {
		for user := range s.watching {
			s.unwatch(user)
		}
	}()
	for {
		select {
		case <-s.done:
			return
		case <-s.viewer.Done():
			s.h.wg.Go(s.loseMedia)
			<-s.done
			return
		case <-s.look:
			s.reconcile()
		}
	}
}

// farewell is how long a page's word that it goes may come after its connections'
// end.
const farewell = time.Second

// loseMedia ends a session whose receiving connection has ended, unless the page
// has gone: then its place is kept for a while.
func (s *Session) loseMedia() {
	select {
	case <-s.done:
		return
	case <-time.After(farewell):
	}
	s.mu.Lock()
	going := s.going
	s.mu.Unlock()
	if !going {
		s.end("connection_lost", false)
	}
}

func (s *Session) reconcile() {
	s.catchUp()
	s.mu.Lock()
	members := s.view.Members
	tiles := s.tiles
	s.mu.Unlock()
	wanted := map[string]*stream.Stream{}
	for _, m := range members {
		if m.UserID == s.who.UserID || m.Role == room.Audience {
			continue
		}
		if st := s.h.o.Streams.Get(m.Stream); st != nil {
			wanted[m.UserID] = st
		}
	}
	for user, w := range s.watching {
		if wanted[user] != w.stream {
			s.unwatch(user)
		}
	}
	for user, st := range wanted {
		if s.watching[user] == nil {
			s.rewatch(user, st)
		}
		if t, shown := tiles[user]; tiles != nil {
			s.viewer.SetVideo(user, shown && t.Width > 0 && t.Height > 0, sfu.Tile{Width: t.Width, Height: t.Height, Cover: t.Fit == "cover"})
		}
	}
}

// catchUp fetches the room after an event was missed.
func (s *Session) catchUp() {
	s.mu.Lock()
	gap := s.gap
	s.gap = false
	s.mu.Unlock()
	if !gap {
		return
	}
	ctx, cancel := context.WithTimeout(s.h.ctx, callTimeout)
	defer cancel()
	if err := s.sync(ctx); err != nil {
		s.log.Warn("the room's state is out of date", "error", err)
	}
}

func (s *Session) rewatch(user string, st *stream.Stream) {
	player, err := st.Play(stream.WHEP)
	if err != nil {
		s.log.Debug("not shown", "user", user, "error", err)
		return
	}
	if err := s.viewer.Add(user, st.Source(), sfu.ViewOptions{Audio: true, Video: true}); err != nil {
		player.Close()
		s.log.Debug("not shown", "user", user, "error", err)
		return
	}
	s.watching[user] = &watched{stream: st, player: player}
}

func (s *Session) unwatch(user string) {
	w := s.watching[user]
	delete(s.watching, user)
	s.viewer.Remove(user)
	w.player.Close()
}

// passOffer passes an offer of the receiving peer connection on.
func (s *Session) passOffer(sdp string, tracks []sfu.ViewerTrack) {
	d := offer{Type: "offer", PC: "sub", SDP: sdp, Tracks: []track{}}
	for _, t := range tracks {
		d.Tracks = append(d.Tracks, track{MID: t.MID, UserID: t.Key, Kind: t.Kind.String()})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sendViewer, s.candidates = d, nil
	s.sendLocked(d)
}

// maxCandidates bounds those kept for a resumed WebSocket.
const maxCandidates = 64

// passCandidate passes a candidate on that belongs to the newest offer.
func (s *Session) passCandidate(c webrtc.ICECandidateInit) {
	m := candidate{Type: "candidate", PC: "sub", Candidate: c}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.candidates) < maxCandidates {
		s.candidates = append(s.candidates, m)
	}
	s.sendLocked(m)
}

// answered takes the client's answer to the newest offer, which need not be sent
// to a resumed WebSocket any more.
func (s *Session) answered(sdp string) error {
	s.mu.Lock()
	s.sendViewer = offer{} // before the answer lets the next offer come
	s.mu.Unlock()
	return s.viewer.Answer(sdp)
}

// showing notes which tiles the page shows, and how large.
func (s *Session) showing(tiles []tile) error {
	if len(tiles) > maxTiles {
		return fmt.Errorf("%w: %d tiles; at most %d are taken", room.ErrBadMessage, len(tiles), maxTiles)
	}
	m := make(map[string]tile, len(tiles))
	for _, t := range tiles {
		m[t.UserID] = t
	}
	s.mu.Lock()
	s.tiles = m
	s.mu.Unlock()
	s.lookAgain()
	return nil
}
