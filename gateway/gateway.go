// Package gateway is the composition root: it builds every floor from a
// configuration, runs them, and takes them down in order.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"hutong/bridge/crossing"
	"hutong/bridge/mix"
	"hutong/bridge/rtmp"
	"hutong/bridge/stream"
	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/desk"
	"hutong/gateway/httpapi"
	"hutong/gateway/metrics"
	"hutong/gateway/recording"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/session"
	"hutong/gateway/store"
	"hutong/gateway/weapp"
	"hutong/sfu"
	"hutong/web"
)

// Gateway is a running hutong.
type Gateway struct {
	cfg       *config.Config                // as at the start
	running   atomic.Pointer[config.Config] // with what has changed since
	log       *slog.Logger
	metrics   *metrics.Metrics
	sfu       *sfu.SFU
	streams   *stream.Registry
	rtmp      *rtmp.Server
	http      *httpapi.Server
	watchlist *auth.Watchlist
	peers     *metrics.Peers
	auth      access
	store     *store.Store
	rooms     *rooms.Service
	members   *session.Hub
	desk      atomic.Pointer[desk.Service]
	recording atomic.Pointer[recording.Service]
	weapp     *weapp.Service // nil where it is off
	mixing    *mix.Mixer
	mixer     weapp.Mixer // mixing, for the mini-program API
	ran       atomic.Bool

	operation    *metrics.Operation
	certificates []certificate
	source       Source
}

// New binds every listener of cfg, but serves nothing yet. When it fails,
// nothing stays bound; the error names the option to change.
func New(cfg *config.Config, log *slog.Logger, version string) (g *Gateway, err error) {
	if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
		return nil, fmt.Errorf("data_dir %s: %w; name a directory the gateway may write", cfg.DataDir, err)
	}
	g = &Gateway{cfg: cfg, log: log, metrics: metrics.New(version)}
	g.running.Store(cfg)
	g.operation = g.metrics.Operation()
	g.peers = g.metrics.Peers()
	opened := g // the result is nil when New fails
	defer func() {
		if err != nil {
			opened.release()
		}
	}()
	if g.sfu, err = sfu.New(sfuConfig(cfg, log)); err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			err = fmt.Errorf("%w; stop what uses the port, or choose another webrtc.udp_address and webrtc.tcp_address", err)
		}
		return nil, fmt.Errorf("webrtc: %w", err)
	}
	bridge := crossing.New(crossing.Options{OpusBitrate: cfg.Audio.OpusBitrate, AACBitrate: cfg.Audio.AACBitrate, Log: log})
	so := streamOptions(cfg, log, bridge, g.metrics)
	so.OnChange = opened.streamChanged
	g.streams = stream.NewRegistry(so)
	g.metrics.Watch(g.streams, bridge)
	g.openMixer()
	authority, err := newAuthority(cfg, log)
	if err != nil {
		return nil, err
	}
	g.auth.use(authority)
	if err := g.openRooms(); err != nil {
		return nil, err
	}
	if err := g.openWeapp(); err != nil {
		return nil, err
	}
	g.metrics.WatchRooms(g.rooms.Stats)
	rc, err := g.rtmpConfig()
	if err != nil {
		return nil, err
	}
	if g.rtmp, err = rtmp.Listen(rc); err != nil {
		return nil, err
	}
	https, err := g.openTLS("http.tls", cfg.HTTP.TLS.Cert, cfg.HTTP.TLS.Key)
	if err != nil {
		return nil, err
	}
	g.http, err = httpapi.Listen(httpapi.Options{Config: cfg, Streams: g.streams, SFU: g.sfu, Auth: &g.auth, Watch: g.watchlist.Add, Metrics: g.metrics, Peers: g.peers,
		TLS: https, Page: web.Dist(), Log: log, Version: version,
		Rooms: g.rooms, Members: g.members, Desk: g.desk.Load(), Weapp: g.weapp, Recording: g.recording.Load()})
	if err != nil {
		return nil, err
	}
	return g, nil
}

