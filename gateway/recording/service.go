package recording

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hutong/bridge/record"
	"hutong/bridge/stream"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/rooms/webhook"
	"hutong/gateway/store"
)

// Rooms are where those are who publish: a [rooms.Service].
type Rooms interface {
	RoomOf(stream string) (roomID, userID string, ok bool)
	Load(ctx context.Context, roomID string) (room.Room, error)
	Alter(ctx context.Context, roomID string, op func(r room.Room, now time.Time) (room.Room, []room.Event, error)) (room.Room, error)
	Subscribe(roomID string, f func(rooms.Update)) (unsubscribe func(), err error)
}

// Options of a [Service].
type Options struct {
	Config config.Recording
	// DataDir is where recordings and the key are, unless the configuration says
	// otherwise.
	DataDir string
	Store   *store.Store
	Streams *stream.Registry
	Rooms   Rooms
	// CallOf is the call that a room is for; nil knows none.
	CallOf func(roomID string) (Call, bool)
	Node   string
	Log    *slog.Logger
	// Webhook counts deliveries by outcome.
	Webhook func(outcome string)

	webhookRetry time.Duration
	look         time.Duration // how often streams are looked at; 0 is 500 ms
}

// Service is the recordings of this node's store. Its methods may be called from
// many goroutines.
type Service struct {
	o      Options
	log    *slog.Logger
	cfg    atomic.Pointer[config.Recording]
	dir    string
	key    ed25519.PrivateKey
	secret []byte // of links
	ledger *record.Ledger
	items  *store.Bucket
	trail  *store.Bucket // the audit
	index  index
	hooks  *webhook.Sender
	disk   disk
	vault  *vault
	queue  queue
	jobs   jobs
	Stats  Stats

	mu     sync.Mutex
	active map[string]*active
	// declined are the rooms and streams whose recording somebody has ended though a
	// rule wants it.
	declined map[string]bool
	// beginning is held from asking whether something is recorded to recording it, so
	// that nothing is recorded twice.
	beginning sync.Mutex
	news      chan news // of recordings, for the index
	wake      chan struct{}

	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Stats are the figures of a service.
type Stats struct {
	Bytes, Dropped, Troubles, Files              atomic.Int64
	Uploads, UploadFailures, Composites, Deleted atomic.Int64
}

// New takes up the recordings that a former life of this node has left, and goes
// on until Close.
func New(o Options) (s *Service, err error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.CallOf == nil {
		o.CallOf = func(string) (Call, bool) { return Call{}, false }
	}
	if o.look == 0 {
		o.look = 500 * time.Millisecond
	}
	c := o.Config
	s = &Service{o: o, log: o.Log, dir: c.Directory, active: map[string]*active{}, declined: map[string]bool{},
		news: make(chan news, 1024), wake: make(chan struct{}, 1), index: index{items: map[string]Item{}, revs: map[string]uint64{}}}
	s.cfg.Store(&c)
	if s.dir == "" {
		s.dir = filepath.Join(o.DataDir, "recordings")
	}
	if err := os.MkdirAll(s.dir, 0o750); err != nil {
		return nil, fmt.Errorf("recording.directory: %w; name a directory the gateway may write", err)
	}
	file := c.SigningKey
	if file == "" {
		file = filepath.Join(o.DataDir, "recording_key.pem")
	}
	if s.key, err = record.LoadKey(file, c.SigningKey == ""); err != nil {
		return nil, fmt.Errorf("recording.signing_key: %w", err)
	}
	mac := hmac.New(sha256.New, s.key.Seed())
	mac.Write([]byte("links to recordings"))
	s.secret = mac.Sum(nil)
	if s.ledger, err = record.OpenLedger(s.dir, s.key); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	if err := s.open(); err != nil {
		s.cancel()
		s.wg.Wait()
		if s.hooks != nil {
			s.hooks.Close()
		}
		if s.vault != nil {
			s.vault.close()
		}
		s.ledger.Close()
		return nil, fmt.Errorf("recording: %w", err)
	}
	return s, nil
}

const startTimeout = time.Minute

func (s *Service) open() error {
	var err error
	if s.items, err = s.o.Store.Bucket("recordings", store.BucketOptions{}); err != nil {
		return err
	}
	if s.trail, err = s.o.Store.Bucket("recording_audit", store.BucketOptions{}); err != nil {
		return err
	}
	s.hooks, err = webhook.New(webhook.Options{Hooks: hooksOf(s.o.Config), Store: s.o.Store, Node: s.o.Node, Log: s.log,
		Count: s.o.Webhook, FirstRetry: s.o.webhookRetry, Journal: "recording_webhooks"})
	if err != nil {
		return err
	}
	if s.vault, err = openVault(s.ctx, s.o.Config.Store); err != nil {
		return err
	}
	entries, err := s.items.Watch(s.ctx, "")
	if err != nil {
		return err
	}
	ready := make(chan struct{})
	s.wg.Go(func() { s.follow(entries, ready) })
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-ready:
	case <-timeout.C:
		return fmt.Errorf("%w: the recordings were not read within %v", store.ErrUnavailable, startTimeout)
	}
	s.disk.look(s.dir, s.o.Config.Disk)
	s.takeUp()
	s.jobs.open(s)
	s.wg.Go(s.keepIndex)
	s.wg.Go(s.run)
	s.wg.Go(s.tend)
	for range s.o.Config.Store.Uploads {
		if s.vault.bucket != nil {
			s.wg.Go(s.upload)
		}
	}
	return nil
}

