package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"hutong/bridge/crossing"
	"hutong/bridge/rtmp"
	"hutong/bridge/stream"
	"hutong/bridge/testmedia"
	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/desk"
	"hutong/gateway/metrics"
	"hutong/gateway/recording"
	"hutong/gateway/rooms"
	"hutong/gateway/session"
	"hutong/gateway/store"
	"hutong/sfu"
)

const recordKey = "0123456789abcdef0123456789abcdef"

// studio is a server with a desk, RTMP and recordings, behind a key: the queue
// support, the agents anna and ben, and sam, who supervises.
type studio struct {
	t         *testing.T
	base, api string
	rtmp      string
	dir       string // of recordings
	streams   *stream.Registry
}

func openStudio(t *testing.T, change func(*config.Config)) *studio {
	t.Helper()
	cfg := config.Default()
	cfg.HTTP.Address = "127.0.0.1:0"
	cfg.Auth.Mode, cfg.Auth.TokenSecret, cfg.Auth.APIKeys = config.AuthToken, recordKey, []config.APIKey{{Name: "shop", Key: recordKey}}
	for name, role := range map[string]string{"anna": config.RoleAgent, "ben": config.RoleAgent, "sam": config.RoleSupervisor} {
		cfg.Desk.Agents = append(cfg.Desk.Agents, config.DeskAgent{Name: name, NickName: strings.ToUpper(name), Password: password(), Role: role, Queues: []string{"support"}})
	}
	cfg.Queues = []config.Queue{{ID: "support", Name: "Support"}}
	cfg.Recording.Linger = config.Duration(time.Second)
	cfg.Recording.Disk.MinFree, cfg.Recording.Disk.AlarmFree = config.MiB, config.MiB
	cfg.Recording.Composite.Width, cfg.Recording.Composite.Height, cfg.Recording.Composite.Burn = 320, 120, false
	if change != nil {
		change(cfg)
	}
	s := &studio{t: t, dir: t.TempDir()}
	log := slog.New(slog.DiscardHandler)
	media, err := sfu.New(sfu.Config{UDPAddress: "127.0.0.1:0", IncludeLoopback: true})
	ok(t, err)
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	ok(t, err)
	var service *rooms.Service
	var members *session.Hub
	var records *recording.Service
	s.streams = stream.NewRegistry(stream.Options{OnChange: func(name string) {
		service.StreamChanged(name)
		members.Changed(name)
		if records != nil {
			records.StreamChanged(name)
		}
	}, Grace: 500 * time.Millisecond, Linger: time.Millisecond, MaxLag: 3 * time.Second, GOPMaxBytes: 16 << 20, GOPMaxSpan: 10 * time.Second, Crossings: crossing.New(crossing.Options{})})
	service, err = rooms.New(rooms.Options{Store: st, Streams: s.streams, Node: "n1"})
	ok(t, err)
	members = session.NewHub(session.Options{Rooms: service, Streams: s.streams, SFU: media, Log: log})
	d, err := desk.New(desk.Options{Desk: cfg.Desk, Queues: cfg.Queues, Store: st, Rooms: service, Node: "n1", Changed: members.Recheck})
	ok(t, err)
	cfg.Recording.Directory = s.dir
	records, err = recording.New(recording.Options{Config: cfg.Recording, DataDir: t.TempDir(), Store: st, Streams: s.streams, Rooms: service, Node: "n1",
		CallOf: func(roomID string) (recording.Call, bool) {
			c, err := d.Call(roomID)
			return recording.Call{CallID: c.CallID, Queue: c.Queue, Agents: append([]string{}, c.Served...)}, err == nil && d.IsCall(roomID)
		}})
	ok(t, err)
	authority, err := auth.New(cfg.Auth, time.Now)
	ok(t, err)
	authority.Voids = service.Voids
	authority.RoomOf = func(name string) string { id, _, _ := service.RoomOf(name); return id }
	srv, err := Listen(Options{Config: cfg, Streams: s.streams, SFU: media, Rooms: service, Members: members, Desk: d, Recording: records, Auth: authority,
		Metrics: metrics.New("test"), Log: log, Version: "test"})
	ok(t, err)
	done := make(chan error, 2)
	go func() { done <- srv.Serve() }()
	phones, err := rtmp.Listen(rtmp.Config{Address: "127.0.0.1:0", MaxConnections: 20, MaxConnectionsPerIP: 20, ReadTimeout: 30 * time.Second,
		WriteTimeout: 10 * time.Second, MaxMessage: 4 << 20, Registry: s.streams, Authorize: func(context.Context, rtmp.Request) (string, error) { return "", nil }})
	ok(t, err)
	go func() { phones.Serve(); done <- nil }()
	t.Cleanup(func() {
		ctx, cancel := contextFor(10 * time.Second)
		defer cancel()
		s.streams.Close()
		phones.Shutdown(ctx)
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		media.Close()
		records.Close()
		d.Close()
		service.Close()
		st.Close()
		authority.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	s.base, s.rtmp = "http://"+srv.Addr().String(), "rtmp://"+phones.Addr().String()+"/"
	s.api = s.base + "/api/v1/recordings"
	return s
}

// shop is what a back end shows.
var shop = []string{"Authorization", "Bearer " + recordKey}

// ask is a call of the back end that is to answer with a status.
func (s *studio) ask(status int, method, path, body string) map[string]any {
	s.t.Helper()
	return want[map[string]any](s.t, status, method, s.api+path, body, shop...)
}

// refuses wants a call of the back end refused for a reason.
func (s *studio) refuses(status int, code, method, path, body string) {
	s.t.Helper()
	got, answer, _ := call(s.t, method, s.api+path, body, shop...)
	refused(s.t, got, answer, status, code, "")
}

// push publishes until it is killed or the test ends.
func (s *studio) push(name string) *testmedia.Process {
	s.t.Helper()
	p := testmedia.Push(s.t, testmedia.Clip(s.t, testmedia.Spec{Width: 320, Height: 240, GOP: 15, ToneHz: 440, Duration: 30 * time.Second}, testmedia.FLV), s.rtmp+name)
	waitFor(s.t, name+" is not live", func() bool { return s.streams.Get(name) != nil })
	return p
}

// passes waits until so many pictures of a stream have gone by.
func (s *studio) passes(name string, pictures int64) {
	s.t.Helper()
	st := s.streams.Get(name)
	from := st.Stats().Frames[0]
	waitFor(s.t, name+" stands still", func() bool { return st.Stats().Frames[0]-from >= pictures })
}

// ids are those of a list.
func (s *studio) ids(query string) (ids []string) {
	s.t.Helper()
	for _, r := range s.ask(200, "GET", "?"+query, "")["recordings"].([]any) {
		ids = append(ids, r.(map[string]any)["recordingID"].(string))
	}
	return ids
}
