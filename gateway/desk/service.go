package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/rooms/webhook"
	"hutong/gateway/store"
)

var (
	// ErrNoQueue says that no queue has that id.
	ErrNoQueue = errors.New("no such queue")
	// ErrClosed refuses a call outside business hours.
	ErrClosed = errors.New("queue closed")
	// ErrFull refuses a call into a line that is too long.
	ErrFull = errors.New("queue full")
	// ErrNoAgent says that there is no such agent.
	ErrNoAgent = errors.New("no such agent")
	// ErrNoRight refuses what a role may not do.
	ErrNoRight = errors.New("not allowed")
	// ErrNoCallback refuses a request where a queue takes none.
	ErrNoCallback = errors.New("no call-backs")
	// ErrOtherCall refuses a second call of one user.
	ErrOtherCall = errors.New("user has another call")
)

// Rooms are where calls take place: a [rooms.Service].
type Rooms interface {
	Create(context.Context, room.Options) (room.View, error)
	Get(ctx context.Context, roomID string) (room.View, error)
	Join(ctx context.Context, roomID string, j room.Joining) (room.View, room.Member, error)
	Remove(ctx context.Context, roomID, userID string) error
	CloseRoom(ctx context.Context, roomID, reason string) error
	Heartbeat(ctx context.Context, roomID, userID string) error
	// Presence says whether a user has a place, whether a connection holds it, and
	// the last sign of life.
	Presence(roomID, userID string) (member, held bool, seen time.Time)
	// Members are who has a place, as this node knows it.
	Members(roomID string) []room.Member
}

// Options of a [Service].
type Options struct {
	Desk   config.Desk
	Queues []config.Queue
	Store  *store.Store
	Rooms  Rooms
	Node   string
	// Legs measures who takes part; nil measures nothing.
	Legs Legs
	// Changed is told that who gets whose media in a room may have changed; nil is
	// nobody. It must not block.
	Changed func(roomID string)
	Now     func() time.Time
	Log     *slog.Logger
	// Webhook counts deliveries by outcome.
	Webhook func(outcome string)

	tick         time.Duration // of tend.go; 0 is what it says there
	webhookRetry time.Duration
	stale        time.Duration // of claim.go
}

