package weapp

import (
	"context"
	"encoding/json"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/rooms"
)

// groupState is what a socket knows of the room it listens to; of socket.mu.
type groupState struct {
	group       string // "" for none
	turn        int    // counts joins: what an earlier one is told is passed over
	seq         uint64 // of the last message told
	unsubscribe func()
	form        form // in which the user is shown chat
	watched     string
	alone       bool // the watched place is gone
}

func (x *socket) groupNow() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.group
}

// join begins to listen to a room; the one before is left.
func (x *socket) join(ctx context.Context, r *request) (reply, error) {
	group := string(r.Group)
	if room.CheckRoomID(group) != nil {
		return nil, &no{imNoGroup, "there is no such group"}
	}
	before := x.groupNow()
	if before != "" && before != group {
		x.quit(before)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return nil, &no{imKicked, "another login has replaced this one"}
	}
	x.turn++
	turn := x.turn
	// Whatever comes from now on waits for mu.
	unsubscribe, err := x.s.o.Rooms.Subscribe(group, func(u rooms.Update) { x.update(turn, u) })
	if err != nil {
		return nil, err
	}
	now, err := x.s.o.Rooms.Load(ctx, group)
	if err != nil {
		unsubscribe()
		return nil, err
	}
	if x.unsubscribe != nil {
		x.unsubscribe()
	}
	x.unsubscribe, x.group, x.seq = unsubscribe, group, now.LastSeq
	x.form = formFor(now, x.userID)
	x.h.move(x, before, group)
	messages, missed := x.history(now, r.After)
	out := reply{"joined": "JoinedSuccess", "seq": now.LastSeq, "messages": messages}
	if missed {
		out["missed"] = true
	}
	if before != group {
		x.h.announce(tipSubject+group, tip{Type: elemTip, Op: tipJoin, User: x.userID, Users: []string{x.userID}, Nick: x.nick})
	}
	if !entered(now) {
		return out, nil
	}
	x.after = func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.turn == turn {
			x.notice(systemCustom, group, pusherChange)
		}
	}
	return out, nil
}

// history is what is told of what was said before. The caller holds mu.
func (x *socket) history(r room.Room, after *uint64) (list []im, missed bool) {
	from := uint64(0)
	if after != nil {
		from = *after
	}
	list = []im{}
	for _, m := range r.History(x.userID, from) {
		if m.To == "" || m.To == x.userID {
			list = append(list, x.render(r.RoomID, m))
		}
	}
	if after == nil {
		list = list[max(0, len(list)-x.s.c.History):]
	}
	oldest := r.LastSeq + 1
	if len(r.Messages) > 0 {
		oldest = r.Messages[0].Seq
	}
	return list, after != nil && oldest > from+1
}

// formFor is how a user's component shows chat: that of the service the user
// entered by, or that of the room.
func formFor(r room.Room, userID string) form {
	service := ""
	if r.Weapp != nil {
		service = r.Weapp.Kind
	}
	if p, in := r.Place(userID); in && p.Phone.Service != "" {
		service = p.Phone.Service
	}
	if service == room.WebRTCRoom {
		return formTextExt
	}
	return formCustom
}

// update hears what happens in the room.
func (x *socket) update(turn int, u rooms.Update) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.turn != turn || x.group == "" {
		return
	}
	if r, ok := x.s.o.Rooms.Known(x.group); ok {
		x.form = formFor(r, x.userID)
	}
	switch {
	case u.Message != nil:
		x.hear(*u.Message)
	case u.View != nil:
		x.notice(systemCustom, x.group, pusherChange)
	case u.Event != nil && u.Event.Type == room.RoomClosed:
		x.notice(systemDissolved, x.group, "")
		x.forget()
	case u.Event != nil && x.changes(*u.Event):
		x.notice(systemCustom, x.group, pusherChange)
	}
}

// changes says whether an event changes what get_pushers tells. Phones push before
// they enter; a browser enters first.
func (x *socket) changes(e room.Event) bool {
	switch e.Type {
	case room.MemberJoined, room.MemberLeft, room.MemberChanged, room.RecordingStarted, room.RecordingHeld, room.RecordingFinished:
		return true
	case room.PublishStarted:
		return e.Member != nil && e.Member.Client == room.WebRTC
	}
	return false
}

// hear tells a message of the room. The caller holds mu.
func (x *socket) hear(m room.Message) {
	if m.Seq <= x.seq {
		return
	}
	x.seq = m.Seq
	switch {
	case m.To == "":
		x.send(messageEvent{"message", x.render(x.group, m)})
	case m.To == x.userID:
		x.send(messageEvent{"c2c", x.render(x.group, m)})
	}
}

