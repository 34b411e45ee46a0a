package desk

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"hutong/gateway/call"
)

// Event is something that has changed. One field is set. What it points to must
// not be altered.
type Event struct {
	// Call is how a call is now; one that is ended has been written down.
	Call *call.Call
	// Agent is how an agent is now.
	Agent *call.Agent
	// Quality is how a call's legs are now.
	Quality *QualityUpdate
	// Queues are the lines, told once a second.
	Queues []QueueView
}

// index is what this node knows of calls and agents.
type index struct {
	telling sync.Mutex // held over a change and its telling, so that events are in order; taken before mu

	mu     sync.RWMutex
	calls  map[string]call.Call // as they are, also those that have ended and are not written down
	shown  map[string]call.Call // as they have been told
	agents map[string]known
	users  map[string]string // userID of a caller and queue -> callID

	subs    map[*subscription]struct{} // under telling
	wake    func()
	changes atomic.Uint64 // so far
}

type known struct {
	call.Agent
	revision uint64 // in the store
}

type subscription struct{ f func(Event) }

func (x *index) init(wake func()) {
	x.calls, x.shown, x.agents = map[string]call.Call{}, map[string]call.Call{}, map[string]known{}
	x.users, x.subs, x.wake = map[string]string{}, map[*subscription]struct{}{}, wake
}

// subscribe has f called for what happens from now on. f must return at once and
// change nothing of the desk.
func (x *index) subscribe(f func(Event)) (unsubscribe func()) {
	sub := &subscription{f}
	x.telling.Lock()
	defer x.telling.Unlock()
	x.subs[sub] = struct{}{}
	return func() {
		x.telling.Lock()
		defer x.telling.Unlock()
		delete(x.subs, sub)
	}
}

func (x *index) tell(e Event) {
	for sub := range x.subs {
		sub.f(e)
	}
}

// note files a call, unless a newer one is known. The end of a call is kept, and
// told by ended.
func (x *index) note(c call.Call) {
	x.telling.Lock()
	defer x.telling.Unlock()
	x.mu.Lock()
	old, there := x.calls[c.CallID]
	if there && old.Revision >= c.Revision {
		x.mu.Unlock()
		return
	}
	x.calls[c.CallID] = c
	x.changes.Add(1)
	show := c.State != call.Ended
	if show {
		x.shown[c.CallID] = c
		x.users[c.Caller.UserID+"/"+c.Queue] = c.CallID
		if there && old.Queue != c.Queue {
			delete(x.users, old.Caller.UserID+"/"+old.Queue)
		}
	}
	x.mu.Unlock()
	if show {
		x.tell(Event{Call: &c})
	}
	x.wake()
}

// ended forgets a call that has been written down, and tells its end.
func (x *index) ended(c call.Call) {
	x.telling.Lock()
	defer x.telling.Unlock()
	x.mu.Lock()
	_, there := x.calls[c.CallID]
	delete(x.calls, c.CallID)
	delete(x.shown, c.CallID)
	x.changes.Add(1)
	if x.users[c.Caller.UserID+"/"+c.Queue] == c.CallID {
		delete(x.users, c.Caller.UserID+"/"+c.Queue)
	}
	x.mu.Unlock()
	if there {
		x.tell(Event{Call: &c})
	}
	x.wake()
}

// noteAgent files an agent as the store has them at a revision.
func (x *index) noteAgent(a call.Agent, revision uint64) {
	x.telling.Lock()
	defer x.telling.Unlock()
	x.mu.Lock()
	if old, there := x.agents[a.AgentID]; there && old.revision >= revision {
		x.mu.Unlock()
		return
	}
	x.agents[a.AgentID] = known{a, revision}
	x.changes.Add(1)
	x.mu.Unlock()
	x.tell(Event{Agent: &a})
	x.wake()
}

func (x *index) quality(q QualityUpdate) {
	x.telling.Lock()
	defer x.telling.Unlock()
	x.tell(Event{Quality: &q})
}

func (x *index) queues(q []QueueView) {
	x.telling.Lock()
	defer x.telling.Unlock()
	x.tell(Event{Queues: q})
}

// call is a call as it is; ok is false for one that is no more.
func (x *index) call(callID string) (c call.Call, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	c, ok = x.calls[callID]
	return c, ok
}

// view is a call as it has been told.
func (x *index) view(callID string) (c call.Call, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	c, ok = x.shown[callID]
	return c, ok
}

func (x *index) all() []call.Call {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Values(x.calls))
}

func (x *index) views() []call.Call {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return slices.Collect(maps.Values(x.shown))
}

func (x *index) callOf(userID, queue string) (call.Call, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	c, ok := x.shown[x.users[userID+"/"+queue]]
	return c, ok
}

func (x *index) agent(agentID string) (call.Agent, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	a, ok := x.agents[agentID]
	return a.Agent, ok
}
