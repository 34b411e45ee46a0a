// Package webhook tells back ends what happens in rooms and to calls.
//
// Each event is a JSON POST, signed as [auth.SignBody] says, and repeated until
// it is answered with a 2xx status. The events of one room, of one stream, and of
// one call, arrive in their order: one that fails holds back those after it, and
// no others. What has not been delivered is kept in the store, so that a restart
// loses nothing; a back end may get an event twice, and knows it by its id.
package webhook

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/store"
)

// Events beside those of [room.EventType].
const (
	RoomCreated   = "room_created"
	StreamStarted = "stream_started"
	StreamEnded   = "stream_ended"
)

const (
	maxQueue = 10_000         // events that wait for one back end
	maxAge   = 24 * time.Hour // of an event that is still tried
	timeout  = 10 * time.Second
	senders  = 4          // requests to one back end at a time
	journal  = "webhooks" // unless Options.Journal says another

	// lastAnswers is how long back ends may take to answer while a Sender closes.
	lastAnswers = time.Second
)

// Hook is a back end that is told.
type Hook struct {
	URL    string
	Secret string
	// Events are types, or prefixes such as member_*; none means all.
	Events []string
}

func (h Hook) wants(event string) bool {
	for _, e := range h.Events {
		if prefix, any := strings.CutSuffix(e, "*"); e == event || any && strings.HasPrefix(event, prefix) {
			return true
		}
	}
	return len(h.Events) == 0
}

// Event is the body of a request.
type Event struct {
	ID    string    `json:"id"` // made by Send
	Event string    `json:"event"`
	At    time.Time `json:"at"`
	Node  string    `json:"node"` // made by Send

	RoomID   string       `json:"roomID,omitempty"`
	Name     string       `json:"name,omitempty"`     // of the room that was created
	Capacity int          `json:"capacity,omitempty"` // of the room that was created
	Revision uint64       `json:"revision,omitempty"` // of the room, after the event
	UserID   string       `json:"userID,omitempty"`
	Member   *room.Member `json:"member,omitempty"` // as it is after the event
	Reason   string       `json:"reason,omitempty"`
	Stream   string       `json:"stream,omitempty"` // app/name

	CallID string `json:"callID,omitempty"`
	Call   any    `json:"call,omitempty"` // as it is after the event, or the call-back request

	RecordingID string `json:"recordingID,omitempty"`
	Recording   any    `json:"recording,omitempty"` // as it is after the event, or the file or composite of it
}

// lane is what an event keeps its order with.
func (e Event) lane() string {
	if e.Event == StreamStarted || e.Event == StreamEnded {
		return "stream " + e.Stream
	}
	if e.RecordingID != "" {
		return "recording " + e.RecordingID
	}
	if e.CallID != "" {
		return "call " + e.CallID
	}
	return "room " + e.RoomID
}

// Outcomes that are counted.
const (
	Delivered = "delivered"
	Failed    = "failed"  // one attempt, which is repeated
	Expired   = "expired" // given up after a day
	Dropped   = "dropped" // too many wait
)

// Options of a [Sender].
type Options struct {
	Hooks []Hook
	// Store keeps what has not been delivered.
	Store *store.Store
	Node  string
	Log   *slog.Logger
	// Count is told each outcome.
	Count func(outcome string)
	// FirstRetry is the pause after the first failure, which doubles up to a minute;
	// 0 is 1 s.
	FirstRetry time.Duration
	// Journal is the bucket of what waits; senders of one node have one each. ""
	// is that of rooms.
	Journal string
}

// Sender delivers events.
type Sender struct {
	o      Options
	kept   *store.Bucket
	client *http.Client
	number numbers

	ctx      context.Context // ends requests under way
	cancel   context.CancelFunc
	stopping context.Context // ends first: no further request begins
	stop     context.CancelFunc
	wg       sync.WaitGroup

	setting sync.Mutex // held by SetHooks
	mu      sync.RWMutex
	targets []*target
}

// New goes on with what a former life of the node has left. What it left for
// back ends that are no more is dropped.
func New(o Options) (*Sender, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Count == nil {
		o.Count = func(string) {}
	}
	if o.FirstRetry == 0 {
		o.FirstRetry = time.Second
	}
	kept, err := o.Store.Bucket(cmp.Or(o.Journal, journal), store.BucketOptions{TTL: 2 * maxAge})
	if err != nil {
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = senders
	transport.MaxResponseHeaderBytes = 64 << 10
	s := &Sender{o: o, kept: kept, client: &http.Client{Transport: transport, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.stopping, s.stop = context.WithCancel(s.ctx)
	for _, h := range o.Hooks {
		s.targets = append(s.targets, newTarget(s, h))
	}
	if err := s.restore(); err != nil {
		s.cancel()
		return nil, fmt.Errorf("webhooks: %w", err)
	}
	for _, t := range s.targets {
		t.start()
	}
	return s, nil
}

// SetHooks replaces the back ends. One whose URL stays gets what waits for it;
// what waits for one that goes is dropped.
func (s *Sender) SetHooks(hooks []Hook) {
	s.setting.Lock()
	defer s.setting.Unlock()
	if s.stopping.Err() != nil {
		return
	}
	left := map[string]*target{}
	for _, t := range s.all() {
		left[t.url] = t
	}
	var next []*target
	for _, h := range hooks {
		t := left[h.URL]
		delete(left, h.URL)
		if t != nil {
			t.set(h)
		} else {
			t = newTarget(s, h)
			t.start()
		}
		next = append(next, t)
	}
	s.mu.Lock()
	s.targets = next
	s.mu.Unlock()
	for _, t := range left {
		s.wg.Go(t.abandon)
	}
}

func (s *Sender) all() []*target {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.targets
}

// Close gives requests under way a moment, so that what a back end has just
// taken does not come again. What is left waits for the next life.
func (s *Sender) Close() {
	s.stop()
	s.setting.Lock() // the last SetHooks is over
	defer s.setting.Unlock()
	last := time.AfterFunc(lastAnswers, s.cancel)
	defer last.Stop()
	s.wg.Wait()
	s.cancel()
	s.client.CloseIdleConnections()
}

// Send has an event delivered to whom it concerns. It waits for the store, not
// for back ends. Events of a room, or of a stream, are to be sent one after
// another.
func (s *Sender) Send(e Event) {
	e.ID, e.Node = rand.Text(), s.o.Node
	var body []byte
	for _, t := range s.all() {
		if !t.hook().wants(e.Event) {
			continue
		}
		if body == nil {
			var err error
			if body, err = json.Marshal(e); err != nil {
				s.o.Log.Error("an event cannot be sent", "event", e.Event, "error", err)
				return
			}
		}
		t.add(item{Lane: e.lane(), Event: e.Event, At: time.Now(), Body: body})
	}
}

// Waiting is how many events wait to be delivered.
func (s *Sender) Waiting() int {
	n := 0
	for _, t := range s.all() {
		n += t.waiting()
	}
	return n
}
