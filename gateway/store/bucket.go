package store

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// markerTTL is how long a deletion stays visible to watches that lag. After it
// nothing of the key is left.
const markerTTL = time.Minute

// BucketOptions describe a bucket.
type BucketOptions struct {
	// TTL is how long a key lasts after its last change; 0 is for ever. Whole
	// seconds.
	TTL time.Duration
	// History is how many revisions of a key are kept, 1 to 64; 0 is 1.
	History int
	// MaxBytes bounds the bucket: when it is full, changes are refused. 0 is
	// unbounded.
	MaxBytes int64
}

// Bucket is a set of keys and their values. It is safe for concurrent use.
type Bucket struct {
	s      *Store
	name   string
	stream jetstream.Stream
	kv     jetstream.KeyValue
	lanes  Lanes
	wait   time.Duration // of change.go
}

// Bucket opens a bucket, and makes it when there is none. Options that differ
// from those it was made with are applied to it. The name is of letters,
// digits, _ and -.
func (s *Store) Bucket(name string, o BucketOptions) (*Bucket, error) {
	what := "bucket " + name
	if key, err := escape(name); err != nil || key != name {
		return nil, fmt.Errorf("bucket %.40q: %w; use letters, digits, _ and -", name, ErrBadKey)
	}
	b := &Bucket{s: s, name: name, lanes: NewLanes(), wait: maxWait}
	config := jetstream.StreamConfig{
		Name:              b.streamName(),
		Subjects:          []string{b.base() + ">"},
		MaxMsgsPerSubject: int64(max(o.History, 1)),
		MaxAge:            o.TTL,
		MaxBytes:          -1,
		MaxMsgs:           -1,
		MaxMsgSize:        -1,
		MaxConsumers:      -1,
		Discard:           jetstream.DiscardNew,
		AllowRollup:       true,
		DenyDelete:        true,
		// Any replica may answer a direct read, also one that lags behind an
		// acknowledged change. With replicas only the leader may answer.
		AllowDirect:            s.opts.Replicas <= 1,
		Replicas:               max(s.opts.Replicas, 1),
		AllowMsgTTL:            true,
		SubjectDeleteMarkerTTL: markerTTL,
		Duplicates:             2 * time.Minute,
	}
	if o.TTL > 0 {
		config.Duplicates = min(config.Duplicates, o.TTL)
	}
	if o.MaxBytes > 0 {
		config.MaxBytes = o.MaxBytes
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	var err error
	if b.stream, err = s.js.CreateOrUpdateStream(ctx, config); err != nil {
		return nil, failed(ctx, what, err)
	}
	if b.kv, err = s.js.KeyValue(ctx, namespace+"_"+name); err != nil {
		return nil, failed(ctx, what, err)
	}
	return b, nil
}

// A stream and subjects of these forms are what NATS and its tools know as a
// key-value bucket.
func (b *Bucket) streamName() string { return "KV_" + namespace + "_" + b.name }
func (b *Bucket) base() string       { return "$KV." + namespace + "_" + b.name + "." }

// Get returns the value of a key and its revision, or [ErrNotFound].
func (b *Bucket) Get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	token, what, err := b.check(key, nil)
	if err != nil {
		return nil, 0, err
	}
	limited, cancel := context.WithTimeout(ctx, b.s.timeout)
	defer cancel()
	e, err := b.kv.Get(limited, token)
	if err != nil {
		return nil, 0, failed(ctx, what, err)
	}
	return e.Value(), e.Revision(), nil
}

// Create sets a key that must have no value, or fails with [ErrExists].
func (b *Bucket) Create(ctx context.Context, key string, value []byte) (revision uint64, err error) {
	token, what, err := b.check(key, value)
	if err != nil {
		return 0, err
	}
	limited, cancel := context.WithTimeout(ctx, b.s.timeout)
	defer cancel()
	revision, err = b.kv.Create(limited, token, value)
	if wrongRevision(err) {
		return 0, fmt.Errorf("%s: %w", what, ErrExists)
	}
	return revision, failed(ctx, what, err)
}

// Update sets a key that must be at the revision, or fails with [ErrConflict].
// When the answer is lost ([ErrUnavailable]) the change may have happened.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	token, what, err := b.check(key, value)
	if err != nil {
		return 0, err
	}
	limited, cancel := context.WithTimeout(ctx, b.s.timeout)
	defer cancel()
	next, err := b.kv.Update(limited, token, value, revision)
	return next, failed(ctx, what, err)
}

// Delete removes a key that must be at the revision, or fails with
// [ErrConflict]; with revision 0, whatever its revision.
func (b *Bucket) Delete(ctx context.Context, key string, revision uint64) error {
	token, what, err := b.check(key, nil)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, b.s.timeout)
	defer cancel()
	options := []jetstream.KVDeleteOpt{jetstream.PurgeTTL(markerTTL)}
	if revision > 0 {
		options = append(options, jetstream.LastRevision(revision))
	}
	return failed(ctx, what, b.kv.Purge(limited, token, options...))
}

func (b *Bucket) check(key string, value []byte) (token, what string, err error) {
	token, err = escape(key)
	if err != nil {
		return "", "", fmt.Errorf("bucket %s: %w", b.name, err)
	}
	what = b.name + " " + key
	// Headers need a little of the limit too.
	if most := b.s.nc.MaxPayload() - 1<<10; int64(len(value)) > most {
		return "", "", fmt.Errorf("%s: %w: %d bytes; at most %d fit", what, ErrTooLarge, len(value), most)
	}
	return token, what, nil
}

// Entry is a key at a revision.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	Deleted  bool // in a watch: the key has no value any more
}
