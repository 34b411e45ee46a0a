package desk

import (
	"maps"
	"slices"
	"sync"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/room"
)

// CallView is a call as agents, supervisors and back ends see it.
type CallView struct {
	CallID       string           `json:"callID"`
	Queue        string           `json:"queue"`
	State        call.State       `json:"state"`
	Reason       call.Reason      `json:"reason,omitempty"`
	EndedBy      string           `json:"endedBy,omitempty"`
	Priority     int              `json:"priority"`
	Skills       []string         `json:"skills"`
	Caller       call.Caller      `json:"caller"`
	RoomID       string           `json:"roomID"`
	CreatedAt    time.Time        `json:"createdAt"`
	QueuedAt     time.Time        `json:"queuedAt"`
	AnsweredAt   time.Time        `json:"answeredAt,omitzero"`
	EndedAt      time.Time        `json:"endedAt,omitzero"`
	Position     int              `json:"position"`
	ExpectedWait *int             `json:"expectedWait"`
	Ringing      *call.Ring       `json:"ringing,omitempty"`
	Agent        *PersonView      `json:"agent,omitempty"`
	HeldSince    time.Time        `json:"heldSince,omitzero"`
	Transfer     *call.Move       `json:"transfer,omitempty"`
	Guests       []GuestView      `json:"guests"`
	Supervisors  []SupervisorView `json:"supervisors"`
	Mutes        []call.Mute      `json:"mutes"`
	Notes        string           `json:"notes"`
	Outcome      string           `json:"outcome"`
	Rating       *call.Rating     `json:"rating,omitempty"`
	Seconds      SecondsView      `json:"seconds"`
	Light        call.Light       `json:"light,omitempty"`
	Revision     uint64           `json:"revision"`

	call call.Call
}

// PersonView is who talks with a caller.
type PersonView struct {
	AgentID  string `json:"agentID,omitempty"`
	UserID   string `json:"userID"`
	NickName string `json:"nickName"`
}

// GuestView is a third party.
type GuestView struct {
	UserID   string    `json:"userID"`
	AgentID  string    `json:"agentID,omitempty"`
	NickName string    `json:"nickName"`
	Role     string    `json:"role"`
	State    string    `json:"state"`
	Until    time.Time `json:"until,omitzero"`
}

// SupervisorView is somebody who looks after a call.
type SupervisorView struct {
	AgentID  string    `json:"agentID"`
	UserID   string    `json:"userID"`
	NickName string    `json:"nickName"`
	Mode     call.Mode `json:"mode"`
}

// SecondsView are durations.
type SecondsView struct {
	Waited float64 `json:"waited"`
	Rang   float64 `json:"rang"`
	Talked float64 `json:"talked"`
	Held   float64 `json:"held"`
}

func seconds(d call.Durations) SecondsView {
	return SecondsView{float64(d.Waited) / 1000, float64(d.Rang) / 1000, float64(d.Talked) / 1000, float64(d.Held) / 1000}
}

// StatusView is a call as its caller sees it.
type StatusView struct {
	CallID       string      `json:"callID"`
	Queue        string      `json:"queue"`
	QueueName    string      `json:"queueName"`
	State        call.State  `json:"state"`
	Reason       call.Reason `json:"reason,omitempty"`
	Position     int         `json:"position"`
	ExpectedWait *int        `json:"expectedWait"`
	Agent        *PersonView `json:"agent,omitempty"`
	Notice       string      `json:"notice,omitempty"`
	RoomID       string      `json:"roomID"`
	CreatedAt    time.Time   `json:"createdAt"`
	AnsweredAt   time.Time   `json:"answeredAt,omitzero"`
	EndedAt      time.Time   `json:"endedAt,omitzero"`
	Revision     uint64      `json:"revision"`
}

// AgentView is an agent as everybody logged in sees them.
type AgentView struct {
	AgentID  string          `json:"agentID"`
	Name     string          `json:"name"`
	NickName string          `json:"nickName"`
	Role     string          `json:"role"`
	Queues   []string        `json:"queues"`
	Skills   []string        `json:"skills"`
	State    call.AgentState `json:"state"`
	Since    time.Time       `json:"since"`
	Until    time.Time       `json:"until,omitzero"`
	Note     string          `json:"note,omitempty"`
	CallID   string          `json:"callID,omitempty"`
	Online   bool            `json:"online"`
	After    call.AgentState `json:"after,omitempty"`
}

