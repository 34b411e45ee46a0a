package weapp

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"time"

	"hutong/gateway/auth"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/session"
)

// socket is one WebSocket: of a login, or of a component that watches a room.
type socket struct {
	s       *Service
	h       *hub
	id      string
	hosts   hosts
	address string
	out     *session.Outbox

	// Set by login, before anybody else knows the socket.
	userID, session string
	// after is what may be sent only when the reply has been; the reader's.
	after func()

	mu      sync.Mutex
	nick    string
	mailSeq uint64 // the last direct message told
	touched time.Time
	over    bool // left by itself, or replaced
	groupState
}

func newSocket(s *Service, h hosts, address string) *socket {
	return &socket{s: s, h: s.hub, id: random(8), hosts: h, address: address, out: session.NewOutbox()}
}

// handle takes one frame. False closes the socket.
func (x *socket) handle(text []byte) bool {
	var r request
	if err := json.Unmarshal(text, &r); err != nil || !oneID(r.ID) {
		x.s.o.Refused("bad_message")
		out := reply{"code": imBad, "info": "not a JSON object of a request: a field is of the wrong type"}
		var named struct {
			ID json.RawMessage `json:"id"`
		}
		if json.Unmarshal(text, &named) == nil && len(named.ID) > 0 && oneID(named.ID) {
			out["id"] = named.ID
		}
		x.send(out)
		return true
	}
	ctx, cancel := context.WithTimeout(x.h.ctx, callTimeout)
	defer cancel()
	out, err := x.obey(ctx, &r)
	if out == nil {
		out = reply{}
	}
	out["code"] = 0
	if err != nil {
		n := noOf(err)
		if n.code == imNotNow {
			x.s.o.Log.Warn("a message request failed", "cmd", clip(r.Cmd), "error", err)
		}
		out = reply{"code": n.code, "info": n.info}
	}
	if len(r.ID) > 0 {
		out["id"] = r.ID
	}
	x.send(out)
	if after := x.after; after != nil {
		x.after = nil
		after()
	}
	closes := r.Cmd == "logout" || err != nil && noOf(err).code == imKicked
	return !closes
}

func (x *socket) obey(ctx context.Context, r *request) (reply, error) {
	switch r.Cmd {
	case "ping":
		return nil, x.touch(ctx)
	case "login":
		return x.login(ctx, r)
	case "watch":
		return x.watch(ctx, r)
	case "logout":
		return nil, x.logout(ctx)
	}
	if x.userID == "" {
		return nil, &no{imNoLogin, "log in first"}
	}
	switch r.Cmd {
	case "nick":
		x.rename(r.Nick)
		return nil, nil
	case "create":
		return nil, x.createGroup(ctx, string(r.Group))
	case "join":
		return x.join(ctx, r)
	case "quit":
		x.quit(string(r.Group))
		return nil, nil
	case "destroy":
		return nil, x.destroyGroup(ctx, string(r.Group))
	case "send":
		return x.say(ctx, r)
	}
	return nil, &no{imUnknown, "unknown cmd " + clip(r.Cmd)}
}

func (x *socket) send(v any) { x.out.Send(v) }

// login makes the socket a user's. It takes the place of any other of that user.
func (x *socket) login(ctx context.Context, r *request) (reply, error) {
	if x.userID != "" || x.watching() {
		return nil, &no{imBad, "this socket has a login already; open another"}
	}
	if err := x.genuine(r); err != nil {
		return nil, err
	}
	again, told := "", uint64(0)
	if r.Resume != nil {
		again, told = r.Resume.Session, r.Resume.C2C
	}
	name, resumed, seq, err := x.h.post.login(ctx, r.UserID, again, x.s.o.Now())
	if err != nil {
		return nil, err
	}
	if !resumed || told > seq {
		told = seq
	}
	x.mu.Lock()
	x.userID, x.session, x.mailSeq, x.touched = r.UserID, name, told, x.s.o.Now()
	x.mu.Unlock()
	x.rename(r.Nick)
	x.h.login(x)
	x.h.announce(loginSubject+x.userID, name+" "+x.id)
	x.after = x.catchUp
	return reply{"userID": x.userID, "session": name, "resumed": resumed, "c2c": seq}, nil
}

