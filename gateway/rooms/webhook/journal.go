package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"
)

// numbers are in the keys of the journal and grow, also across restarts.
type numbers struct {
	mu   sync.Mutex
	last int64
}

func (n *numbers) next() int64 {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.last = max(n.last+1, time.Now().UnixNano())
	return n.last
}

// keep writes an item to the journal. Without the journal it lives as long as
// the process.
func (s *Sender) keep(t *target, i *item) {
	key := fmt.Sprintf("%s/%s/%020d", s.o.Node, t.id, s.number.next())
	data, err := json.Marshal(i)
	if err == nil {
		_, err = s.kept.Create(s.ctx, key, data)
	}
	if err != nil {
		s.o.Log.Warn("a webhook event would not survive a restart", "host", t.host, "event", i.Event, "error", err)
		return
	}
	i.key = key
}

// forget removes what has been delivered. When that fails, the next life
// delivers it again.
func (s *Sender) forget(i item) {
	if i.key == "" {
		return
	}
	if err := s.kept.Delete(s.ctx, i.key, 0); err != nil && s.ctx.Err() == nil {
		s.o.Log.Warn("a webhook event will be repeated after a restart", "event", i.Event, "error", err)
	}
}

// restore queues what the journal has, in its order.
func (s *Sender) restore() error {
	byID := map[string]*target{}
	for _, t := range s.targets {
		byID[t.id] = t
	}
	ctx, cancel := context.WithTimeout(s.ctx, time.Minute)
	defer cancel()
	prefix, cursor, restored := s.o.Node+"/", "", 0
	for {
		page, next, err := s.kept.List(ctx, prefix, cursor, 1000)
		if err != nil {
			return err
		}
		for _, e := range page {
			id, _, _ := strings.Cut(strings.TrimPrefix(e.Key, prefix), "/")
			var i item
			t := byID[id]
			if t == nil || json.Unmarshal(e.Value, &i) != nil || !t.hook().wants(i.Event) {
				s.forget(item{key: e.Key, Event: "of a webhook that is no more"})
				continue
			}
			i.key = e.Key
			t.enqueue(i)
			restored++
		}
		if cursor = next; next == "" {
			break
		}
	}
	if restored > 0 {
		s.o.Log.Info("webhook events are left from before", "events", restored)
	}
	return nil
}
