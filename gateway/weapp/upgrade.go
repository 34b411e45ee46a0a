package weapp

import (
	"time"

	"github.com/gofiber/contrib/websocket"
	"github.com/gofiber/fiber/v2"
)

const (
	// socketSilence is how long a client may say nothing, socketPing how often it is
	// asked by those who answer without a word.
	socketSilence = 60 * time.Second
	socketPing    = 20 * time.Second
	socketWrite   = 10 * time.Second
	maxFrame      = 64 << 10
)

// upgrade makes WebSockets of requests. They carry no right: the first message
// does, so that no userSig stands in a URL.
func (s *Service) upgrade() fiber.Handler {
	handler := websocket.New(s.serveSocket, websocket.Config{HandshakeTimeout: socketWrite, ReadBufferSize: 4 << 10, WriteBufferSize: 4 << 10})
	return func(c *fiber.Ctx) error {
		if !websocket.IsWebSocketUpgrade(c) {
			return s.fail(c, &failure{status: fiber.StatusUpgradeRequired, code: fiber.StatusUpgradeRequired, message: "this is a WebSocket; connect with ws:// or wss://"})
		}
		c.Locals("hosts", s.hostsOf(c.BaseURL()))
		c.Locals("address", c.Context().RemoteAddr().String())
		return handler(c)
	}
}

func (s *Service) serveSocket(c *websocket.Conn) {
	defer c.Close()
	h, _ := c.Locals("hosts").(hosts)
	address, _ := c.Locals("address").(string)
	x := newSocket(s, h, address)
	if !s.hub.enter(x) {
		c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseTryAgainLater, ""), time.Now().Add(socketWrite))
		return
	}
	defer s.hub.leave(x)
	written := make(chan struct{})
	go func() {
		defer close(written)
		x.write(c)
	}()
	defer func() {
		x.end()
		<-written
	}()
	c.SetReadLimit(maxFrame)
	c.SetPongHandler(func(string) error { return c.SetReadDeadline(time.Now().Add(socketSilence)) })
	for {
		if c.SetReadDeadline(time.Now().Add(socketSilence)) != nil {
			return
		}
		kind, text, err := c.ReadMessage()
		if err != nil {
			return
		}
		if kind == websocket.TextMessage && !x.handle(text) {
			return
		}
	}
}

// write writes what is queued, and pings, until the queue is closed. It then
// closes the connection, which ends the reader.
func (x *socket) write(c *websocket.Conn) {
	ping := time.NewTicker(socketPing)
	defer ping.Stop()
	defer c.Close()
	for {
		select {
		case text, ok := <-x.out.C:
			if !ok {
				c.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(socketWrite))
				return
			}
			c.SetWriteDeadline(time.Now().Add(socketWrite))
			if c.WriteMessage(websocket.TextMessage, text) != nil {
				x.out.Close()
				return
			}
		case <-ping.C:
			if c.WriteControl(websocket.PingMessage, nil, time.Now().Add(socketWrite)) != nil {
				x.out.Close()
				return
			}
		}
	}
}