// genuine checks who a login or a watch says it is.
func (x *socket) genuine(r *request) error {
	if !x.s.calls.Allow(auth.AddressKey(x.address)) {
		return &no{imTooFast, "too many logins; wait a second"}
	}
	if string(r.SDKAppID) != strconv.Itoa(x.s.c.SDKAppID) {
		return &no{imBadSig, "sdkAppID " + clip(string(r.SDKAppID)) + " is not this app"}
	}
	if err := x.s.genuine(r.UserSig, r.UserID); err != nil {
		return &no{imBadSig, err.Error()}
	}
	return nil
}

func (x *socket) rename(nick string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.nick = nickName(nick); x.nick == "" {
		x.nick = x.userID
	}
}

func (x *socket) nickNow() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.nick
}

// touch keeps the mailbox of somebody who is there.
func (x *socket) touch(ctx context.Context) error {
	x.mu.Lock()
	now := x.s.o.Now()
	due := x.userID != "" && now.Sub(x.touched) >= mailTouch
	if due {
		x.touched = now
	}
	x.mu.Unlock()
	if !due {
		return nil
	}
	return x.h.post.touch(ctx, x.userID, x.session, now)
}

func (x *socket) logout(ctx context.Context) error {
	if x.userID == "" {
		return nil
	}
	x.quit("")
	x.mu.Lock()
	x.over = true
	x.mu.Unlock()
	x.h.logout(x)
	return x.h.post.logout(ctx, x.userID, x.session)
}

// replace ends the socket because of a login of the same user: another one, or
// the same that has come back on another socket.
func (x *socket) replace(session string) {
	x.mu.Lock()
	if x.over {
		x.mu.Unlock()
		return
	}
	x.over = true
	x.mu.Unlock()
	x.leaveGroup(false)
	if session != x.session {
		x.send(plainEvent{Event: "kicked"})
	}
	x.out.Close()
}

// end is the end of the connection.
func (x *socket) end() {
	x.out.Close()
	x.unwatch()
	if x.userID == "" {
		return
	}
	x.mu.Lock()
	over, group := x.over, x.group
	x.over = true
	x.mu.Unlock()
	x.leaveGroup(false)
	x.h.logout(x)
	if !over {
		x.h.lost(group, x.userID, x.session)
	}
}

// mail takes a direct message, in order.
func (x *socket) mail(m im) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.over || m.Seq <= x.mailSeq:
	case m.Seq == x.mailSeq+1:
		x.mailSeq = m.Seq
		x.send(messageEvent{"c2c", m})
	default:
		x.catchUpLocked()
	}
}

// catchUp tells the direct messages that were missed.
func (x *socket) catchUp() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.catchUpLocked()
}

func (x *socket) catchUpLocked() {
	ctx, cancel := context.WithTimeout(x.h.ctx, callTimeout)
	defer cancel()
	mail, err := x.h.post.after(ctx, x.userID, x.mailSeq)
	if err != nil {
		x.s.o.Log.Warn("direct messages come later", "user", x.userID, "error", err)
		return
	}
	for _, m := range mail {
		x.mailSeq = m.Seq
		x.send(messageEvent{"c2c", m})
	}
}

// groupAlone is how long a group lasts that is nobody's room.
const groupAlone = time.Hour

func (x *socket) createGroup(ctx context.Context, group string) error {
	if room.CheckRoomID(group) != nil {
		return &no{imBad, "group " + clip(group) + ": use 1 to 48 letters, digits, _ or -"}
	}
	// A group is a room. One that is made for its messages alone is an idle room
	// until somebody enters it.
	o := x.s.roomOptions(room.MultiRoom, group, "", "")
	o.Weapp.KeepEmpty = groupAlone
	_, err := x.s.o.Rooms.Create(ctx, o)
	if errors.Is(err, rooms.ErrRoomExists) {
		return &no{imExists, "the group exists"}
	}
	return err
}

func (x *socket) destroyGroup(ctx context.Context, group string) error {
	if room.CheckRoomID(group) != nil {
		return &no{imNoGroup, "there is no such group"}
	}
	return x.s.destroy(ctx, group, x.userID)
}
