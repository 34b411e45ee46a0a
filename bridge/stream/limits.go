package stream

import "time"

// Limits are the options of a registry that may change while it is in use; see
// [Options]. What exceeds a new limit already stays.
type Limits struct {
	RefuseTakeover bool
	Grace          time.Duration
	MaxStreams     int
	MaxPlayers     int
}

// Limit replaces the limits.
func (r *Registry) Limit(l Limits) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opts.RefuseTakeover, r.opts.Grace, r.opts.MaxStreams = l.RefuseTakeover, l.Grace, l.MaxStreams
	r.maxPlayers.Store(int64(l.MaxPlayers))
}