// release closes whatever New or Run has opened.
func (g *Gateway) release() {
	if g.mixing != nil {
		g.mixing.Close()
	}
	if g.streams != nil {
		g.streams.Close()
	}
	if g.rtmp != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		g.rtmp.Shutdown(ctx)
	}
	if g.sfu != nil {
		g.sfu.Close()
	}
	g.closeRooms()
	g.auth.Close()
}

// Addresses returns a line for everything a person can open or point at.
func (g *Gateway) Addresses() []string {
	scheme := "http"
	if g.cfg.HTTP.TLS.Enabled() {
		scheme = "https"
	}
	base := g.cfg.HTTP.PublicURL
	var pages []string // for others in the network
	if base == "" {
		base = scheme + "://" + dialable(g.http.Addr())
		pages = inNetwork(g.http.Addr())
	}
	lines := []string{"page    " + base + "/"}
	for _, a := range pages {
		lines = append(lines, "page    "+scheme+"://"+a+"/")
	}
	lines = append(lines, "RTMP    rtmp://"+dialable(g.rtmp.Addr())+"/live/<name>")
	for _, a := range inNetwork(g.rtmp.Addr()) {
		lines = append(lines, "RTMP    rtmp://"+a+"/live/<name>")
	}
	if a := g.rtmp.TLSAddr(); a != nil {
		lines = append(lines, "RTMPS   rtmps://"+dialable(a)+"/live/<name>")
	}
	lines = append(lines,
		"FLV     "+base+"/live/<name>.flv",
		"WHIP    "+base+"/whip/live/<name>",
		"WHEP    "+base+"/whep/live/<name>",
		"phone   hutong demo --stream phone   (a simulated phone; watch it at "+base+"/#/watch/live/phone)")
	return lines
}

// dialable is where a local client reaches a listener.
func dialable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// Run serves until ctx is done, then drains as drain.mode says, and returns nil
// once everybody has gone or the drain timeout has passed. Meanwhile it takes
// over what changes at its [Source], and new certificates. It may be called once.
func (g *Gateway) Run(ctx context.Context) error {
	if !g.ran.CompareAndSwap(false, true) {
		return errors.New("gateway: Run was called twice")
	}
	failed := make(chan error, 2)
	go func() { failed <- g.rtmp.Serve() }()
	go func() { failed <- g.http.Serve() }()
	g.log.Info("ready", "http", g.http.Addr().String(), "rtmp", g.rtmp.Addr().String(),
		"webrtc_udp", g.cfg.WebRTC.UDPAddress, "webrtc_tcp", g.cfg.WebRTC.TCPAddress)
	following, stop := context.WithCancel(context.Background())
	var watching sync.WaitGroup
	watching.Go(func() { g.watch(following) })
	watching.Go(func() { g.watchlist.Run(following) })
	defer func() {
		stop()
		watching.Wait()
	}()
	var err error
	running := 2
	select {
	case <-ctx.Done():
	case err = <-failed:
		running--
	}
	g.drain()
	for range running {
		err = errors.Join(err, <-failed)
	}
	return err
}

func sfuConfig(cfg *config.Config, log *slog.Logger) sfu.Config {
	return sfu.Config{
		UDPAddress: cfg.WebRTC.UDPAddress, TCPAddress: cfg.WebRTC.TCPAddress,
		ExternalIPs: cfg.WebRTC.ExternalIPs, ICELite: cfg.WebRTC.ICELite,
		IncludeLoopback: cfg.WebRTC.OfferLoopback(), Logger: log,
		// Not before a session that has lost its WebSocket with its network: what
		// comes back together goes on together.
		ICEFailedTimeout: session.ResumeWindow,
	}
}

func streamOptions(cfg *config.Config, log *slog.Logger, bridge *crossing.Bridge, m *metrics.Metrics) stream.Options {
	s := cfg.Stream
	return stream.Options{
		RefuseTakeover: s.Takeover == config.TakeoverRefuse,
		Grace:          s.PublisherGrace.Std(), Linger: s.CrossingLinger.Std(), MaxLag: s.MaxLag.Std(),
		GOPMaxBytes: int(s.GOPMaxBytes.Bytes()), GOPMaxSpan: s.GOPMaxDuration.Std(),
		MaxStreams: s.MaxStreams, MaxPlayers: s.MaxPlayers,
		Crossings: bridge, Log: log,
		OnDrop: func(reason string, n int) { m.Dropped.WithLabelValues(reason).Add(float64(n)) },
	}
}

