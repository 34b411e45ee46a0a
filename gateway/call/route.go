package call

import (
	"cmp"
	"slices"
	"time"
)

// Seat is an agent and what the configuration says of them.
type Seat struct {
	Agent
	Queues, Skills []string
}

// serves says whether the seat may take calls of a queue that demand skills.
func (s Seat) serves(queue string, skills ...[]string) bool {
	if !slices.Contains(s.Queues, queue) {
		return false
	}
	for _, list := range skills {
		for _, skill := range list {
			if !slices.Contains(s.Skills, skill) {
				return false
			}
		}
	}
	return true
}

// OnDuty says whether the agent would take calls of a queue, now or soon.
func (s Seat) OnDuty(queue string, now time.Time) bool {
	return s.serves(queue) && s.State(now) != Offline && s.State(now) != Break
}

// Line says how queues stand to each other.
type Line struct {
	Priority   int
	Skills     []string
	RetryAfter time.Duration
}

// Before orders waiting calls: those that had an agent already, then by
// priority, then by how long they have waited.
func Before(lines map[string]Line) func(a, b Call) int {
	return func(a, b Call) int {
		front := func(c Call) int {
			if c.Front {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(front(a), front(b)),
			cmp.Compare(b.Priority+lines[b.Queue].Priority, a.Priority+lines[a.Queue].Priority),
			a.QueuedAt.Compare(b.QueuedAt), cmp.Compare(a.CallID, b.CallID))
	}
}

// Pair is a call and the agent it is to ring at.
type Pair struct {
	CallID, AgentID string
	Revision        uint64
}

// Pick pairs calls that wait, and transfers that look for somebody, with agents
// who are ready: of those who may take a call, who has been idle the longest.
// present says that the caller is there to talk to.
func Pick(calls []Call, seats []Seat, lines map[string]Line, present func(Call) bool, now time.Time) []Pair {
	var wanting []Call
	for _, c := range calls {
		_, known := lines[queueOf(c)]
		if known && (c.State == Waiting || c.State == Transferring && c.Move.Queue != "" && c.Move.AgentID == "") && c.Caller.AwaySince.IsZero() && present(c) {
			wanting = append(wanting, c)
		}
	}
	slices.SortFunc(wanting, Before(lines))
	var free []Seat
	for _, s := range seats {
		if s.State(now) == Ready && s.Here(now) {
			free = append(free, s)
		}
	}
	slices.SortFunc(free, func(a, b Seat) int {
		return cmp.Or(a.IdleSince.Compare(b.IdleSince), cmp.Compare(a.AgentID, b.AgentID))
	})
	var pairs []Pair
	for _, c := range wanting {
		queue := queueOf(c)
		l := lines[queue]
		i := slices.IndexFunc(free, func(s Seat) bool {
			at, tried := c.Tried[s.AgentID]
			return s.serves(queue, l.Skills, c.Skills) && (!tried || due(at.Add(l.RetryAfter), now))
		})
		if i < 0 {
			continue
		}
		pairs = append(pairs, Pair{c.CallID, free[i].AgentID, c.Revision})
		free = slices.Delete(free, i, i+1)
	}
	return pairs
}

func queueOf(c Call) string {
	if c.State == Transferring {
		return c.Move.Queue
	}
	return c.Queue
}

// Expected is how long who has a place in line, from 1, may expect to wait: the
// line before moves up whenever one of the agents on duty has handled a call.
// It is false while nobody is on duty.
func Expected(position, onDuty, ready int, handling time.Duration) (time.Duration, bool) {
	if onDuty == 0 {
		return 0, false
	}
	ahead := max(0, position-ready)
	return handling * time.Duration(ahead) / time.Duration(onDuty), true
}
