package desk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"

	"hutong/gateway/call"
	"hutong/gateway/session"
)

// MaxMessage bounds a message of a console or a caller, in bytes.
const MaxMessage = 32 << 10

// Console is the WebSocket of an agent.
type Console struct {
	s   *Service
	who Account
	id  string
	out *session.Outbox

	opening sync.Mutex // held until it is open, so that nothing is taken after its end

	mu      sync.Mutex
	live    bool    // welcome has been sent
	early   []Event // came before it
	shown   map[string]bool
	queues  []QueueView // as sent
	closed  bool
	unwatch func()
}

// OpenConsole gives an agent's WebSocket what happens, through out, from a
// welcome on. The one before is closed.
func (s *Service) OpenConsole(ctx context.Context, l Login, out *session.Outbox) (*Console, error) {
	c := &Console{s: s, who: l.Account, id: newID("k"), out: out, shown: map[string]bool{}}
	c.opening.Lock()
	s.consolesMu.Lock()
	old := s.consoles[l.AgentID]
	s.consoles[l.AgentID] = c
	s.consolesMu.Unlock()
	if old != nil {
		old.end("replaced")
	}
	if err := c.open(ctx, l); err != nil {
		c.Close()
		return nil, err
	}
	s.wake()
	return c, nil
}

func (c *Console) open(ctx context.Context, l Login) error {
	defer c.opening.Unlock()
	if _, err := c.s.changeAgent(ctx, l.AgentID, func(a call.Agent) call.Agent {
		return a.Opened(call.Console{ID: c.id, Node: c.s.o.Node}, c.s.o.Now())
	}); err != nil {
		return err
	}
	c.unwatch = c.s.index.subscribe(c.take)
	c.welcome(l)
	return nil
}

func (c *Console) welcome(l Login) {
	set := c.s.set.Load()
	me, _ := c.s.Agent(l.AgentID)
	calls := []CallView{}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, v := range c.s.Calls(CallFilter{}) {
		if c.sees(v.call) {
			calls = append(calls, v)
			c.shown[v.CallID] = true
		}
	}
	c.queues = c.s.Queues()
	c.out.Send(map[string]any{"type": "welcome", "me": me, "csrf": l.CSRF, "agents": c.s.Agents(), "queues": c.queues, "calls": calls,
		"settings": map[string]any{"wrapUp": set.WrapUp.Std().Seconds(), "outcomes": set.Outcomes, "quickReplies": set.QuickReplies,
			"qualityEvery": set.QualityEvery.Std().Seconds(), "serviceLevel": set.ServiceLevel.Std().Seconds()}})
	c.live = true
	for _, e := range c.early {
		c.pass(e)
	}
	c.early = nil
}

// sees says whether the agent is told of a call.
func (c *Console) sees(x call.Call) bool {
	_, engaged := x.Engaged()[c.who.AgentID]
	return engaged || c.who.Supervises()
}

// maxEarly bounds what waits for the welcome, which takes a moment.
const maxEarly = 10_000

func (c *Console) take(e Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
	case c.live:
		c.pass(e)
	case len(c.early) < maxEarly:
		c.early = append(c.early, e)
	}
}

// pass tells what the agent may know. The caller holds mu.
func (c *Console) pass(e Event) {
	switch {
	case e.Call != nil:
		c.passCall(*e.Call)
	case e.Agent != nil:
		if e.Agent.AgentID == c.who.AgentID && e.Agent.Console.ID != c.id && e.Agent.Console.ID != "" {
			c.s.wg.Go(c.yield)
			return
		}
		if v, ok := c.s.agentView(*e.Agent); ok {
			c.out.Send(map[string]any{"type": "agent", "agent": v})
		}
	case e.Quality != nil:
		if c.shown[e.Quality.CallID] {
			c.out.Send(e.Quality)
		}
	case e.Queues != nil:
		if !slices.EqualFunc(c.queues, e.Queues, QueueView.equal) {
			c.queues = e.Queues
			c.out.Send(map[string]any{"type": "queues", "queues": e.Queues})
		}
	}
}

