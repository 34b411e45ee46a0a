package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const defaultTimeout = 5 * time.Second

// namespace keeps our buckets and subjects apart on a NATS that others use too.
const namespace = "hutong"

// Options say where the state is.
type Options struct {
	// Dir holds the files of the embedded engine. It belongs to one process.
	Dir string
	// Sync has the embedded engine write each change through to the disk before
	// it is acknowledged. Without, a power cut may take the last second, while a
	// killed process loses nothing either way. It costs an fsync a change, and
	// those of a bucket queue up: hundreds a second where many thousands were.
	Sync bool
	// URL of an external NATS, several separated by commas; empty means embedded.
	URL string
	// Credentials is the file with which to log in at URL, or empty.
	Credentials string
	// Replicas of each bucket at URL: 1 (also 0), or 3 or 5 in a cluster.
	Replicas int
	Log      *slog.Logger
}

// Store is an open store.
type Store struct {
	opts Options
	log  *slog.Logger
	// timeout bounds every request to the engine.
	timeout time.Duration
	engine  *engine // nil when external
	nc      *nats.Conn
	js      jetstream.JetStream

	ctx  context.Context // ends when the store closes
	stop context.CancelFunc
	wg   sync.WaitGroup // watches

	mu      sync.Mutex
	current context.Context // ends, and is replaced, when another connection is made
	renew   context.CancelFunc
}

// Open starts the embedded engine or connects to an external one.
func Open(o Options) (s *Store, err error) {
	s = &Store{opts: o, log: o.Log, timeout: defaultTimeout}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.current, s.renew = context.WithCancel(s.ctx)
	opened := s // the result is nil when Open fails
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	connect := nats.Options{
		Name:               namespace,
		AllowReconnect:     true,
		MaxReconnect:       -1,
		ReconnectWait:      200 * time.Millisecond,
		ReconnectJitter:    200 * time.Millisecond,
		ReconnectJitterTLS: 200 * time.Millisecond,
		ReconnectBufSize:   1 << 20,
		Timeout:            defaultTimeout,
		FlusherTimeout:     defaultTimeout,
		DrainTimeout:       defaultTimeout,
		PingInterval:       10 * time.Second,
		MaxPingsOut:        2,
		SubChanLen:         nats.DefaultMaxChanLen,
		AsyncErrorCB:       s.asyncError,
		DisconnectedErrCB:  s.disconnected,
		ReconnectedCB:      s.reconnect,
	}
	where := "state directory " + o.Dir
	if o.URL != "" {
		if where, err = external(o, &connect); err != nil {
			return nil, err
		}
	} else {
		if o.Replicas > 1 {
			return nil, fmt.Errorf("%s: %d replicas need as many servers; set nats url, or leave replicas out", where, o.Replicas)
		}
		if s.engine, err = startEngine(o.Dir, o.Sync, s.log); err != nil {
			return nil, err
		}
		connect.InProcessServer = s.engine.server
	}
	if s.nc, err = connect.Connect(); err != nil {
		return nil, fmt.Errorf("%s: %w: %w; see that it runs and that the credentials are right", where, ErrUnavailable, err)
	}
	if s.js, err = jetstream.New(s.nc, jetstream.WithDefaultTimeout(defaultTimeout)); err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	info, err := s.js.AccountInfo(ctx)
	if err != nil {
		return nil, fmt.Errorf("%s: JetStream: %w: %w; enable JetStream there, for this account", where, ErrUnavailable, err)
	}
	if info.API.Level < 1 {
		return nil, fmt.Errorf("%s: NATS server %s is too old; use 2.11 or newer", where, s.nc.ConnectedServerVersion())
	}
	return s, nil
}

// external fills in how to reach the NATS of o, and returns its name for errors
// and logs, which has no password.
func external(o Options, connect *nats.Options) (where string, err error) {
	var named []string
	for u := range strings.SplitSeq(o.URL, ",") {
		parsed, err := url.Parse(strings.TrimSpace(u))
		if err != nil || parsed.Host == "" {
			// The parser's own error repeats the URL, and with it a password.
			return "", fmt.Errorf("nats url: it is not of the form nats://HOST:4222 or tls://HOST:4222; correct it")
		}
		connect.Servers = append(connect.Servers, parsed.String())
		named = append(named, parsed.Redacted())
	}
	where = "nats " + strings.Join(named, ", ")
	if o.Replicas < 0 || o.Replicas > 5 {
		return "", fmt.Errorf("%s: %d replicas; use 1, 3 or 5", where, o.Replicas)
	}
	if o.Credentials != "" {
		if err := nats.UserCredentials(o.Credentials)(connect); err != nil {
			return "", fmt.Errorf("%s: credentials %s: %w", where, o.Credentials, err)
		}
	}
	return where, nil
}

// Close ends every watch and subscription, and stops the embedded engine once it
// has written everything. No other call may be under way.
func (s *Store) Close() {
	s.stop()
	if s.nc != nil {
		s.nc.Close()
	}
	s.wg.Wait()
	if s.engine != nil {
		s.engine.stop()
	}
}

// Ready returns nil when the store answers, for readiness checks.
func (s *Store) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	_, err := s.js.AccountInfo(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return nil
}

// connection is the current connection's life.
func (s *Store) connection() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

func (s *Store) reconnect(nc *nats.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renew()
	s.current, s.renew = context.WithCancel(s.ctx)
	s.log.Info("state store: connected again", "server", nc.ConnectedUrlRedacted())
}

func (s *Store) disconnected(_ *nats.Conn, err error) {
	if s.ctx.Err() == nil {
		s.log.Warn("state store: connection lost; connecting again", "err", err)
	}
}

// asyncError hears of errors that belong to no call, such as a subscriber that
// is too slow and loses events.
func (s *Store) asyncError(_ *nats.Conn, sub *nats.Subscription, err error) {
	if s.ctx.Err() != nil || errors.Is(err, nats.ErrConsumerNotActive) {
		return
	}
	subject := ""
	if sub != nil {
		subject = sub.Subject
	}
	s.log.Warn("state store", "subject", subject, "err", err)
}
