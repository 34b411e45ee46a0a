package session

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"hutong/bridge/stream"
	"hutong/gateway/call"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/sfu"
)

var (
	// ErrClosed refuses because the hub is closing.
	ErrClosed = errors.New("the gateway is shutting down")
	// ErrFull refuses a session past the limit.
	ErrFull = errors.New("too many sessions")
)

// ResumeWindow is how long a session waits for its WebSocket's return unless
// Options say otherwise.
const ResumeWindow = 30 * time.Second

// Options of a [Hub].
type Options struct {
	Rooms      *rooms.Service
	Streams    *stream.Registry
	SFU        *sfu.SFU
	ICEServers []ICEServer
	// Resume is how long a session waits for its WebSocket's return; 0 is 30 s.
	Resume      time.Duration
	MaxSessions int
	// Share says what a listener gets of a speaker in a room; nil is everything. When
	// its answers change, Recheck is to be called.
	Share func(roomID, listener, speaker string) call.Share
	Log   *slog.Logger
	// Observe is given every peer connection, which player says that it receives, and
	// returns what to call when it is gone. nil observes none.
	Observe func(player bool, stats func() sfu.Stats) (gone func())
	// OnBadInput counts messages that could not be read.
	OnBadInput func(reason string)
}

// Hub holds the sessions of this node.
type Hub struct {
	o      Options
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex
	sessions map[string]*Session
	came     chan struct{} // there is one more
	closed   bool
	servers  []ICEServer
}

// Who is the member a token names.
type Who struct {
	RoomID, UserID string
}

// Ticket is what the token says beside.
type Ticket struct {
	// May decides whether the member publishes or plays a stream; nil lets.
	May func(ctx context.Context, publish bool, stream string) error

	// For a member whose place has expired.

	NickName string
	Role     room.Role
	Stream   string
	Issued   time.Time // zero if it does not say
}

// Presenter gives rooms and members the addresses that a client needs, as it
// reaches this gateway.
type Presenter interface {
	Room(room.View) any
	Member(room.Member) any
}

// NewHub returns a hub that tells sessions who speaks until Close.
func NewHub(o Options) *Hub {
	if o.Observe == nil {
		o.Observe = func(bool, func() sfu.Stats) func() { return func() {} }
	}
	if o.Resume <= 0 {
		o.Resume = ResumeWindow
	}
	if o.OnBadInput == nil {
		o.OnBadInput = func(string) {}
	}
	h := &Hub{o: o, sessions: map[string]*Session{}, came: make(chan struct{}, 1)}
	h.SetICEServers(o.ICEServers)
	h.ctx, h.cancel = context.WithCancel(context.Background())
	h.wg.Add(1)
	go h.listen()
	return h
}

// Close ends every session and waits for their goroutines.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	var all []*Session
	for _, s := range h.sessions {
		all = append(all, s)
	}
	h.mu.Unlock()
	for _, s := range all {
		s.end("server_shutdown", false)
	}
	h.cancel()
	h.wg.Wait()
}

// Open gives a WebSocket its session: the one it resumes, when that is still
// there and the same member's, or a new one. A member whose place has expired
// gets it again. out takes what is sent; when it is full, the WebSocket is to be
// closed, and the client resumes.
func (h *Hub) Open(ctx context.Context, who Who, t Ticket, p Presenter, resume string, out *Outbox) (*Session, error) {
	if s := h.find(resume); s != nil && s.who == who {
		ok, err := s.attach(out, t)
		if err != nil {
			return nil, err
		}
		if ok {
			return s, nil
		}
	}
	view, err := h.o.Rooms.Get(ctx, who.RoomID)
	if err != nil {
		return nil, err
	}
	member, ok := memberOf(view, who.UserID)
	if !ok {
		member, err = h.o.Rooms.Return(ctx, who.RoomID, room.Joining{UserID: who.UserID, NickName: t.NickName, Role: t.Role,
			Client: room.WebRTC, Stream: t.Stream}, t.Issued)
		if err != nil {
			return nil, err
		}
	}
	s, err := h.add(who, p, member)
	if err != nil {
		return nil, err
	}
	if err := s.begin(ctx, out, t); err != nil {
		s.end("failed", false)
		return nil, err
	}
	return s, nil
}

// SetICEServers replaces what clients are told from now on.
func (h *Hub) SetICEServers(servers []ICEServer) {
	if servers == nil {
		servers = []ICEServer{}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.servers = servers
}

func (h *Hub) iceServers() []ICEServer {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.servers
}

func memberOf(v room.View, userID string) (room.Member, bool) {
	for _, m := range v.Members {
		if m.UserID == userID {
			return m, true
		}
	}
	return room.Member{}, false
}

func (h *Hub) find(id string) *Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.sessions[id]
}

// add files a session; an earlier one of the same member, in another tab or of
// a page that was reloaded, ends.
func (h *Hub) add(who Who, p Presenter, m room.Member) (*Session, error) {
	s := newSession(h, newID(), who, p, m)
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil, ErrClosed
	}
	if h.o.MaxSessions > 0 && len(h.sessions) >= h.o.MaxSessions {
		h.mu.Unlock()
		return nil, fmt.Errorf("%w: %d", ErrFull, h.o.MaxSessions)
	}
	var old []*Session
	for _, other := range h.sessions {
		if other.who == who {
			old = append(old, other)
		}
	}
	h.sessions[s.id] = s
	h.mu.Unlock()
	select {
	case h.came <- struct{}{}:
	default:
	}
	for _, o := range old {
		o.end("replaced", false)
	}
	return s, nil
}

func (h *Hub) remove(s *Session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s.id)
}

// byRoom returns the sessions by room.
func (h *Hub) byRoom() map[string][]*Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[string][]*Session{}
	for _, s := range h.sessions {
		out[s.who.RoomID] = append(out[s.who.RoomID], s)
	}
	return out
}

// Changed tells the hub that a stream has come, gone, or begun anew: sessions
// that show it look again.
func (h *Hub) Changed(name string) {
	roomID, _, ok := h.o.Rooms.RoomOf(name)
	if !ok {
		return
	}
	for _, s := range h.byRoom()[roomID] {
		s.lookAgain()
	}
}

func newID() string {
	var b [16]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}
