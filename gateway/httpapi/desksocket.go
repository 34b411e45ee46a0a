package httpapi

import (
	"context"
	"fmt"

	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"

	"hutong/gateway/auth"
	"hutong/gateway/desk"
	"hutong/gateway/session"
	"hutong/gateway/store"
)

// deskSockets adds the WebSockets of callers and of agents.
func (s *Server) deskSockets() {
	config := websocket.Config{HandshakeTimeout: wsWrite, ReadBufferSize: 4 << 10, WriteBufferSize: 4 << 10}
	s.app.Get("/api/v1/calls/:callID/ws", s.admitCaller, websocket.New(s.serveCaller, config))
	s.app.Get("/api/v1/agent/ws", s.admitAgent, websocket.New(s.serveAgent, config))
}

func (s *Server) admitCaller(c *fiber.Ctx) error {
	if !websocket.IsWebSocketUpgrade(c) {
		return apiError(c, fiber.StatusUpgradeRequired, "upgrade_required", "this is a WebSocket; connect with ws:// or wss://")
	}
	if !s.originAllowed(c) {
		return apiError(c, fiber.StatusForbidden, "origin", "pages of "+clip(c.Get(fiber.HeaderOrigin))+" may not connect; add it to http.cors_origins")
	}
	if s.draining.Load() && !s.finishing.Load() {
		return apiError(c, fiber.StatusServiceUnavailable, "draining", "the gateway is shutting down; try again")
	}
	grant, err := s.permit(c, auth.Request{Action: auth.Room, Protocol: "ws"})
	if err != nil {
		return s.refuseAPI(c, "ws", err)
	}
	callID := c.Params("callID")
	x, err := s.Desk.Call(callID)
	if err == nil && (grant.RoomID != callID || grant.UserID != x.Caller.UserID) {
		err = fmt.Errorf("%w: the token is not that of the caller of %s", store.ErrNotFound, clip(callID))
	}
	if err != nil {
		return s.refuseRoomCall(c, deskError(err))
	}
	c.Locals("callID", callID)
	c.Locals("userID", grant.UserID)
	return c.Next()
}

// admitAgent lets agents in who are logged in. Cookies come along from pages of
// any origin, so only the gateway's own may connect.
func (s *Server) admitAgent(c *fiber.Ctx) error {
	if !websocket.IsWebSocketUpgrade(c) {
		return apiError(c, fiber.StatusUpgradeRequired, "upgrade_required", "this is a WebSocket; connect with ws:// or wss://")
	}
	if !s.sameOrigin(c) {
		s.Metrics.Refused.WithLabelValues("ws", "origin").Inc()
		return apiError(c, fiber.StatusForbidden, "origin", "pages of "+clip(c.Get(fiber.HeaderOrigin))+" may not connect; agents work on the gateway's own page")
	}
	if s.draining.Load() && !s.finishing.Load() {
		return apiError(c, fiber.StatusServiceUnavailable, "draining", "the gateway is shutting down; try again")
	}
	ctx, cancel := context.WithTimeout(context.Background(), roomCallTimeout)
	defer cancel()
	l, err := s.agent(ctx, c)
	if err != nil {
		return s.refuseRoomCall(c, deskError(err))
	}
	c.Locals("login", l)
	return c.Next()
}

// deskSocket is the desk's side of a WebSocket.
type deskSocket interface {
	Handle(text []byte)
	Close()
}

func (s *Server) serveCaller(c *websocket.Conn) {
	callID, _ := c.Locals("callID").(string)
	userID, _ := c.Locals("userID").(string)
	s.serveDesk(c, func(ctx context.Context, out *session.Outbox) (deskSocket, error) {
		return s.Desk.Follow(ctx, callID, userID, out)
	})
}

func (s *Server) serveAgent(c *websocket.Conn) {
	l, _ := c.Locals("login").(desk.Login)
	s.serveDesk(c, func(ctx context.Context, out *session.Outbox) (deskSocket, error) {
		return s.Desk.OpenConsole(ctx, l, out)
	})
}

// serveDesk carries messages until either side ends.
func (s *Server) serveDesk(c *websocket.Conn, open func(context.Context, *session.Outbox) (deskSocket, error)) {
	s.flv.Add(1)
	defer s.flv.Done()
	defer c.Close()
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
	t, err := open(ctx, out)
	cancel()
	if err != nil {
		e := callErrorOf(deskError(err))
		out.Send(fiber.Map{"type": "error", "code": e.code, "message": e.message})
		out.Close()
		return
	}
	defer t.Close()
	c.SetReadLimit(desk.MaxMessage)
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
			t.Handle(text)
		}
	}
}
