package session

import (
	"encoding/json"
	"sync"
)

// outboxSize bounds the messages that wait for a slow WebSocket.
const outboxSize = 256

// Outbox is the queue towards one WebSocket, whose owner writes what C gives and
// closes the WebSocket when C is closed.
type Outbox struct {
	C chan []byte

	mu     sync.Mutex
	closed bool
}

// NewOutbox returns an empty queue.
func NewOutbox() *Outbox { return &Outbox{C: make(chan []byte, outboxSize)} }

// Send queues v as JSON. A client that has not read 256 messages is cut off: it
// comes back and resumes.
func (o *Outbox) Send(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return
	}
	select {
	case o.C <- b:
	default:
		o.closed = true
		close(o.C)
	}
}

// Close lets the owner write what is queued and end.
func (o *Outbox) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.closed {
		o.closed = true
		close(o.C)
	}
}
