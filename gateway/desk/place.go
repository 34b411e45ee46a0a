package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"hutong/gateway/call"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/store"
)

// capacity of a call's room: caller, agents, guests, supervisors.
const capacity = 3 + call.MaxGuests + call.MaxSupervisors

// Request is a call to be made.
type Request struct {
	Caller   call.Caller
	Priority int
	Skills   []string
}

// Place is who takes part, and the room to be in.
type Place struct {
	Call   call.Call
	View   room.View
	Member room.Member
}

// newID is hard to guess.
func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()[:20]) }

// Place puts a user in line. A user with a call in that queue returns to it;
// again says so.
func (s *Service) Place(ctx context.Context, queueID string, r Request) (p Place, again bool, err error) {
	q, err := s.queue(queueID)
	if err != nil {
		return Place{}, false, err
	}
	placing := call.Placing{CallID: newID("c"), Queue: queueID, Caller: r.Caller, Priority: r.Priority, Skills: r.Skills}
	if _, err := call.Place(placing, s.o.Now()); err != nil {
		return Place{}, false, err // before anything exists
	}
	unlock, err := s.placing.Lock(ctx, r.Caller.UserID)
	if err != nil {
		return Place{}, false, fmt.Errorf("%w: another call of %s is being placed: %w; try again", store.ErrUnavailable, r.Caller.UserID, err)
	}
	defer unlock()
	if old, ok := s.callOf(r.Caller.UserID); ok {
		p, err := s.again(ctx, old, queueID, r.Caller)
		if err == nil || !over(err) {
			return p, true, err
		}
	}
	if q, err = s.takes(q); err != nil {
		return Place{}, false, err
	}
	placing.Queue = q.ID
	for range maxMoved {
		mine, other, err := s.claim(ctx, r.Caller.UserID, placing.CallID)
		if err != nil {
			return Place{}, false, err
		}
		if other == "" {
			p, err := s.put(ctx, placing, q, mine)
			return p, false, err
		}
		old, err := s.getCall(ctx, other)
		if err == nil {
			p, err = s.again(ctx, old, queueID, r.Caller)
		}
		if err == nil || !over(err) {
			return p, true, err
		}
	}
	return Place{}, false, fmt.Errorf("%w: calls of %s begin and end all the time; try again", store.ErrConflict, r.Caller.UserID)
}

// over says that a call was not to be returned to, because it has ended.
func over(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, call.ErrWrongState)
}

// again returns a user to their call.
func (s *Service) again(ctx context.Context, old call.Call, queueID string, who call.Caller) (Place, error) {
	if old.Queue != queueID && s.rootOf(old) != queueID {
		return Place{}, fmt.Errorf("%w: %s is in queue %s; hang up first", ErrOtherCall, who.UserID, old.Queue)
	}
	return s.Return(ctx, old.CallID, who)
}

// put makes a call that is claimed, and its room.
func (s *Service) put(ctx context.Context, p call.Placing, q queue, mine claimed) (Place, error) {
	fail := func(err error) (Place, error) {
		s.closeRoom(ctx, p.CallID)
		s.drop(ctx, p.Caller.UserID, p.CallID)
		return Place{}, err
	}
	if _, err := s.o.Rooms.Create(ctx, room.Options{RoomID: p.CallID, Name: q.Name, Capacity: capacity, Run: true}); err != nil {
		return fail(err)
	}
	view, m, err := s.o.Rooms.Join(ctx, p.CallID, room.Joining{UserID: p.Caller.UserID, NickName: p.Caller.NickName, Client: p.Caller.Client})
	if err != nil {
		return fail(err)
	}
	c, err := call.Place(p, s.o.Now())
	if err != nil {
		return fail(err)
	}
	data, err := c.Encode()
	if err != nil {
		return fail(err)
	}
	if err := s.create(ctx, c, data); err != nil {
		return fail(err)
	}
	if err := s.confirm(ctx, mine); err != nil {
		return Place{}, err
	}
	s.o.Log.Info("call placed", "call", c.CallID, "queue", c.Queue, "user", c.Caller.UserID, "client", c.Caller.Client)
	return Place{c, view, m}, nil
}