// QueueView is a queue and its line.
type QueueView struct {
	Queue        string         `json:"queue"`
	Name         string         `json:"name"`
	Open         bool           `json:"open"`
	Full         bool           `json:"full"`
	OpensAt      time.Time      `json:"opensAt,omitzero"`
	Waiting      int            `json:"waiting"`
	Calls        int            `json:"calls"`
	Agents       map[string]int `json:"agents"`
	LongestWait  int            `json:"longestWait"`
	ExpectedWait *int           `json:"expectedWait"`
	Message      string         `json:"message,omitempty"`
	Callback     bool           `json:"callback"`
}

func (q QueueView) equal(o QueueView) bool {
	wait := func(p *int) int {
		if p == nil {
			return -1
		}
		return *p
	}
	same := maps.Equal(q.Agents, o.Agents) && wait(q.ExpectedWait) == wait(o.ExpectedWait)
	q.Agents, o.Agents, q.ExpectedWait, o.ExpectedWait = nil, nil, nil, nil
	return same && q.Queue == o.Queue && q.Open == o.Open && q.Full == o.Full && q.Waiting == o.Waiting && q.Calls == o.Calls &&
		q.LongestWait == o.LongestWait && q.Message == o.Message && q.OpensAt.Equal(o.OpensAt)
}

// lineup is who waits where, as of a moment.
type lineup struct {
	at       time.Time
	position map[string]int // by callID, from 1
	waiting  map[string]int // by queue
	talking  map[string]int
	oldest   map[string]time.Time
	onDuty   map[string]int
	ready    map[string]int
	states   map[string]map[string]int
}

// lineupFor is how long a lineup is good when nothing changes.
const lineupFor = 200 * time.Millisecond

type lineups struct {
	mu      sync.Mutex
	last    *lineup
	made    time.Time
	changes uint64 // of the index, that last is of
}

// lines are the lines now. They are asked for by everybody who waits, and made
// once for all of them.
func (s *Service) lines() *lineup {
	s.lineups.mu.Lock()
	defer s.lineups.mu.Unlock()
	if changes := s.index.changes.Load(); s.lineups.last == nil || s.lineups.changes != changes || time.Since(s.lineups.made) > lineupFor {
		s.lineups.changes = changes
		s.lineups.last, s.lineups.made = s.lineUp(), time.Now()
	}
	return s.lineups.last
}

func (s *Service) lineUp() *lineup {
	now, set := s.o.Now(), s.set.Load()
	l := &lineup{at: now, position: map[string]int{}, waiting: map[string]int{}, talking: map[string]int{}, oldest: map[string]time.Time{},
		onDuty: map[string]int{}, ready: map[string]int{}, states: map[string]map[string]int{}}
	calls := s.index.views()
	slices.SortFunc(calls, call.Before(set.lines))
	for _, c := range calls {
		switch c.State {
		case call.Waiting, call.Ringing:
			l.waiting[c.Queue]++
			l.position[c.CallID] = l.waiting[c.Queue]
			if at, ok := l.oldest[c.Queue]; !ok || c.QueuedAt.Before(at) {
				l.oldest[c.Queue] = c.QueuedAt
			}
		default:
			l.talking[c.Queue]++
		}
	}
	seats := s.seats()
	for id := range set.queues {
		l.states[id] = map[string]int{}
		for _, seat := range seats {
			if !slices.Contains(seat.Queues, id) {
				continue
			}
			state := seat.State(now)
			l.states[id][string(state)]++
			if seat.OnDuty(id, now) {
				l.onDuty[id]++
			}
			if state == call.Ready {
				l.ready[id]++
			}
		}
	}
	return l
}

func (s *Service) expected(l *lineup, queue string, position int) *int {
	d, ok := call.Expected(position, l.onDuty[queue], l.ready[queue], s.past.handlingOf(queue))
	if !ok {
		return nil
	}
	n := int(d.Seconds())
	return &n
}

