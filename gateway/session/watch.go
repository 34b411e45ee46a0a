package session

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pion/webrtc/v4"

	"hutong/bridge/stream"
	"hutong/gateway/auth"
	"hutong/gateway/call"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/sfu"
)

const (
	// maxTiles bounds what a page may say it shows.
	maxTiles = 64
	// maxWatched is how many members a session receives something of, or could at
	// once.
	maxWatched = 64
	// unasked is how many pictures a client gets that does not say what it shows.
	unasked = 16
)

// watched is a member whose media the session receives.
type watched struct {
	stream *stream.Stream
	player *stream.Player // nil for one that may not be watched
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
	s.reveal()
	s.mu.Lock()
	members := s.view.Members
	tiles, heard, media := s.tiles, s.heard, s.media
	s.mu.Unlock()
	if !media {
		return // what nobody answers would be made all the same, and transcoded
	}
	wanted, shares := map[string]*stream.Stream{}, map[string]call.Share{}
	var order []string
	for _, m := range members {
		if m.UserID == s.who.UserID || m.Role == room.Audience {
			continue
		}
		share := s.share(m.UserID)
		if !share.Audio && !share.Video {
			continue
		}
		shares[m.UserID] = share
		if st := s.h.o.Streams.Get(m.Stream); st != nil {
			wanted[m.UserID] = st
			order = append(order, m.UserID)
		}
	}
	if tiles == nil {
		tiles = firstTiles(order)
	}
	for _, user := range leastWanted(order, tiles, heard) {
		delete(wanted, user)
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
		t, shown := tiles[user]
		s.viewer.SetVideo(user, shown && shares[user].Video, sfu.Tile{Width: t.Width, Height: t.Height, Cover: t.Fit == "cover"})
		s.viewer.SetAudio(user, shares[user].Audio && (heard == nil || heard[user]))
	}
}

// firstTiles stand for those of a client that does not say what it shows: it gets
// the best there is of the first members.
func firstTiles(order []string) map[string]tile {
	tiles := map[string]tile{}
	for _, user := range order[:min(len(order), unasked)] {
		tiles[user] = tile{UserID: user}
	}
	return tiles
}

// leastWanted are those of more than maxWatched that are to be left out: whoever
// is seen comes first, then whoever is heard.
func leastWanted(order []string, tiles map[string]tile, heard map[string]bool) []string {
	if len(order) <= maxWatched {
		return nil
	}
	rank := func(user string) int {
		if _, shown := tiles[user]; shown {
			return 0
		}
		if heard[user] {
			return 1
		}
		return 2
	}
	slices.SortStableFunc(order, func(a, b string) int { return rank(a) - rank(b) })
	return order[maxWatched:]
}

// catchUp fetches the room after an event was missed, which may have been the end
// of the session.
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
	err := s.sync(ctx)
	s.mu.Lock()
	_, member := memberOf(s.view, s.who.UserID)
	closed := s.view.Closed || errors.Is(err, rooms.ErrRoomNotFound)
	s.gap = s.gap || err != nil
	s.mu.Unlock()
	switch {
	case closed:
		s.h.wg.Go(func() { s.end("room_closed", false) })
	case err != nil:
		s.log.Warn("the room's state is out of date", "error", err)
	case !member:
		s.h.wg.Go(func() { s.end("removed", false) })
	}
}

func (s *Session) rewatch(user string, st *stream.Stream) {
	ctx, cancel := context.WithTimeout(s.h.ctx, callTimeout)
	defer cancel()
	if err := s.may(ctx, false, st.Name); err != nil {
		s.log.Info("not shown", "user", user, "error", err)
		if !errors.Is(err, auth.ErrCallout) {
			s.watching[user] = &watched{stream: st} // it is not asked again
		}
		return
	}
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
	if w.player != nil {
		w.player.Close()
	}
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
		if t.Width > 0 && t.Height > 0 {
			m[t.UserID] = t
		}
	}
	s.mu.Lock()
	s.tiles, s.media = m, true
	s.mu.Unlock()
	s.lookAgain()
	return nil
}
