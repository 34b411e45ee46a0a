package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// heartbeat is how often an idle feed says that it lives. After two that do not
// come the client library begins another, for instance when the server that
// had it died, though the connection goes to one that lives. The library's own
// watch of a key-value bucket waits five seconds for each.
const heartbeat = time.Second

// engineHeartbeat is the same for the engine in this process, which does not die
// alone. Each bucket's would otherwise wake an idle process once a second.
const engineHeartbeat = 15 * time.Second

// feed is the stream of a bucket from its current entries on.
type feed struct {
	messages chan *nats.Msg
	// pending is how many entries there were when it began.
	pending uint64
	over    <-chan struct{}
	end     func()
}

// feed begins one. It takes no longer than the store's timeout.
func (b *Bucket) feed(filter string) (*feed, error) {
	js, err := b.s.nc.JetStream(nats.MaxWait(b.s.timeout))
	if err != nil {
		return nil, err
	}
	beat := heartbeat
	if b.s.engine != nil {
		beat = engineHeartbeat
	}
	ctx, cancel := context.WithCancel(context.Background())
	f := &feed{messages: make(chan *nats.Msg, watchBuffer), over: ctx.Done()}
	sub, err := js.Subscribe(b.base()+filter, func(m *nats.Msg) {
		select {
		case f.messages <- m:
		case <-ctx.Done():
		}
	}, nats.BindStream(b.streamName()), nats.OrderedConsumer(), nats.DeliverLastPerSubject(), nats.IdleHeartbeat(beat))
	if err != nil {
		cancel()
		return nil, err
	}
	f.end = func() {
		cancel()
		sub.Unsubscribe() // fails only when the connection has been closed
	}
	sub.SetClosedHandler(func(string) { cancel() })
	if f.pending, err = sub.InitialConsumerPending(); err != nil {
		f.end()
		return nil, err
	}
	return f, nil
}

// entry reads a message of the bucket's stream, and how many are left.
func (b *Bucket) entry(m *nats.Msg) (e Entry, left uint64, err error) {
	meta, err := m.Metadata()
	if err != nil {
		return Entry{}, 0, fmt.Errorf("bucket %s: %w", b.name, err)
	}
	e = Entry{Key: unescape(strings.TrimPrefix(m.Subject, b.base())), Value: m.Data, Revision: meta.Sequence.Stream}
	// A deletion by a client, or the server's marker that a key expired.
	e.Deleted = m.Header.Get("KV-Operation") != "" || m.Header.Get("Nats-Marker-Reason") != ""
	return e, meta.NumPending, nil
}