// Queue is a queue now.
func (s *Service) Queue(id string) (QueueView, error) {
	q, err := s.queue(id)
	if err != nil {
		return QueueView{}, err
	}
	return s.queueView(q, s.lines()), nil
}

// Queues are all there are, as configured.
func (s *Service) Queues() []QueueView {
	set, l := s.set.Load(), s.lines()
	out := make([]QueueView, 0, len(set.order))
	for _, id := range set.order {
		out = append(out, s.queueView(set.queues[id], l))
	}
	return out
}

func (s *Service) queueView(q queue, l *lineup) QueueView {
	v := QueueView{Queue: q.ID, Name: q.Name, Open: q.hours.Open(l.at), Waiting: l.waiting[q.ID], Calls: l.talking[q.ID], Agents: l.states[q.ID],
		Callback: q.Callback, ExpectedWait: s.expected(l, q.ID, l.waiting[q.ID]+1)}
	if v.Agents == nil {
		v.Agents = map[string]int{}
	}
	v.Full = q.maxWaiting > 0 && v.Waiting >= q.maxWaiting
	if at, ok := l.oldest[q.ID]; ok {
		v.LongestWait = max(0, int(l.at.Sub(at).Seconds()))
	}
	switch {
	case !v.Open:
		v.Message = q.ClosedMessage
		v.OpensAt, _ = q.hours.Opens(l.at)
	case v.Full:
		v.Message = q.FullMessage
	}
	return v
}

// View is a call as those see it who work on it.
func (s *Service) View(c call.Call) CallView {
	now := s.o.Now()
	v := CallView{CallID: c.CallID, Queue: c.Queue, State: c.State, Reason: c.Reason, EndedBy: c.EndedBy, Priority: c.Priority, Skills: c.Skills,
		Caller: c.Caller, RoomID: c.CallID, CreatedAt: c.CreatedAt, QueuedAt: c.QueuedAt, AnsweredAt: c.AnsweredAt, EndedAt: c.EndedAt,
		Ringing: c.Ring, Transfer: c.Move, Guests: []GuestView{}, Supervisors: []SupervisorView{}, Mutes: c.Mutes,
		Notes: c.Notes, Outcome: c.Outcome, Rating: c.Rating, Seconds: seconds(c.Durations(now)), Light: s.meter.light(c.CallID), Revision: c.Revision, call: c}
	if c.AgentID != "" {
		v.Agent = s.person(c.AgentID)
	}
	if c.State == call.Held || c.State == call.Transferring {
		v.HeldSince = c.StateAt
	}
	for _, g := range c.Guests {
		state := "invited"
		if g.Joined {
			state = "joined"
		}
		v.Guests = append(v.Guests, GuestView{g.UserID, g.AgentID, g.NickName, g.Role, state, g.Until})
	}
	for _, x := range c.Supervisors {
		p := s.person(x.AgentID)
		v.Supervisors = append(v.Supervisors, SupervisorView{p.AgentID, p.UserID, p.NickName, x.Mode})
	}
	if c.State == call.Waiting || c.State == call.Ringing {
		l := s.lines()
		v.Position = max(1, l.position[c.CallID])
		v.ExpectedWait = s.expected(l, c.Queue, v.Position)
	}
	return v
}

func (s *Service) person(agentID string) *PersonView {
	p := &PersonView{AgentID: agentID, UserID: call.UserOf(agentID), NickName: agentID}
	if a, ok := s.Account(agentID); ok {
		p.NickName = a.NickName
	}
	return p
}

