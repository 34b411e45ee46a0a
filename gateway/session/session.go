package session

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"hutong/bridge/stream"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/sfu"
)

// callTimeout bounds what one message of a client may wait for.
const callTimeout = 10 * time.Second

// awayFor is how long a place is kept whose page said that it goes: one that is
// loaded again is back within it, and a closed one is soon gone for the others.
const awayFor = 10 * time.Second

// Session is one browser in one room.
type Session struct {
	h    *Hub
	id   string
	who  Who
	show Presenter
	role room.Role
	name string // of the member's own stream
	log  *slog.Logger

	look chan struct{} // holds a token when the watched streams may have changed
	done chan struct{}
	once sync.Once

	opening sync.Mutex // held from the session's making until begin has returned

	mu          sync.Mutex
	out         *Outbox // nil while the WebSocket is away
	welcomed    bool    // the welcome has been sent to out
	early       []any   // waits for that
	ticket      Ticket
	away        *time.Timer // ends the session that is not resumed
	ended       bool
	going       bool // the page said that it goes, and has not come back
	unsubscribe func()
	view        room.View
	gap         bool            // view has missed an event
	hidden      []string        // members that the client has not been told of
	tiles       map[string]tile // what the page shows; nil until it says
	media       bool            // it may receive: no phone, which plays by RTMP or FLV
	sendViewer  offer           // the newest offer, for a resumed WebSocket
	candidates  []candidate     // of that offer, told since
	heard       map[string]bool // whose audio the session gets; nil for everybody's

	pubMu       sync.Mutex
	publisher   *sfu.Publisher
	publication *stream.Publication

	viewer    *sfu.Viewer
	unobserve func()              // the viewer
	watching  map[string]*watched // by userID; the look goroutine's
}

func newSession(h *Hub, id string, who Who, p Presenter, m room.Member) *Session {
	s := &Session{h: h, id: id, who: who, role: m.Role, name: m.Stream, media: m.Client != room.RTMP, log: h.o.Log.With("room", who.RoomID, "user", who.UserID),
		look: make(chan struct{}, 1), done: make(chan struct{}), watching: map[string]*watched{}}
	s.show = shown{p, s}
	s.opening.Lock()
	return s
}

// Done is closed when the session has ended.
func (s *Session) Done() <-chan struct{} { return s.done }

// begin takes the member's place, and greets. Whoever ends the session meanwhile
// waits, so that nothing is taken that nobody gives back.
func (s *Session) begin(ctx context.Context, out *Outbox, t Ticket) error {
	defer s.opening.Unlock()
	s.mu.Lock()
	s.out, s.ticket = out, t
	s.mu.Unlock()
	if err := s.h.o.Rooms.Connect(ctx, s.who.RoomID, s.who.UserID, s.id); err != nil {
		return err
	}
	unsubscribe, err := s.h.o.Rooms.Subscribe(s.who.RoomID, s.update)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.unsubscribe = unsubscribe
	s.mu.Unlock()
	viewer, err := s.h.o.SFU.NewViewer(sfu.ViewerOptions{OnOffer: s.passOffer, OnCandidate: s.passCandidate})
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.viewer = viewer
	s.mu.Unlock()
	s.unobserve = s.h.o.Observe(true, viewer.Stats)
	if err := s.greet(ctx, false); err != nil {
		return err
	}
	s.log.Info("session opened", "session", s.id[:8])
	s.h.wg.Add(1)
	go s.watch()
	s.lookAgain()
	return nil
}

// greet sends the welcome, and then what has waited for it: a client that begins a
// session drops the connections of its last one at the welcome, and would drop a new
// one with them.
func (s *Session) greet(ctx context.Context, resumed bool) error {
	view, err := s.h.o.Rooms.Get(ctx, s.who.RoomID)
	if err != nil {
		return err
	}
	messages, err := s.h.o.Rooms.History(ctx, s.who.RoomID, s.who.UserID, 0)
	if err != nil {
		return err
	}
	servers := s.h.iceServers()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.view.RoomID == "" || view.Revision >= s.view.Revision {
		s.view = view
	}
	messages = slices.DeleteFunc(messages, func(m room.Message) bool { return m.From != "" && !s.knew(m.From) })
	if messages == nil {
		messages = []room.Message{}
	}
	s.welcomed = true
	s.sendLocked(welcome{Type: "welcome", Session: s.id, Resumed: resumed, Me: me{s.who.UserID, s.name, s.role},
		Room: s.show.Room(s.view), Messages: messages, ICEServers: servers})
	if s.sendViewer.SDP != "" {
		s.sendLocked(s.sendViewer)
	}
	for _, c := range s.candidates {
		s.sendLocked(c)
	}
	for _, v := range s.early {
		s.sendLocked(v)
	}
	s.early = nil
	return nil
}

// attach gives a session that waits, or one whose old WebSocket has not noticed
// its end, a new WebSocket. It returns false when the session is over. After an
// error the session waits for another.
func (s *Session) attach(out *Outbox, t Ticket) (bool, error) {
	s.mu.Lock()
	if s.ended || s.mediaOver() {
		s.mu.Unlock()
		return false, nil
	}
	s.going = false
	if s.away != nil {
		s.away.Stop()
		s.away = nil
	}
	old := s.out
	s.out, s.ticket = out, t
	s.welcomed, s.early = false, nil
	s.mu.Unlock()
	if old != nil {
		old.Close()
	}
	ctx, cancel := context.WithTimeout(s.h.ctx, callTimeout)
	defer cancel()
	if err := s.greet(ctx, true); err != nil {
		s.release(out)
		return false, err
	}
	s.log.Info("session resumed", "session", s.id[:8])
	return true, nil
}

