package call

import "time"

// Durations are what a call has spent, in milliseconds. Waited is until an agent
// answered, with Rang within it; Held is with transfers.
type Durations struct {
	Waited int64 `json:"waited"`
	Rang   int64 `json:"rang"`
	Talked int64 `json:"talked"`
	Held   int64 `json:"held"`
}

// Durations are what the call has spent by now.
func (c Call) Durations(now time.Time) Durations {
	d := c.Spent
	if c.State == Ended {
		return d
	}
	ms := max(0, stamp(now).Sub(c.StateAt).Milliseconds())
	switch c.State {
	case Waiting:
		d.Waited += ms
	case Ringing:
		d.Waited += ms
		d.Rang += ms
	case Answered:
		d.Talked += ms
	case Held, Transferring:
		d.Held += ms
	}
	return d
}