func (x *socket) render(group string, m room.Message) im {
	avatar := ""
	if r, ok := x.s.o.Rooms.Known(group); ok {
		if p, in := r.Place(m.From); in {
			avatar = p.Phone.Avatar
		}
	}
	return im{Group: group, Seq: m.Seq, Random: m.Nonce, Time: m.At.Unix(), From: orAdmin(m.From), Nick: m.NickName, To: m.To, Elems: render(m, avatar, x.form)}
}

// notice tells what the cloud's server told groups. To those of webrtc_room it
// told nothing. The caller holds mu.
func (x *socket) notice(kind int, group, text string) {
	if x.form == formTextExt {
		return
	}
	x.send(systemEvent{Event: "system", Type: kind, Group: group, Text: text, Operator: admin, Time: time.Now().Unix()})
}

// tip tells that another has come or gone.
func (x *socket) tip(group string, t tip) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.group != group || t.User == x.userID || x.form == formTextExt {
		return
	}
	x.send(messageEvent{"message", im{Group: group, Time: time.Now().Unix(), From: systemUser, SubType: subTip, Elems: []tip{t}}})
}

// quit stops listening because the user wants so. Another group than the joined
// one is none of it.
func (x *socket) quit(group string) {
	if joined := x.groupNow(); joined == "" || group != "" && group != joined {
		return
	}
	x.leaveGroup(true)
}

// leaveGroup stops listening; told says that others are to hear of it.
func (x *socket) leaveGroup(told bool) {
	x.mu.Lock()
	group, nick := x.group, x.nick
	x.forget()
	x.mu.Unlock()
	if group == "" || !told {
		return
	}
	x.h.announce(tipSubject+group, tip{Type: elemTip, Op: tipQuit, User: x.userID, Users: []string{x.userID}, Nick: nick})
	x.h.wg.Go(func() { x.h.depart(departure{group: group, userID: x.userID, session: x.session}) })
}

// forget ends the subscription. The caller holds mu.
func (x *socket) forget() {
	if x.unsubscribe != nil {
		x.unsubscribe()
	}
	x.h.move(x, x.group, "")
	x.unsubscribe, x.group = nil, ""
	x.turn++
}

// say sends to the group, to a user, or to one member of the group.
func (x *socket) say(ctx context.Context, r *request) (reply, error) {
	if !x.h.sending.Allow(x.userID) {
		x.s.o.Refused("too_fast")
		return nil, &no{imTooFast, "too many messages; wait a second"}
	}
	group := string(r.Group)
	most := maxGroup
	if r.User != "" {
		most = maxC2C
	}
	if code, info := checkElems(r.Elems, most); code != 0 {
		return nil, &no{code, info}
	}
	if len(r.Random) > 32 {
		return nil, &no{imBad, "random is longer than 32 characters"}
	}
	joined := x.groupNow()
	switch {
	case group == "" && r.User == "":
		return nil, &no{imBad, "neither group nor user is given"}
	case group != "" && group != joined:
		return nil, &no{imNoRight, "join group " + clip(group) + " first"}
	case group == "" && !x.isBrowser(joined, r.User):
		return x.direct(ctx, r)
	}
	what := saying(r.Elems)
	what.From, what.To, what.NickName, what.Nonce = x.userID, r.User, x.nickNow(), string(r.Random)
	m, err := x.s.o.Rooms.Say(ctx, joined, what)
	if err != nil {
		return nil, err
	}
	return reply{"seq": m.Seq, "time": m.At.Unix()}, nil
}

// isBrowser says whether a user is in a room by a browser, which has no mailbox.
func (x *socket) isBrowser(group, userID string) bool {
	r, ok := x.s.o.Rooms.Known(group)
	p, in := r.Place(userID)
	return ok && in && p.Client == room.WebRTC
}

func (x *socket) direct(ctx context.Context, r *request) (reply, error) {
	if room.CheckUserID(r.User) != nil {
		return nil, errAbsent
	}
	elems, err := json.Marshal(r.Elems)
	if err != nil {
		return nil, err
	}
	m, err := x.h.post.send(ctx, r.User, im{Random: string(r.Random), Time: x.s.o.Now().Unix(), From: x.userID, Nick: x.nickNow(),
		Elems: json.RawMessage(elems)})
	if err != nil {
		return nil, err
	}
	return reply{"seq": m.Seq, "time": m.Time}, nil
}
