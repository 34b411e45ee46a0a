package call

import "errors"

// The errors of this package wrap one of these.
var (
	// ErrWrongState refuses what does not fit the state of a call or an agent.
	ErrWrongState = errors.New("wrong state")
	// ErrNotYours refuses an agent who has no part, or not this one, in a call.
	ErrNotYours = errors.New("not your call")
	// ErrBusy refuses an agent who has another call.
	ErrBusy = errors.New("agent busy")
	// ErrMoved refuses to name an agent in a call that has changed since the
	// agent was reserved.
	ErrMoved   = errors.New("call changed meanwhile")
	ErrBadID   = errors.New("bad id")
	ErrBadData = errors.New("bad value")
	ErrFull    = errors.New("call full")
	ErrCorrupt = errors.New("corrupt record")
)