// Service is the desk of this node's store. Its methods may be called from many
// goroutines.
type Service struct {
	o         Options
	set       atomic.Pointer[settings]
	flow      flow
	calls     *store.Bucket
	agents    *store.Bucket
	backs     *store.Bucket // call-back requests
	claims    *store.Bucket // callIDs by the userID of their caller
	logins    *store.Bucket
	people    *store.Bucket // agents that the configuration does not have
	index     index
	lanes     store.Lanes // of calls
	placing   store.Lanes // of users who call
	hooks     *webhook.Sender
	past      *history
	audit     *audit
	meter     *meter
	crowd     crowd
	guard     *guard
	lineups   lineups
	providers providers
	started   time.Time

	wakeup      chan struct{}
	consolesMu  sync.Mutex
	consoles    map[string]*Console // by agentID
	followersMu sync.Mutex
	followers   map[string]*Follower // by callID

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// New reads the calls and agents there are, and looks after them until Close.
func New(o Options) (s *Service, err error) {
	if o.Node == "" {
		return nil, errors.New("desk: the node has no name; set Options.Node")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Changed == nil {
		o.Changed = func(string) {}
	}
	s = &Service{o: o, lanes: store.NewLanes(), placing: store.NewLanes(), wakeup: make(chan struct{}, 1), consoles: map[string]*Console{}, followers: map[string]*Follower{}, guard: newGuard(o.Now), started: o.Now()}
	s.flow = flow{records: s, now: o.Now, wrapUp: func(call.Call) time.Duration { return s.set.Load().WrapUp.Std() }}
	s.index.init(s.wake)
	set, err := newSettings(o.Desk, o.Queues)
	if err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	s.set.Store(set)
	for name, b := range map[string]**store.Bucket{"calls": &s.calls, "agents": &s.agents, "callbacks": &s.backs, "desk_claims": &s.claims, "desk_people": &s.people} {
		if *b, err = o.Store.Bucket(name, store.BucketOptions{}); err != nil {
			return nil, fmt.Errorf("desk: %w", err)
		}
	}
	if s.logins, err = o.Store.Bucket("desk_logins", store.BucketOptions{TTL: 7 * 24 * time.Hour}); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		s.cancel()
		s.wg.Wait()
		if s.hooks != nil {
			s.hooks.Close()
		}
		return nil, fmt.Errorf("desk: %w", err)
	}
	return s, nil
}

// startTimeout bounds the reading of all there is.
const startTimeout = 2 * time.Minute

func (s *Service) start() error {
	var err error
	s.hooks, err = webhook.New(webhook.Options{Hooks: hooksOf(s.o.Desk), Store: s.o.Store, Node: s.o.Node, Log: s.o.Log,
		Count: s.o.Webhook, FirstRetry: s.o.webhookRetry, Journal: "desk_webhooks"})
	if err != nil {
		return err
	}
	if s.past, err = newHistory(s.ctx, s.o.Store, s.o.Log); err != nil {
		return err
	}
	if s.audit, err = newAudit(s.o); err != nil {
		return err
	}
	if s.meter, err = newMeter(s); err != nil {
		return err
	}
	s.crowd.people = map[string]Account{}
	var ready []chan struct{}
	for _, follow := range []struct {
		b *store.Bucket
		f func(store.Entry)
	}{{s.calls, s.sawCall}, {s.agents, s.sawAgent}, {s.people, s.crowd.saw}, {s.past.small, s.past.saw}, {s.audit.kept, s.audit.saw}} {
		entries, err := follow.b.Watch(s.ctx, "")
		if err != nil {
			return err
		}
		done := make(chan struct{})
		ready = append(ready, done)
		s.wg.Go(func() {
			first := true
			for e := range entries {
				if e.Key != "" {
					follow.f(e)
				} else if first {
					first = false
					close(done)
				}
			}
		})
	}
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	for _, done := range ready {
		select {
		case <-done:
		case <-timeout.C:
			return fmt.Errorf("%w: calls were not read within %v", store.ErrUnavailable, startTimeout)
		}
	}
	s.dropConsoles()
	s.wg.Go(s.tend)
	s.wg.Go(s.meter.run)
	return nil
}

// Close ends everything that New has begun. Calls go on in the store.
func (s *Service) Close() {
	s.CloseSockets("server_shutdown")
	s.cancel()
	s.wg.Wait()
	s.hooks.Close()
}

// Adopt has the desk follow another configuration. Calls under way go on under
// the new rules.
func (s *Service) Adopt(d config.Desk, queues []config.Queue) error {
	set, err := newSettings(d, queues)
	if err != nil {
		return fmt.Errorf("desk: %w", err)
	}
	s.set.Store(set)
	s.hooks.SetHooks(hooksOf(d))
	s.wake()
	return nil
}

func (s *Service) wake() {
	select {
	case s.wakeup <- struct{}{}:
	default:
	}
}

func (s *Service) sawCall(e store.Entry) {
	if e.Deleted {
		s.sawEnd(e.Key)
		return
	}
	c, err := call.Decode(e.Value)
	if err != nil {
		s.o.Log.Error("a call in the store cannot be read", "call", e.Key, "error", err)
		return
	}
	s.index.note(c)
	s.o.Changed(c.CallID)
}

func (s *Service) sawAgent(e store.Entry) {
	if e.Deleted {
		return
	}
	a, err := call.DecodeAgent(e.Value)
	if err != nil {
		s.o.Log.Error("an agent in the store cannot be read", "agent", e.Key, "error", err)
		return
	}
	s.index.noteAgent(a, e.Revision)
}

// Stats counts the calls that wait and those that are being talked in, and the
// agents who are on duty.
func (s *Service) Stats() (waiting, talking, agents int) {
	for _, c := range s.index.views() {
		switch c.State {
		case call.Waiting, call.Ringing:
			waiting++
		default:
			talking++
		}
	}
	now := s.o.Now()
	for _, seat := range s.seats() {
		if seat.State(now) != call.Offline {
			agents++
		}
	}
	return waiting, talking, agents
}
