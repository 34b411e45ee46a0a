package rooms

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"hutong/bridge/stream"
	"hutong/gateway/room"
	"hutong/gateway/rooms/webhook"
	"hutong/gateway/store"
)

var (
	// ErrRoomNotFound says that there is no room of that roomID, or no longer.
	ErrRoomNotFound = errors.New("no such room")
	// ErrRoomExists refuses a second room of one roomID.
	ErrRoomExists = errors.New("room exists already")
	// ErrTooMany refuses a room past the limit.
	ErrTooMany = errors.New("too many rooms")
)

// Streams says which streams there are on this node: a [stream.Registry].
type Streams interface {
	// Get returns a stream that is published, or waits for its publisher's return,
	// and nil for any other.
	Get(name string) *stream.Stream
	// End ends a stream, and has its publisher go.
	End(name string, reason error)
}

// Observer is told what a service does, for metrics. A nil function is nobody.
type Observer struct {
	// Event counts what happened in rooms through this node.
	Event func(room.EventType)
	// Gap counts announcements that were lost and made good by the watch.
	Gap func()
	// Webhook counts deliveries by outcome.
	Webhook func(outcome string)
}

// Options of a [Service].
type Options struct {
	Store   *store.Store
	Streams Streams
	// Node is this node's name, which no other node has at the same time.
	Node string
	// Grace is how long a member stays without a connection or a heartbeat; 0 is
	// 20 s.
	Grace time.Duration
	// EmptyTimeout is how long a room stays without members; 0 is 5 min.
	EmptyTimeout time.Duration
	// MaxRooms bounds the rooms there are; 0 is 10,000.
	MaxRooms int
	// Webhooks are told what happens in rooms and to streams through this node.
	Webhooks []webhook.Hook
	// Now is the clock that members expire by; nil is time.Now.
	Now      func() time.Time
	Log      *slog.Logger
	Observer Observer

	beat         time.Duration // of nodes.go; 0 is what it says there
	webhookRetry time.Duration
}

// Service is the rooms of this node's store. Its methods may be called from many
// goroutines.
type Service struct {
	o       Options
	rooms   *store.Bucket
	nodes   *store.Bucket
	life    string // this life of the node, in the holds it takes
	started time.Time
	lanes   store.Lanes
	index   index
	feeds   feeds
	dirty   dirty
	hooks   *webhook.Sender

	sessionsMu sync.Mutex
	sessions   map[member]string // the WebSocket sessions that this node has

	ctx         context.Context
	cancel      context.CancelFunc
	unsubscribe func()
	wg          sync.WaitGroup
}

// member is a userID in a room.
type member struct{ roomID, userID string }

// New reads the rooms there are, drops what a former life of this node held in
// them, and follows them until Close.
func New(o Options) (*Service, error) {
	o.Grace = cmp.Or(o.Grace, 20*time.Second)
	o.EmptyTimeout = cmp.Or(o.EmptyTimeout, 5*time.Minute)
	o.MaxRooms = cmp.Or(o.MaxRooms, 10_000)
	if o.Node == "" {
		return nil, errors.New("rooms: the node has no name; set Options.Node")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observer.Event == nil {
		o.Observer.Event = func(room.EventType) {}
	}
	if o.Observer.Gap == nil {
		o.Observer.Gap = func() {}
	}
	s := &Service{o: o, life: rand.Text()[:8], started: o.Now(), lanes: store.NewLanes(), index: newIndex(),
		feeds: newFeeds(), dirty: newDirty(), sessions: map[member]string{}}
	var err error
	if s.rooms, err = o.Store.Bucket("rooms", store.BucketOptions{}); err != nil {
		return nil, fmt.Errorf("rooms: %w", err)
	}
	if s.nodes, err = o.Store.Bucket("nodes", store.BucketOptions{TTL: s.nodeTTL()}); err != nil {
		return nil, fmt.Errorf("rooms: %w", err)
	}
	s.hooks, err = webhook.New(webhook.Options{Hooks: o.Webhooks, Store: o.Store, Node: o.Node, Log: o.Log, Count: o.Observer.Webhook,
		FirstRetry: o.webhookRetry})
	if err != nil {
		return nil, fmt.Errorf("rooms: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.start(); err != nil {
		s.cancel()
		s.wg.Wait()
		s.hooks.Close()
		return nil, fmt.Errorf("rooms: %w", err)
	}
	return s, nil
}

// startTimeout bounds the reading of all rooms.
const startTimeout = time.Minute

func (s *Service) start() error {
	unsubscribe, err := s.o.Store.Subscribe(announcements+"*", s.announced)
	if err != nil {
		return err
	}
	entries, err := s.rooms.Watch(s.ctx, "")
	if err != nil {
		unsubscribe()
		return err
	}
	ready := make(chan struct{})
	s.wg.Go(func() { s.follow(entries, ready) })
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-ready:
	case <-timeout.C:
		unsubscribe()
		return fmt.Errorf("%w: the rooms were not read within %v", store.ErrUnavailable, startTimeout)
	}
	s.unsubscribe = unsubscribe
	s.releaseHolds(s.ctx)
	s.wg.Go(s.reconcile)
	s.wg.Go(s.tend)
	s.wg.Go(s.attend)
	return nil
}

// Close gives up what this node holds in rooms and ends everything that New has
// begun. Subscribers hear nothing any more.
func (s *Service) Close() {
	ctx, cancel := context.WithTimeout(s.ctx, 5*time.Second)
	s.releaseHolds(ctx)
	cancel()
	s.unsubscribe()
	s.feeds.mu.Lock() // nobody subscribes from now on
	s.cancel()
	s.feeds.mu.Unlock()
	s.wg.Wait()
	s.hooks.Close()
}

// releaseHolds drops the holds of this node: before it has any, those of its
// former life.
func (s *Service) releaseHolds(ctx context.Context) {
	s.sessionsMu.Lock()
	clear(s.sessions)
	s.sessionsMu.Unlock()
	for _, r := range s.index.all() {
		if !holders(r)[s.o.Node] {
			continue
		}
		_, err := s.change(ctx, r.RoomID, func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
			return r.NodeLost(s.o.Node, now)
		})
		if err != nil && !errors.Is(err, ErrRoomNotFound) {
			s.o.Log.Warn("a room keeps the connections of a node that has gone", "room", r.RoomID, "node", s.o.Node, "error", err)
		}
	}
}

// SetWebhooks replaces the back ends that are told.
func (s *Service) SetWebhooks(hooks []webhook.Hook) { s.hooks.SetHooks(hooks) }

// Stats counts the rooms there are and the members in them.
func (s *Service) Stats() (rooms, members int) { return s.index.count() }
