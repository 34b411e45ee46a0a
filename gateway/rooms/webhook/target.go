package webhook

import (
	"bytes"
	"container/heap"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"hutong/gateway/auth"
)

// item is an event on its way to one back end. What is exported is kept.
type item struct {
	Lane  string    `json:"lane"`
	Event string    `json:"event"`
	At    time.Time `json:"at"`
	Body  []byte    `json:"body"`

	key string // in the journal
}

// target is one back end and what waits for it.
type target struct {
	s    *Sender
	url  string
	id   string // in the journal: the same after a restart
	host string // for logs: the rest of a URL may be secret

	ctx      context.Context // ends requests under way
	cancel   context.CancelFunc
	stopping context.Context // no further request begins
	stop     context.CancelFunc
	wg       sync.WaitGroup

	mu    sync.Mutex
	now   Hook
	lanes map[string]*lane
	due   lanesByTime // without those under way
	count int
	full  bool
	wake  chan struct{} // holds a token when a lane may be due
}

// lane is what waits in one order.
type lane struct {
	name     string
	items    []item
	due      time.Time
	attempts int // of the first item
}

func newTarget(s *Sender, h Hook) *target {
	sum := sha256.Sum256([]byte(h.URL))
	t := &target{url: h.URL, now: h, s: s, id: hex.EncodeToString(sum[:8]), lanes: map[string]*lane{}, wake: make(chan struct{}, 1)}
	if u, err := url.Parse(h.URL); err == nil {
		t.host = u.Host
	}
	t.ctx, t.cancel = context.WithCancel(s.ctx)
	t.stopping, t.stop = context.WithCancel(s.stopping)
	return t
}

func (t *target) start() {
	for range senders {
		t.wg.Go(t.run)
	}
	t.s.wg.Go(t.wg.Wait)
}

// set takes another secret and other events.
func (t *target) set(h Hook) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.now = h
}

func (t *target) hook() Hook {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.now
}

// abandon ends what goes to a back end that is no longer told, and forgets what
// waits for it.
func (t *target) abandon() {
	t.stop()
	t.cancel()
	t.wg.Wait()
	t.mu.Lock()
	lanes, count := t.lanes, t.count
	t.lanes, t.due, t.count = map[string]*lane{}, nil, 0
	t.mu.Unlock()
	if count > 0 {
		t.s.o.Log.Warn("webhook events are dropped, since their back end is no longer told", "host", t.host, "events", count)
	}
	for _, l := range lanes {
		for _, i := range l.items {
			t.s.forget(i)
		}
	}
}

func (t *target) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// add keeps an item, and queues it.
func (t *target) add(i item) {
	t.mu.Lock()
	full, first := t.count >= maxQueue, !t.full
	t.full = full
	t.mu.Unlock()
	if full {
		t.s.o.Count(Dropped)
		if first {
			t.s.o.Log.Error("webhook events are dropped, since too many wait for the back end", "host", t.host, "waiting", maxQueue)
		}
		return
	}
	t.s.keep(t, &i)
	t.enqueue(i)
}

func (t *target) enqueue(i item) {
	t.mu.Lock()
	t.count++
	l := t.lanes[i.Lane]
	if l == nil {
		l = &lane{name: i.Lane, due: time.Now()}
		t.lanes[i.Lane] = l
		heap.Push(&t.due, l)
	}
	l.items = append(l.items, i)
	t.mu.Unlock()
	t.signal()
}

func (t *target) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// run delivers until the sender closes.
func (t *target) run() {
	for {
		l := t.next()
		if l == nil {
			return
		}
		t.mu.Lock()
		i, attempts := l.items[0], l.attempts
		t.mu.Unlock()
		err := t.post(i)
		if err != nil && t.ctx.Err() != nil {
			return // it is kept
		}
		t.done(l, i, attempts, err)
	}
}

// next waits for a lane whose first item is due, and takes it.
func (t *target) next() *lane {
	for t.stopping.Err() == nil {
		wait := time.Minute
		t.mu.Lock()
		if len(t.due) > 0 {
			if wait = time.Until(t.due[0].due); wait <= 0 {
				l := heap.Pop(&t.due).(*lane)
				more := len(t.due) > 0
				t.mu.Unlock()
				if more {
					t.signal()
				}
				return l
			}
		}
		t.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-t.stopping.Done():
			timer.Stop()
			return nil
		case <-t.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
	return nil
}

// done puts a lane back: to its next item, or to the same one later.
func (t *target) done(l *lane, i item, attempts int, err error) {
	expired := err != nil && time.Since(i.At) > maxAge
	switch {
	case err == nil:
		t.s.o.Count(Delivered)
	case expired:
		t.s.o.Count(Expired)
		t.s.o.Log.Error("a webhook event is given up", "host", t.host, "event", i.Event, "age", maxAge, "error", err)
	default:
		t.s.o.Count(Failed)
		if attempts == 0 || attempts == 5 {
			t.s.o.Log.Warn("a webhook failed and is tried again", "host", t.host, "event", i.Event, "attempt", attempts+1, "error", err)
		}
	}
	if err == nil || expired {
		t.s.forget(i)
	}
	t.mu.Lock()
	if err == nil || expired {
		l.items[0] = item{}
		l.items = l.items[1:]
		l.attempts = 0
		t.count--
	} else {
		l.due = time.Now().Add(t.pause(l.attempts))
		l.attempts++
	}
	if len(l.items) == 0 {
		delete(t.lanes, l.name)
	} else {
		heap.Push(&t.due, l)
	}
	t.mu.Unlock()
	t.signal()
}

// pause doubles from attempt to attempt up to a minute, give or take a fifth.
func (t *target) pause(attempts int) time.Duration {
	d := min(t.s.o.FirstRetry<<min(attempts, 16), time.Minute)
	return d - d/5 + rand.N(d*2/5+1)
}

func (t *target) post(i item) error {
	req, err := http.NewRequestWithContext(t.ctx, http.MethodPost, t.url, bytes.NewReader(i.Body))
	if err != nil {
		return errors.New("the webhook's URL is not a URL")
	}
	timestamp, signature := auth.SignBody(t.hook().Secret, time.Now(), i.Body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "hutong")
	req.Header.Set(auth.TimestampHeader, timestamp)
	req.Header.Set(auth.SignatureHeader, signature)
	resp, err := t.s.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, whose query may be a secret
		}
		return err
	}
	defer resp.Body.Close()
	io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10)) // so that the connection can be used again
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("HTTP status %s; answer 2xx when the event has been taken", strconv.Itoa(resp.StatusCode))
	}
	return nil
}

// lanesByTime is a heap.
type lanesByTime []*lane

func (h lanesByTime) Len() int           { return len(h) }
func (h lanesByTime) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h lanesByTime) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *lanesByTime) Push(x any)        { *h = append(*h, x.(*lane)) }
func (h *lanesByTime) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	return l
}