func hooksOf(c config.Recording) []webhook.Hook {
	hooks := []webhook.Hook{}
	for _, h := range c.Webhooks {
		hooks = append(hooks, webhook.Hook{URL: h.URL, Secret: h.Secret, Events: h.Events})
	}
	return hooks
}

// Adopt has the service follow other rules. Recordings under way go on.
func (s *Service) Adopt(c config.Recording) {
	running := *s.cfg.Load()
	running.Rules, running.Keep, running.Notice, running.Webhooks = c.Rules, c.Keep, c.Notice, c.Webhooks
	s.cfg.Store(&running)
	s.hooks.SetHooks(hooksOf(c))
	s.StreamChanged("")
}

// StreamChanged tells that a stream has come or gone. It does not block.
func (s *Service) StreamChanged(string) {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Close leaves recordings that go on for the next life of this node, with their
// files whole.
func (s *Service) Close() {
	s.mu.Lock()
	going := s.active
	s.active = map[string]*active{}
	s.mu.Unlock()
	s.cancel()
	s.jobs.close()
	s.wg.Wait()
	for _, a := range going {
		a.unsubscribe()
		if err := a.rec.Abandon(); err != nil {
			s.log.Error("a recording could not be left in order", "recording", a.id, "error", err)
		}
	}
	s.drainNews()
	s.hooks.Close()
	s.vault.close()
	if err := s.ledger.Close(); err != nil {
		s.log.Error("the ledger of recordings", "error", err)
	}
}

// PublicKey is what manifests are checked with.
func (s *Service) PublicKey() ed25519.PublicKey { return s.key.Public().(ed25519.PublicKey) }

// send tells back ends.
func (s *Service) send(event string, i Item, more any) {
	e := webhook.Event{Event: event, At: time.Now().UTC(), RoomID: i.RoomID, CallID: i.CallID, Stream: i.Meta.Stream, RecordingID: i.RecordingID, Recording: more}
	if more == nil {
		e.Recording = i
	}
	s.hooks.Send(e)
}

// news is something of a recording for the index.
type news struct {
	id    string
	file  *record.File
	error string
	agent string // who serves the call now
}

// keepIndex writes down what recorders tell, which may not wait for the store.
func (s *Service) keepIndex() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case n := <-s.news:
			s.write(s.ctx, n)
		}
	}
}

func (s *Service) drainNews() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	for {
		select {
		case n := <-s.news:
			s.write(ctx, n)
		default:
			return
		}
	}
}

func (s *Service) write(ctx context.Context, n news) {
	i, err := s.change(ctx, n.id, func(i *Item) error {
		if n.file != nil {
			i.note(*n.file)
		}
		if n.error != "" {
			i.Trouble = n.error
		}
		if n.agent != "" && !slices.Contains(i.Agents, n.agent) {
			i.Agents = append(i.Agents, n.agent)
		}
		return nil
	})
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			s.log.Warn("the index of recordings is behind; the manifest has it", "recording", n.id, "error", err)
		}
		return
	}
	if n.file != nil {
		s.send("recording_file", i, map[string]any{"recordingID": n.id, "file": n.file})
	}
}

// tell queues news; what finds no place is in the manifest, by which the index is
// corrected in the end.
func (s *Service) tell(n news) {
	select {
	case s.news <- n:
	default:
	}
}