// create writes a call down, and tells back ends before anybody changes it.
func (s *Service) create(ctx context.Context, c call.Call, data []byte) error {
	unlock, err := s.lock(ctx, c.CallID)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err = s.calls.Create(ctx, c.CallID, data); err != nil {
		return err
	}
	s.index.note(c)
	s.report("call_created", c)
	return nil
}

// rootOf is the queue that a call was placed in.
func (s *Service) rootOf(c call.Call) string {
	if len(c.Timeline) > 0 {
		return c.Timeline[0].Queue
	}
	return c.Queue
}

func (s *Service) callOf(userID string) (call.Call, bool) {
	for _, id := range s.set.Load().order {
		if c, ok := s.index.callOf(userID, id); ok {
			return c, true
		}
	}
	return call.Call{}, false
}

func (s *Service) queue(id string) (queue, error) {
	q, ok := s.set.Load().queues[id]
	if !ok {
		return queue{}, fmt.Errorf("%w: %q; see GET /api/v1/queues", ErrNoQueue, id)
	}
	return q, nil
}

// takes returns the queue that takes a call now: the one called, or where it
// overflows to.
func (s *Service) takes(q queue) (queue, error) {
	err := s.refusal(q)
	if err == nil || q.Overflow == "" {
		return q, err
	}
	if other, ok := s.set.Load().queues[q.Overflow]; ok && s.refusal(other) == nil {
		return other, nil
	}
	return q, err
}

func (s *Service) refusal(q queue) error {
	if !q.hours.Open(s.o.Now()) {
		return fmt.Errorf("%w: %s is closed now", ErrClosed, q.ID)
	}
	if q.maxWaiting > 0 && s.lines().waiting[q.ID] >= q.maxWaiting {
		return fmt.Errorf("%w: %d calls wait in %s", ErrFull, q.maxWaiting, q.ID)
	}
	return nil
}

// Return gives a caller the room again, after a reload or a lost network.
func (s *Service) Return(ctx context.Context, callID string, who call.Caller) (Place, error) {
	_, c, err := s.do(ctx, callID, func(c call.Call) (call.Call, error) {
		if c.State == call.Ended {
			return c, fmt.Errorf("%w: call %s has ended", call.ErrWrongState, callID)
		}
		return c.Back(who, s.o.Now())
	})
	if err != nil {
		return Place{}, err
	}
	return s.enter(ctx, c, room.Joining{UserID: c.Caller.UserID, NickName: c.Caller.NickName, Client: c.Caller.Client})
}

// enter gives somebody a place in the call's room, which is made again where it
// was lost.
func (s *Service) enter(ctx context.Context, c call.Call, j room.Joining) (Place, error) {
	view, m, err := s.o.Rooms.Join(ctx, c.CallID, j)
	if errors.Is(err, rooms.ErrRoomNotFound) {
		_, err = s.o.Rooms.Create(ctx, room.Options{RoomID: c.CallID, Name: c.Queue, Capacity: capacity, Run: true})
		if err == nil || errors.Is(err, rooms.ErrRoomExists) {
			view, m, err = s.o.Rooms.Join(ctx, c.CallID, j)
		}
	}
	if err != nil {
		return Place{}, err
	}
	// The call may have let go of them, or have ended, while they were let in.
	now, known := s.index.call(c.CallID)
	if !known || !now.TakesPart(j.UserID) {
		s.o.Rooms.Remove(ctx, c.CallID, j.UserID)
		return Place{}, fmt.Errorf("%w: call %s goes on without %s", call.ErrWrongState, c.CallID, j.UserID)
	}
	return Place{c, view, m}, nil
}

func (s *Service) closeRoom(ctx context.Context, callID string) {
	err := s.o.Rooms.CloseRoom(ctx, callID, "call_ended")
	if err != nil && !errors.Is(err, rooms.ErrRoomNotFound) {
		s.o.Log.Warn("the room of a call could not be closed", "call", callID, "error", err)
	}
}