func rtmpObserver(m *metrics.Metrics) rtmp.Observer {
	return rtmp.Observer{
		ConnOpened:   m.Connections.WithLabelValues("rtmp").Inc,
		ConnClosed:   func(string) { m.Connections.WithLabelValues("rtmp").Dec() },
		Refused:      func(reason string) { m.Refused.WithLabelValues("rtmp", reason).Inc() },
		BytesIn:      counterOf(m.Bytes.WithLabelValues("rtmp", "in")),
		BytesOut:     counterOf(m.Bytes.WithLabelValues("rtmp", "out")),
		BadInput:     func(reason string) { m.BadInput.WithLabelValues("rtmp", reason).Inc() },
		CodecRefused: func(codec string) { m.CodecRefused.WithLabelValues(codec).Inc() },
	}
}

func counterOf(c prometheus.Counter) func(int) {
	return func(n int) { c.Add(float64(n)) }
}

// newAuthority makes access control. Without a secret in the configuration
// tokens are signed with one kept in the data directory, so that they outlive a
// restart.
func newAuthority(cfg *config.Config, log *slog.Logger) (*auth.Authority, error) {
	a := cfg.Auth
	if a.TokenSecret == "" {
		var err error
		if a.TokenSecret, err = auth.SecretFile(filepath.Join(cfg.DataDir, "token_secret")); err != nil {
			return nil, err
		}
	}
	authority, err := auth.New(a, time.Now)
	if err != nil {
		return nil, err
	}
	authority.Log = log
	return authority, nil
}

// authorizeRTMP decides on an RTMP publish or play, and on the path of a play.
func (g *Gateway) authorizeRTMP(ctx context.Context, r rtmp.Request) (path string, err error) {
	want := auth.Request{Action: auth.Play, Stream: r.Name, Protocol: "rtmp", Query: r.Query, Remote: r.Remote.String()}
	if r.Publish {
		want.Action = auth.Publish
	}
	if r.TLS {
		want.Protocol = "rtmps"
	}
	if !g.http.Admits(r.Name, r.Publish) {
		g.metrics.Refused.WithLabelValues("rtmp", "draining").Inc()
		return "", stream.ErrClosed
	}
	grant, err := g.auth.Allow(ctx, want)
	if err != nil {
		if d := auth.DenialOf(err); d != nil {
			g.metrics.Refused.WithLabelValues("rtmp", d.Label).Inc()
		}
		return "", err
	}
	if r.Publish {
		if err := g.http.ComeBack(ctx, grant, r.Name, room.RTMP); err != nil {
			g.metrics.Refused.WithLabelValues("rtmp", session.CodeOf(err)).Inc()
			return "", err
		}
	}
	if g.running.Load().Auth.Mode == config.AuthOpen {
		return "", nil
	}
	return grant.Path, nil
}

func (g *Gateway) rtmpConfig() (rtmp.Config, error) {
	cfg, r := g.cfg, g.cfg.RTMP
	c := rtmp.Config{
		Address: r.Address, TLSAddress: r.TLS.Address,
		MaxConnections: r.MaxConnections, MaxConnectionsPerIP: r.MaxConnectionsPerIP,
		ReadTimeout: r.ReadTimeout.Std(), WriteTimeout: r.WriteTimeout.Std(), MaxMessage: int(r.MaxMessage.Bytes()),
		PlayWait:     cfg.Stream.PlayWait.Std(),
		StandardPath: cfg.Stream.Path == config.PathStandard, StandardMerge: cfg.Stream.StandardMerge.Std(),
		Registry: g.streams, Log: g.log, Observer: rtmpObserver(g.metrics), Authorize: g.authorizeRTMP, Gate: g.gateRTMP, Watch: g.watchRTMP,
		Audience: func(r rtmp.Request) bool { return auth.Audience(r.Query) },
	}
	if r.TLS.Address == "" {
		return c, nil
	}
	var err error
	c.TLS, err = g.openTLS("rtmp.tls", r.TLS.Cert, r.TLS.Key)
	return c, err
}