// Detach notes that a WebSocket has gone. The session waits for another.
func (s *Session) Detach(out *Outbox) {
	out.Close()
	s.release(out)
}

// release begins to wait for another WebSocket, unless out is another's already.
func (s *Session) release(out *Outbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out != out || s.ended {
		return
	}
	s.out = nil
	if s.going {
		s.away = time.AfterFunc(min(awayFor, s.h.o.Resume), func() { s.end("away", true) })
		return
	}
	s.away = time.AfterFunc(s.h.o.Resume, func() { s.end("lost", false) })
}

// goAway notes that the page is being closed, or loaded again: nobody can tell
// which. Unless it is back soon, the member has left.
func (s *Session) goAway() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.going = true
}

// may asks whether the member publishes or plays a stream.
func (s *Session) may(ctx context.Context, publish bool, stream string) error {
	s.mu.Lock()
	f := s.ticket.May
	s.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(ctx, publish, stream)
}

// mediaOver reports whether the receiving connection has ended.
func (s *Session) mediaOver() bool {
	if s.viewer == nil {
		return false
	}
	select {
	case <-s.viewer.Done():
		return true
	default:
		return false
	}
}

// end closes the session. left says that the member wants to leave the room;
// otherwise it keeps its place for the room's grace period.
func (s *Session) end(reason string, left bool) {
	s.once.Do(func() {
		s.opening.Lock()
		defer s.opening.Unlock()
		s.mu.Lock()
		s.ended = true
		if s.away != nil {
			s.away.Stop()
		}
		unsubscribe := s.unsubscribe
		if s.out != nil {
			s.out.Send(simple{Type: "closed", Reason: reason})
			s.out.Close()
		}
		s.mu.Unlock()
		s.h.remove(s)
		if unsubscribe != nil {
			unsubscribe()
		}
		s.stopPublishing(left || reason == "lost")
		if s.viewer != nil {
			s.viewer.Close()
			s.unobserve()
		}
		close(s.done)
		s.depart(left)
		s.log.Info("session closed", "session", s.id[:8], "reason", reason)
	})
}

func (s *Session) depart(left bool) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	var err error
	if left {
		err = s.h.o.Rooms.Depart(ctx, s.who.RoomID, s.who.UserID, s.id)
	} else {
		err = s.h.o.Rooms.Disconnect(ctx, s.who.RoomID, s.who.UserID, s.id)
	}
	if err != nil && !errors.Is(err, room.ErrNotMember) && !errors.Is(err, room.ErrClosed) && !errors.Is(err, rooms.ErrRoomNotFound) {
		s.log.Warn("leaving the room", "error", err)
	}
}

func (s *Session) send(v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sendLocked(v)
}

// sendLocked sends, once the client is welcome. The caller holds s.mu.
func (s *Session) sendLocked(v any) {
	switch {
	case s.out == nil:
	case s.welcomed:
		s.out.Send(v)
	case len(s.early) < outboxSize:
		switch v.(type) {
		case event, state, offer, candidate: // greet tells of all of these
		default:
			s.early = append(s.early, v)
		}
	}
}

// update takes a change of the room, in order.
func (s *Session) update(u rooms.Update) {
	s.mu.Lock()
	over := s.take(u)
	s.mu.Unlock()
	if over != "" {
		// Not from the room's own goroutine, which it may have to wait for.
		s.h.wg.Go(func() { s.end(over, false) })
		return
	}
	s.lookAgain()
}

// take notes and passes on an update; it returns the reason when it ends the
// session. The caller holds s.mu.
func (s *Session) take(u rooms.Update) string {
	switch {
	case u.Event != nil:
		view, err := room.Apply(s.view, *u.Event)
		if err != nil || s.view.RoomID == "" { // not known yet
			s.gap = true // the look goroutine fetches the room
			return ""
		}
		s.view = view
		e := event{Type: "event", Revision: u.Event.Revision, Event: u.Event.Type, UserID: u.Event.UserID, Reason: u.Event.Reason}
		if m := u.Event.Member; m != nil {
			e.Member = s.show.Member(*m)
		}
		if !s.conceal(u.Event.UserID) {
			s.sendLocked(e)
		}
		switch {
		case u.Event.Type == room.RoomClosed:
			return "room_closed"
		case u.Event.Type == room.MemberLeft && u.Event.UserID == s.who.UserID:
			return "removed"
		}
	case u.Message != nil:
		if u.Message.For(s.who.UserID) && (u.Message.From == "" || s.share(u.Message.From).Known) {
			s.sendLocked(said{"message", *u.Message})
		}
	case u.View != nil:
		s.view = *u.View
		s.sendLocked(state{"state", s.show.Room(s.view)})
	}
	return ""
}

// lookAgain has the session compare what it watches with what there is.
func (s *Session) lookAgain() {
	select {
	case s.look <- struct{}{}:
	default:
	}
}

// fail answers a client's message with an error.
func (s *Session) fail(id json.RawMessage, code, message string) {
	s.send(failure{Type: "error", ID: id, Code: code, Message: message})
}