// Status is a call as its caller sees it.
func (s *Service) Status(c call.Call) StatusView {
	q := s.set.Load().queues[c.Queue]
	v := StatusView{CallID: c.CallID, Queue: c.Queue, QueueName: q.Name, State: c.State, Reason: c.Reason, RoomID: c.CallID,
		CreatedAt: c.CreatedAt, AnsweredAt: c.AnsweredAt, EndedAt: c.EndedAt, Revision: c.Revision}
	if v.QueueName == "" {
		v.QueueName = c.Queue
	}
	if c.AgentID != "" && c.State != call.Ended {
		v.Agent = s.person(c.AgentID)
		v.Agent.AgentID = ""
	}
	switch c.State {
	case call.Waiting, call.Ringing:
		l := s.lines()
		v.Position = max(1, l.position[c.CallID])
		v.ExpectedWait = s.expected(l, c.Queue, v.Position)
		v.Notice = q.WaitMessage
	case call.Held, call.Transferring:
		v.Notice = q.HoldMessage
	}
	return v
}

// CallFilter says which calls; what is empty fits all.
type CallFilter struct {
	Queue, Agent string
	State        call.State
}

// Calls are those that go on, the oldest first.
func (s *Service) Calls(f CallFilter) []CallView {
	all := s.index.views()
	slices.SortFunc(all, func(a, b call.Call) int { return a.CreatedAt.Compare(b.CreatedAt) })
	out := []CallView{}
	for _, c := range all {
		_, engaged := c.Engaged()[f.Agent]
		if f.Queue != "" && c.Queue != f.Queue || f.State != "" && c.State != f.State || f.Agent != "" && !engaged {
			continue
		}
		out = append(out, s.View(c))
	}
	return out
}

// Call is a call that goes on, as it has been told.
func (s *Service) Call(callID string) (call.Call, error) {
	c, ok := s.index.view(callID)
	if !ok {
		return call.Call{}, s.noCall(callID)
	}
	return c, nil
}

// Agents are all there are.
func (s *Service) Agents() []AgentView {
	out := []AgentView{}
	for _, seat := range s.seats() {
		if v, ok := s.agentView(seat.Agent); ok {
			out = append(out, v)
		}
	}
	return out
}

// Agent is one of them, as the index has them.
func (s *Service) Agent(agentID string) (AgentView, bool) {
	a, ok := s.index.agent(agentID)
	if !ok {
		a = call.NewAgent(agentID, s.started)
	}
	return s.agentView(a)
}

// AgentView is an agent as everybody sees them.
func (s *Service) AgentView(a call.Agent) AgentView {
	v, _ := s.agentView(a)
	return v
}

func (s *Service) agentView(a call.Agent) (AgentView, bool) {
	who, ok := s.Account(a.AgentID)
	if !ok {
		return AgentView{}, false
	}
	now := s.o.Now()
	v := AgentView{AgentID: a.AgentID, Name: a.AgentID, NickName: who.NickName, Role: who.Role, Queues: who.Queues, Skills: who.Skills,
		State: a.State(now), Since: a.Since, Note: a.Note, CallID: a.CallID, Online: a.Here(now)}
	if v.Queues == nil {
		v.Queues = []string{}
	}
	if v.Skills == nil {
		v.Skills = []string{}
	}
	switch v.State {
	case call.WrapUp:
		v.Until, v.After = a.WrapUntil, a.Wants
		v.Since = a.Since
	case call.Busy, call.AgentRings:
		v.After = a.Wants
	}
	if at := a.WrapUntil; v.State == a.Wants && !at.IsZero() && at.After(v.Since) && !at.After(now) {
		v.Since = at // the wrap-up ended by itself
	}
	return v, true
}

// Share says what a member of a room gets of another; a room that is no call's
// hides nothing. See [call.Call.Share].
func (s *Service) Share(roomID, listener, speaker string) call.Share {
	c, ok := s.index.call(roomID)
	if !ok {
		return call.Share{Known: true, Audio: true, Video: true}
	}
	return c.Share(listener, speaker)
}

// IsCall says whether a room is a call's.
func (s *Service) IsCall(roomID string) bool {
	_, ok := s.index.call(roomID)
	return ok
}

// Shown is a room as one of its members may see it.
func (s *Service) Shown(v room.View, userID string) room.View {
	c, ok := s.index.call(v.RoomID)
	if !ok {
		return v
	}
	v.Members = slices.DeleteFunc(slices.Clone(v.Members), func(m room.Member) bool { return !c.Share(userID, m.UserID).Known })
	return v
}