func (c *Console) passCall(x call.Call) {
	was := c.shown[x.CallID]
	switch {
	case c.sees(x), x.State == call.Ended && was:
		c.shown[x.CallID] = x.State != call.Ended
		c.out.Send(map[string]any{"type": "call", "call": c.s.View(x)})
		if x.State == call.Ended {
			delete(c.shown, x.CallID)
		}
	case was:
		delete(c.shown, x.CallID)
		c.out.Send(map[string]any{"type": "call_gone", "callID": x.CallID})
	}
}

// Handle takes one message of the page.
func (c *Console) Handle(text []byte) {
	var r struct {
		Type   string   `json:"type"`
		CallID string   `json:"callID"`
		Legs   []Report `json:"legs"`
	}
	if err := json.Unmarshal(text, &r); err != nil {
		sendError(c.out, "bad_message", "not a JSON object with a type: "+err.Error())
		return
	}
	switch r.Type {
	case "ping":
		c.out.Send(map[string]any{"type": "pong"})
	case "report":
		x, ok := c.s.index.call(r.CallID)
		if ok && x.TakesPart(call.UserOf(c.who.AgentID)) {
			c.s.meter.reported(r.CallID, call.UserOf(c.who.AgentID), r.Legs)
		}
	default:
		sendError(c.out, "bad_message", fmt.Sprintf("unknown type %.40q; see docs/desk.md", r.Type))
	}
}

func sendError(out *session.Outbox, code, message string) {
	out.Send(map[string]any{"type": "error", "code": code, "message": message})
}

// yield ends a console in whose place another is, maybe on another node. What is
// told of the agent may be older than this console: only the store knows.
func (c *Console) yield() {
	ctx, cancel := context.WithTimeout(c.s.ctx, storeTimeout)
	defer cancel()
	now, err := c.s.getAgent(ctx, c.who.AgentID)
	if err == nil && now.Console.ID != c.id && now.Console.ID != "" {
		c.end("replaced")
	}
}

// end tells the page why, and closes.
func (c *Console) end(reason string) {
	c.mu.Lock()
	if !c.closed {
		c.out.Send(map[string]any{"type": "closed", "reason": reason})
	}
	c.mu.Unlock()
	c.Close()
}

// Close ends the console. The agent has the grace period to open another.
func (c *Console) Close() {
	c.opening.Lock()
	defer c.opening.Unlock()
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return
	}
	c.closed = true
	unwatch := c.unwatch
	c.mu.Unlock()
	if unwatch != nil {
		unwatch()
	}
	c.out.Close()
	s := c.s
	s.consolesMu.Lock()
	if s.consoles[c.who.AgentID] == c {
		delete(s.consoles, c.who.AgentID)
	}
	s.consolesMu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	if _, err := s.changeAgent(ctx, c.who.AgentID, func(a call.Agent) call.Agent { return a.Closed(c.id, s.o.Now()) }); err != nil && s.ctx.Err() == nil {
		s.o.Log.Warn("the end of a console could not be noted", "agent", c.who.AgentID, "error", err)
	}
}

func (s *Service) closeConsole(agentID, reason string) {
	s.consolesMu.Lock()
	c := s.consoles[agentID]
	s.consolesMu.Unlock()
	if c != nil {
		c.end(reason)
	}
}

// CloseSockets ends the WebSockets that are open here.
func (s *Service) CloseSockets(reason string) {
	s.consolesMu.Lock()
	var consoles []*Console
	for _, c := range s.consoles {
		consoles = append(consoles, c)
	}
	s.consolesMu.Unlock()
	for _, c := range consoles {
		c.end(reason)
	}
	s.followersMu.Lock()
	var followers []*Follower
	for _, f := range s.followers {
		followers = append(followers, f)
	}
	s.followersMu.Unlock()
	for _, f := range followers {
		f.end(reason)
	}
}
