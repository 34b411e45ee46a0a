package httpapi

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"

	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/session"
)

const (
	// wsPing is how often an idle browser is asked whether it is there, and
	// wsSilence how long it may say nothing.
	wsPing    = 15 * time.Second
	wsSilence = 40 * time.Second
	wsWrite   = 10 * time.Second
	// wsGoodbye is how long a browser may take to answer a close frame.
	wsGoodbye = time.Second
)

// websocketRoute adds the WebSocket of rooms.
func (s *Server) websocketRoute() {
	if s.Members == nil {
		return
	}
	s.app.Get("/api/v1/ws", s.admit, websocket.New(s.serveSession, websocket.Config{
		HandshakeTimeout: wsWrite, ReadBufferSize: 4 << 10, WriteBufferSize: 4 << 10,
	}))
}

// admit lets members in.
func (s *Server) admit(c *fiber.Ctx) error {
	if !websocket.IsWebSocketUpgrade(c) {
		return apiError(c, fiber.StatusUpgradeRequired, "upgrade_required", "this is a WebSocket; connect with ws:// or wss://")
	}
	if !s.originAllowed(c) {
		s.Metrics.Refused.WithLabelValues("ws", "origin").Inc()
		return apiError(c, fiber.StatusForbidden, "origin", "pages of "+c.Get(fiber.HeaderOrigin)+" may not connect; add it to http.cors_origins")
	}
	if s.draining.Load() && !s.finishing.Load() {
		return apiError(c, fiber.StatusServiceUnavailable, "draining", "the gateway is shutting down; try again")
	}
	grant, err := s.permit(c, auth.Request{Action: auth.Room, Protocol: "ws"})
	if err != nil {
		return s.refuseAPI(c, "ws", err)
	}
	a := s.addresses(c)
	if s.live().Auth.Mode == config.AuthToken {
		a.token = c.Query("token")
	}
	c.Locals("addresses", presenter{a})
	c.Locals("who", session.Who{RoomID: grant.RoomID, UserID: grant.UserID})
	c.Locals("ticket", session.Ticket{NickName: grant.NickName, Role: room.Role(grant.Role), Stream: grant.Stream, Issued: grant.Issued,
		May: s.may(grant, c.Context().RemoteAddr().String())})
	c.Locals("resume", c.Query("resume"))
	return c.Next()
}

// may decides on what a member does over the WebSocket, by the right shown when
// it was opened and by the call-out.
func (s *Server) may(g auth.Grant, remote string) func(context.Context, bool, string) error {
	return func(ctx context.Context, publish bool, name string) error {
		r := auth.Request{Action: auth.Play, Stream: name, Protocol: "ws", Remote: remote}
		if publish {
			r.Action = auth.Publish
			if s.live().Auth.Mode == config.AuthToken && !g.Publishes(name) {
				return fmt.Errorf("%w: the token does not let you publish", auth.ErrNoRight)
			}
		}
		err := s.Auth.Consult(ctx, r, g)
		if d := auth.DenialOf(err); d != nil {
			s.Metrics.Refused.WithLabelValues("ws", d.Label).Inc()
		}
		return err
	}
}

// originAllowed holds pages of other sites off, which CORS does not do for
// WebSockets (RFC 6455 §10.2). Clients that are no browser send no Origin.
func (s *Server) originAllowed(c *fiber.Ctx) bool {
	origin := c.Get(fiber.HeaderOrigin)
	_, host, _ := strings.Cut(origin, "://")
	allowed := s.live().HTTP.CORSOrigins
	return origin == "" || host == string(c.Request().Host()) || slices.Contains(allowed, "*") || slices.Contains(allowed, origin)
}

// presenter writes rooms as REST does.
type presenter struct{ addresses }

func (p presenter) Room(v room.View) any { return p.room(v) }

func (p presenter) Member(m room.Member) any { return p.describe([]room.Member{m})[0] }

// refuseAPI answers what access control refuses under /api.
func (s *Server) refuseAPI(c *fiber.Ctx, protocol string, err error) error {
	r, ok := denied(c, err)
	if !ok {
		r = refusalOf(err)
	}
	s.Metrics.Refused.WithLabelValues(protocol, r.reason).Inc()
	s.Log.Info("refused", "protocol", protocol, "path", c.Path(), "remote", c.Context().RemoteAddr().String(), "reason", r.reason)
	return apiError(c, r.status, r.reason, err.Error())
}

// serveSession carries a session's messages until either side ends.
func (s *Server) serveSession(c *websocket.Conn) {
	s.flv.Add(1)
	defer s.flv.Done()
	defer c.Close()
	who, _ := c.Locals("who").(session.Who)
	ticket, _ := c.Locals("ticket").(session.Ticket)
	show, _ := c.Locals("addresses").(presenter)
	resume, _ := c.Locals("resume").(string)
	out := session.NewOutbox()
	listen := patience{conn: c}
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer listen.end()
		s.writeSession(c, out)
	}()
	defer func() { <-written }()
	ctx, cancel := context.WithTimeout(s.players, wsWrite)
	se, err := s.Members.Open(ctx, who, ticket, show, resume, out)
	cancel()
	if err != nil {
		out.Send(fiber.Map{"type": "error", "code": session.CodeOf(err), "message": err.Error()})
		out.Close()
		return
	}
	defer se.Detach(out)
	c.SetReadLimit(session.MaxMessage)
	c.SetPongHandler(func(string) error { return listen.more() })
	for {
		if listen.more() != nil {
			return
		}
		kind, text, err := c.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.TextMessage {
			se.Handle(out, text)
		}
	}
}

// patience is how long the reader of a WebSocket waits. Close does not end a
// reader: fasthttp closes a hijacked connection only once its handler returns. So
// a peer that is gone would hold it for wsSilence.
type patience struct {
	conn *websocket.Conn

	mu   sync.Mutex
	over bool
}

// more waits for another message or pong.
func (p *patience) more() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.over {
		return nil
	}
	return p.conn.SetReadDeadline(time.Now().Add(wsSilence))
}

// end waits for an answer to the close frame and no longer.
func (p *patience) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.over = true
	_ = p.conn.SetReadDeadline(time.Now().Add(wsGoodbye))
}

// writeSession writes what is queued, and pings, until the queue is closed.
func (s *Server) writeSession(c *websocket.Conn, out *session.Outbox) {
	ping := time.NewTicker(wsPing)
	defer ping.Stop()
	for {
		select {
		case text, ok := <-out.C:
			if !ok {
				bye := websocket.FormatCloseMessage(websocket.CloseNormalClosure, "")
				c.WriteControl(websocket.CloseMessage, bye, time.Now().Add(wsWrite))
				return
			}
			c.SetWriteDeadline(time.Now().Add(wsWrite))
			if c.WriteMessage(websocket.TextMessage, text) != nil {
				out.Close()
				return
			}
		case <-ping.C:
			if c.WriteControl(websocket.PingMessage, nil, time.Now().Add(wsWrite)) != nil {
				out.Close()
				return
			}
		}
	}
}

// room writes a room's view with the members' addresses.
func (a addresses) room(v room.View) roomJSON {
	return roomJSON{RoomID: v.RoomID, Name: v.Name, Capacity: v.Capacity, CreatedAt: v.CreatedAt, Revision: v.Revision, Recording: v.Recording, Members: a.describe(v.Members)}
}
