package rooms

import (
	"encoding/json"
	"strings"
	"sync"
	"time"

	"hutong/gateway/room"
)

const (
	// settle is how long announcements may take longer than the watch.
	settle = 250 * time.Millisecond
	// maxEarly bounds the announcements of a room that wait for one before them.
	maxEarly = 256
)

// feeds are the rooms that somebody here listens to.
type feeds struct {
	mu       *sync.Mutex
	byRoom   map[string]*feed
	listened chan struct{} // there is one more
}

func newFeeds() feeds {
	return feeds{mu: new(sync.Mutex), byRoom: map[string]*feed{}, listened: make(chan struct{}, 1)}
}

// add begins the feed of a room. The caller holds mu.
func (x feeds) add(r room.Room) *feed {
	f := newFeed(r)
	x.byRoom[r.RoomID] = f
	select {
	case x.listened <- struct{}{}:
	default:
	}
	return f
}

// feed puts the announcements of one room in order.
type feed struct {
	created          time.Time
	revision, seq    uint64 // what subscribers have been told
	early            map[uint64]room.Event
	said             map[uint64]room.Message
	subscribers      map[*subscriber]struct{}
	events, messages lag
	// gone is since when the watch has the room no more.
	gone time.Time
}

// lag is how far what was told is behind what the watch has shown.
type lag struct {
	since  time.Time // zero when it is not
	target uint64    // what the watch had shown at since
	shown  uint64    // and by now
}

// see notes what the watch shows.
func (l *lag) see(shown, told uint64) {
	l.shown = max(l.shown, shown)
	if l.since.IsZero() && l.shown > told {
		l.since, l.target = time.Now(), l.shown
	}
}

// progress notes what has been told.
func (l *lag) progress(told uint64) {
	if told >= l.target {
		l.since = time.Time{}
		l.see(l.shown, told)
	}
}

func late(since, now time.Time) bool { return !since.IsZero() && now.Sub(since) >= settle }

func newFeed(r room.Room) *feed {
	return &feed{created: r.CreatedAt, revision: r.Revision, seq: r.LastSeq,
		early: map[uint64]room.Event{}, said: map[uint64]room.Message{}, subscribers: map[*subscriber]struct{}{}}
}

// announced takes an announcement of any room.
func (s *Service) announced(subject string, data []byte) {
	roomID := strings.TrimPrefix(subject, announcements)
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	f := s.feeds.byRoom[roomID]
	if f == nil {
		return
	}
	var did announcement
	if err := json.Unmarshal(data, &did); err != nil {
		s.o.Log.Error("an announcement cannot be read", "room", roomID, "error", err)
		return
	}
	if !did.CreatedAt.Equal(f.created) || len(f.early) > maxEarly || len(f.said) > maxEarly {
		return // the watch makes it good
	}
	for _, e := range did.Events {
		f.early[e.Revision] = e
	}
	if m := did.Message; m != nil {
		f.said[m.Seq] = *m
	}
	s.feeds.tell(roomID, f)
}

// tell passes on what follows what was told. The caller holds mu.
func (x feeds) tell(roomID string, f *feed) {
	for e, ok := f.early[f.revision+1]; ok; e, ok = f.early[f.revision+1] {
		f.revision++
		f.pass(Update{Event: &e})
		if e.Type == room.RoomClosed {
			delete(x.byRoom, roomID)
		}
	}
	for m, ok := f.said[f.seq+1]; ok; m, ok = f.said[f.seq+1] {
		f.seq++
		f.pass(Update{Message: &m})
	}
	f.events.progress(f.revision)
	f.messages.progress(f.seq)
	for revision := range f.early {
		if revision <= f.revision {
			delete(f.early, revision)
		}
	}
	for seq := range f.said {
		if seq <= f.seq {
			delete(f.said, seq)
		}
	}
}

func (f *feed) pass(u Update) {
	for sub := range f.subscribers {
		sub.push(u)
	}
}

// seen notes how the watch has a room.
func (x feeds) seen(r room.Room) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f := x.byRoom[r.RoomID]; f != nil {
		f.see(r)
	}
}

func (f *feed) see(r room.Room) {
	if !r.CreatedAt.Equal(f.created) {
		f.lost()
		return
	}
	f.events.see(r.Revision, f.revision)
	f.messages.see(r.LastSeq, f.seq)
}

func (f *feed) lost() {
	if f.gone.IsZero() {
		f.gone = time.Now()
	}
}

// gone notes that the watch has a room no more.
func (x feeds) gone(roomID string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if f := x.byRoom[roomID]; f != nil {
		f.lost()
	}
}

// catchUp gives the subscribers of feeds that have stayed behind what the index
// has. It says whether there are feeds at all.
func (s *Service) catchUp(now time.Time) bool {
	s.feeds.mu.Lock()
	defer s.feeds.mu.Unlock()
	for roomID, f := range s.feeds.byRoom {
		if !late(f.gone, now) && !late(f.events.since, now) && !late(f.messages.since, now) {
			continue
		}
		s.o.Observer.Gap()
		s.o.Log.Info("announcements of a room were lost; its members get its state", "room", roomID, "told", f.revision, "message", f.seq)
		r, ok := s.index.get(roomID)
		if ok && r.CreatedAt.Equal(f.created) {
			f.gone = time.Time{}
			f.renew(r)
		} else {
			e := closing(f.revision)
			f.early = map[uint64]room.Event{e.Revision: e}
		}
		s.feeds.tell(roomID, f)
	}
	return len(s.feeds.byRoom) > 0
}

// closing is the end of a room whose announcement was lost.
func closing(told uint64) room.Event {
	return room.Event{Revision: told + 1, Type: room.RoomClosed, Reason: "closed"}
}

// renew tells how the room is, and which messages are missing.
func (f *feed) renew(r room.Room) {
	if r.Revision > f.revision {
		f.revision = r.Revision
		v := r.View()
		f.pass(Update{View: &v})
	}
	for _, m := range r.Messages {
		if m.Seq > f.seq {
			f.pass(Update{Message: &m})
		}
	}
	f.seq = max(f.seq, r.LastSeq)
}
