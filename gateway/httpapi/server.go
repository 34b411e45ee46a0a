// Package httpapi is everything hutong says over HTTP: the page, the REST API,
// WHIP and WHEP, HTTP-FLV, health and metrics.
package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/recover"

	"hutong/bridge/stream"
	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/desk"
	"hutong/gateway/metrics"
	"hutong/gateway/recording"
	"hutong/gateway/rooms"
	"hutong/gateway/session"
	"hutong/gateway/weapp"
	"hutong/sfu"
)

// Options of a [Server].
type Options struct {
	Config    *config.Config
	Streams   *stream.Registry
	SFU       *sfu.SFU
	Rooms     *rooms.Service     // nil serves no rooms
	Members   *session.Hub       // the WebSocket sessions of rooms; nil serves none
	Recording *recording.Service // nil records nothing
	Desk      *desk.Service      // nil serves no calls
	Weapp     *weapp.Service     // the mini-program API; nil serves none
	Auth      Authority
	// Watch holds who was let in, to end them once they may stay no longer: see
	// [auth.Watchlist.Add]. nil holds nobody.
	Watch   func(g auth.Grant, end func(error)) (release func())
	Metrics *metrics.Metrics
	Peers   *metrics.Peers // of Metrics; nil makes one
	TLS     *tls.Config    // nil is plain HTTP
	Page    fs.FS          // the built page; nil or empty serves a note on how to build it
	Log     *slog.Logger
	Version string
}

// Server is the HTTP listener and what it serves.
type Server struct {
	Options
	app      *fiber.App
	listener net.Listener
	conns    *limitedListener
	sessions *sessions

	// players ends when players of HTTP-FLV are to go.
	players     context.Context
	stopPlayers context.CancelFunc
	flv         sync.WaitGroup
	draining    atomic.Bool
	finishing   atomic.Bool
	adopted     atomic.Pointer[config.Config]
}

// Listen binds the HTTP address; nothing is served before Serve.
func Listen(o Options) (*Server, error) {
	h := o.Config.HTTP
	ln, err := net.Listen("tcp", h.Address)
	if err != nil {
		return nil, fmt.Errorf("http.address %s: %w; stop what uses the port, or choose another", h.Address, err)
	}
	conns := newLimitedListener(ln, h.MaxConnections, func() { o.Metrics.Refused.WithLabelValues("http", "max_connections").Inc() })
	ln = conns
	if o.TLS != nil {
		ln = tls.NewListener(ln, o.TLS)
	}
	if o.Peers == nil {
		o.Peers = o.Metrics.Peers()
	}
	if o.Watch == nil {
		o.Watch = func(auth.Grant, func(error)) func() { return func() {} }
	}
	s := &Server{Options: o, listener: ln, conns: conns}
	s.Adopt(o.Config)
	s.players, s.stopPlayers = context.WithCancel(context.Background())
	s.sessions = newSessions(o.Config.WebRTC.MaxPeers)
	s.app = fiber.New(fiber.Config{
		AppName:               "hutong",
		DisableStartupMessage: true,
		Immutable:             true, // names outlive their request
		BodyLimit:             bodyLimit(o),
		ReadTimeout:           h.ReadTimeout.Std(),
		WriteTimeout:          h.WriteTimeout.Std(),
		IdleTimeout:           time.Minute,
		ErrorHandler:          s.onError,
	})
	s.routes()
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Serve answers requests until Shutdown.
func (s *Server) Serve() error {
	if err := s.app.Listener(s.listener); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

// Shutdown stops listening, ends players and WebRTC sessions, and waits for
// them until ctx is done.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	s.stopPlayers()
	if s.Members != nil {
		s.Members.Close()
	}
	if s.Desk != nil {
		s.Desk.CloseSockets("server_shutdown")
	}
	if s.Weapp != nil {
		s.Weapp.Close()
	}
	s.sessions.closeAll()
	done := make(chan struct{})
	go func() { s.flv.Wait(); s.sessions.wg.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		s.conns.closeAll()
		return fmt.Errorf("http: players did not end in time: %w", ctx.Err())
	}
	// Requests under way have a moment; connections kept for later ones have none.
	answered, cancel := context.WithTimeout(ctx, lastAnswers)
	defer cancel()
	err := s.app.ShutdownWithContext(answered)
	s.conns.closeAll()
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("http: %w", err)
	}
	return nil
}

// lastAnswers is how long requests under way at a shutdown may take.
const lastAnswers = 500 * time.Millisecond

func (s *Server) routes() {
	s.app.Use(recover.New(), s.observe, s.cors, s.bodies)
	s.app.Get("/healthz", func(c *fiber.Ctx) error { return c.SendString("ok\n") })
	s.app.Get("/readyz", s.ready)
	s.operate()
	s.app.Get("/api/v1/settings", s.settings)
	s.app.Get("/api/v1/streams", s.listStreams)
	s.roomRoutes()
	s.deskRoutes()
	s.recordingRoutes()
	s.websocketRoute()
	s.app.All("/api/*", func(c *fiber.Ctx) error {
		return apiError(c, fiber.StatusNotFound, "not_found", "no such endpoint: "+c.Path())
	})
	if s.Weapp != nil {
		s.Weapp.Mount(s.app)
	}
	s.webrtc("/whip/*", s.publish)
	s.webrtc("/whep/*", s.subscribe)
	s.app.Get("/*", s.playFLV, s.page)
}

func (s *Server) ready(c *fiber.Ctx) error {
	if s.draining.Load() {
		return c.Status(fiber.StatusServiceUnavailable).SendString("draining\n")
	}
	return c.SendString("ok\n")
}
