package weapp

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	"hutong/gateway/auth"
	"hutong/gateway/room"
)

// Subjects that every node hears.
const (
	loginSubject = "weapp/login/"
	tipSubject   = "weapp/tip/"
)

// hub holds the message sockets of this node.
type hub struct {
	s       *Service
	post    *post
	sending *auth.Limiter

	ctx         context.Context
	cancel      context.CancelFunc
	unsubscribe []func()
	wg          sync.WaitGroup

	mu      sync.Mutex
	sockets map[*socket]struct{}
	users   map[string]*socket              // logged in, by userID
	groups  map[string]map[*socket]struct{} // in a group
	gone    []departure
	closed  bool
}

// departure is of somebody whose socket is lost: a viewer who does not come back
// is no viewer any more.
type departure struct {
	group, userID, session string
	at                     time.Time
}

// departAfter is how long somebody may take to come back.
const (
	departAfter = 60 * time.Second
	departLook  = 5 * time.Second
)

func newHub(s *Service) (*hub, error) {
	h := &hub{s: s, sending: auth.NewLimiter(s.c.Messages, s.o.Now), sockets: map[*socket]struct{}{},
		users: map[string]*socket{}, groups: map[string]map[*socket]struct{}{}}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	var err error
	if h.post, err = openPost(s.o.Store); err != nil {
		return nil, err
	}
	for subject, hear := range map[string]func(string, []byte){mailSubject: h.mailed, loginSubject: h.loggedIn, tipSubject: h.tipped} {
		unsubscribe, err := s.o.Store.Subscribe(subject+"*", func(at string, data []byte) { hear(strings.TrimPrefix(at, subject), data) })
		if err != nil {
			h.close()
			return nil, err
		}
		h.unsubscribe = append(h.unsubscribe, unsubscribe)
	}
	h.wg.Go(h.tend)
	return h, nil
}

// close ends every socket and waits for them.
func (h *hub) close() {
	for _, unsubscribe := range h.unsubscribe {
		unsubscribe()
	}
	h.mu.Lock()
	h.closed = true
	for x := range h.sockets {
		x.out.Close()
	}
	h.mu.Unlock()
	h.cancel()
	h.wg.Wait()
}

// enter counts a socket in; false when there are too many.
func (h *hub) enter(x *socket) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.sockets) >= h.s.c.MaxSockets {
		return false
	}
	h.sockets[x] = struct{}{}
	h.wg.Add(1)
	return true
}

func (h *hub) leave(x *socket) {
	h.mu.Lock()
	delete(h.sockets, x)
	h.mu.Unlock()
	h.wg.Done()
}

// login files a socket under its user; an earlier one of this node goes.
func (h *hub) login(x *socket) {
	h.mu.Lock()
	old := h.users[x.userID]
	h.users[x.userID] = x
	h.mu.Unlock()
	if old != nil && old != x {
		old.replace(x.session)
	}
}

func (h *hub) logout(x *socket) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.users[x.userID] == x {
		delete(h.users, x.userID)
	}
}

func (h *hub) user(userID string) *socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.users[userID]
}

// move files a socket under its group, "" for none.
func (h *hub) move(x *socket, from, to string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if set := h.groups[from]; from != "" && set != nil {
		delete(set, x)
		if len(set) == 0 {
			delete(h.groups, from)
		}
	}
	if to == "" {
		return
	}
	if h.groups[to] == nil {
		h.groups[to] = map[*socket]struct{}{}
	}
	h.groups[to][x] = struct{}{}
}

func (h *hub) inGroup(group string) []*socket {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*socket, 0, len(h.groups[group]))
	for x := range h.groups[group] {
		all = append(all, x)
	}
	return all
}

// mailed hears that somebody has a direct message.
func (h *hub) mailed(userID string, data []byte) {
	x := h.user(userID)
	var m im
	if x == nil || json.Unmarshal(data, &m) != nil {
		return
	}
	x.mail(m)
}

// loggedIn hears of a login anywhere: the data is its session and its socket.
func (h *hub) loggedIn(userID string, data []byte) {
	session, which, _ := strings.Cut(string(data), " ")
	h.mu.Lock()
	h.gone = slices.DeleteFunc(h.gone, func(d departure) bool { return d.userID == userID && d.session == session })
	h.mu.Unlock()
	if x := h.user(userID); x != nil && x.id != which {
		x.replace(session)
	}
}

// tipped hears that somebody has come to a group or gone.
func (h *hub) tipped(group string, data []byte) {
	var t tip
	if json.Unmarshal(data, &t) != nil {
		return
	}
	for _, x := range h.inGroup(group) {
		x.tip(group, t)
	}
}

func (h *hub) announce(subject string, v any) {
	data, err := json.Marshal(v)
	if s, plain := v.(string); plain {
		data, err = []byte(s), nil
	}
	if err == nil {
		err = h.s.o.Store.Publish(subject, data)
	}
	if err != nil {
		h.s.o.Log.Warn("a message could not be announced", "error", err)
	}
}

// lost notes that a socket has gone without a word.
func (h *hub) lost(group, userID, session string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if group != "" && !h.closed {
		h.gone = append(h.gone, departure{group, userID, session, time.Now()})
	}
}

// tend takes viewers off their rooms' lists who have not come back.
func (h *hub) tend() {
	tick := time.NewTicker(departLook)
	defer tick.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case now := <-tick.C:
			h.dismiss(now)
		}
	}
}

func (h *hub) dismiss(now time.Time) {
	h.mu.Lock()
	n := 0
	for n < len(h.gone) && now.Sub(h.gone[n].at) >= departAfter {
		n++
	}
	due := h.gone[:n]
	h.gone = h.gone[n:]
	h.mu.Unlock()
	for _, d := range due {
		if x := h.user(d.userID); x != nil && x.groupNow() == d.group {
			continue
		}
		h.depart(d)
	}
}

// depart takes a viewer off a list, if the room lists one and nobody else has the
// login meanwhile.
func (h *hub) depart(d departure) {
	r, ok := h.s.o.Rooms.Known(d.group)
	if !ok || r.Weapp == nil || r.Weapp.Kind != room.LiveRoom {
		return
	}
	ctx, cancel := h.s.timeout()
	defer cancel()
	if h.post.replaced(ctx, d.userID, d.session) {
		return
	}
	if err := h.s.unlist(ctx, d.group, d.userID); err != nil {
		h.s.o.Log.Warn("a viewer who has gone stays on the list", "room", d.group, "user", d.userID, "error", err)
	}
}
