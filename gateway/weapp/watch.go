package weapp

import (
	"context"
	"errors"

	"hutong/gateway/room"
	"hutong/gateway/rooms"
)

func (x *socket) watching() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.watched != ""
}

// watch tells a component who is in the room with its user, until the user has no
// place there any more. It is no login.
func (x *socket) watch(ctx context.Context, r *request) (reply, error) {
	if x.userID != "" || x.watching() {
		return nil, &no{imBad, "this socket has a login already; open another"}
	}
	if err := x.genuine(r); err != nil {
		return nil, err
	}
	a := applicant{app: string(r.SDKAppID), userID: r.UserID, userSig: r.UserSig, roomID: string(r.RoomID), mapKey: r.PrivateMapKey}
	x.mu.Lock()
	defer x.mu.Unlock()
	if room.CheckRoomID(a.roomID) != nil {
		return nil, &no{imNoGroup, "there is no such room"}
	}
	unsubscribe, err := x.s.o.Rooms.Subscribe(a.roomID, func(u rooms.Update) { x.changed(a, u) })
	if err != nil {
		return nil, err
	}
	now, err := x.s.admit(ctx, a)
	if err != nil {
		unsubscribe()
		var f *failure
		if errors.As(err, &f) && (f.code == codeNotMember || f.code == codeDenied) {
			return nil, &no{imNoRight, f.message}
		}
		return nil, err
	}
	x.watched, x.unsubscribe = a.roomID, unsubscribe
	p := x.s.placeOf(x.hosts, now, a.userID)
	out := reply{"pushURL": p.PushURL, "userlist": p.UserList}
	if now.Recording != room.RecordingOff {
		out["recording"] = now.Recording
	}
	return out, nil
}

// changed hears what happens in the watched room.
func (x *socket) changed(a applicant, u rooms.Update) {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.watched == "" || x.alone:
		return
	case u.Message != nil || u.Event != nil && u.Event.Type == room.Muted:
		return
	case u.Event != nil && u.Event.Type == room.RoomClosed:
		x.placeGone("closed")
		return
	case u.Event != nil && u.Event.Type == room.MemberLeft && u.Event.UserID == a.userID:
		x.placeGone(u.Event.Reason)
		return
	}
	ctx, cancel := context.WithTimeout(x.h.ctx, callTimeout)
	defer cancel()
	r, err := x.s.o.Rooms.Load(ctx, a.roomID)
	switch {
	case isGone(err):
		return // told by an event
	case err != nil:
		x.out.Close() // the component watches anew
		return
	}
	if _, in := r.Place(a.userID); in {
		x.send(membersEvent{Event: "members", UserList: x.s.placeOf(x.hosts, r, a.userID).UserList, Recording: r.Recording})
	} else if u.View != nil {
		x.placeGone(room.ReasonExpired)
	}
}

// placeGone tells that the place is gone, and closes. The caller holds mu.
func (x *socket) placeGone(reason string) {
	x.alone = true
	x.send(plainEvent{Event: "left", Reason: reason})
	x.out.Close()
}

func (x *socket) unwatch() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.watched != "" && x.unsubscribe != nil {
		x.unsubscribe()
		x.unsubscribe = nil
	}
}
