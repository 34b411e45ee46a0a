package httpapi

import (
	"cmp"
	"context"
	"net"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hutong/bridge/flv"
	"hutong/bridge/stream"
	"hutong/gateway/auth"
)

// playFLV serves GET /app/name.flv as an endless HTTP-FLV stream.
func (s *Server) playFLV(c *fiber.Ctx) error {
	path, ok := strings.CutSuffix(c.Path(), ".flv")
	if !ok {
		return c.Next()
	}
	name, err := stream.ParseName(path)
	if err != nil {
		return s.refuse(c, "flv", err)
	}
	if !s.Admits(name, false) {
		return s.refuse(c, "flv", stream.ErrClosed)
	}
	grant, err := s.permit(c, auth.Request{Action: auth.Play, Stream: name, Protocol: "flv"})
	if err != nil {
		return s.refuse(c, "flv", err)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentType, "video/x-flv")
	if c.Method() == fiber.MethodHead {
		return nil
	}
	st, err := s.Streams.Wait(s.players, name, s.Config.Stream.PlayWait.Std())
	if err != nil {
		return s.refuse(c, "flv", err)
	}
	player, err := st.Play(stream.FLV)
	if err != nil {
		return s.refuse(c, "flv", err)
	}
	var cors string
	if origin := c.GetRespHeader(fiber.HeaderAccessControlAllowOrigin); origin != "" {
		cors = "Access-Control-Allow-Origin: " + origin + "\r\n"
	}
	head := []byte("HTTP/1.1 200 OK\r\nContent-Type: video/x-flv\r\nCache-Control: no-store\r\nConnection: close\r\n" + cors + "\r\n")
	o := flv.Options{WriteTimeout: s.Config.HTTP.WriteTimeout.Std(), Merge: s.merge(s.standardPath(c, grant)), Gate: s.Gate(name, grant),
		Audience: bearer(c) == "" && auth.Audience(query(c))}
	remote := c.Context().RemoteAddr().String()
	s.flv.Add(1)
	c.Context().HijackSetNoResponse(true)
	c.Context().Hijack(func(conn net.Conn) {
		defer s.flv.Done()
		ctx, cancel := context.WithCancelCause(s.players)
		defer cancel(nil)
		defer s.Watch(grant, cancel)()
		s.serveFLV(ctx, rawConn(conn), head, player, name, remote, o)
	})
	return nil
}

func (s *Server) serveFLV(ctx context.Context, conn net.Conn, head []byte, player *stream.Player, name, remote string, o flv.Options) {
	defer player.Close()
	s.Metrics.Connections.WithLabelValues("flv").Inc()
	defer s.Metrics.Connections.WithLabelValues("flv").Dec()
	s.Metrics.Sessions.WithLabelValues("flv", "player").Inc()
	s.Log.Info("player joined", "stream", name, "protocol", "flv", "remote", remote)
	began := time.Now()
	var sent int64
	conn.SetWriteDeadline(began.Add(o.WriteTimeout))
	_, err := conn.Write(head)
	if err == nil {
		sent, err = flv.ServeConn(ctx, conn, player, o)
	}
	s.Metrics.Bytes.WithLabelValues("flv", "out").Add(float64(sent))
	s.Log.Info("player left", "stream", name, "protocol", "flv", "remote", remote, "bytes", sent,
		"seconds", int(time.Since(began).Seconds()), "reason", reason(cmp.Or(context.Cause(ctx), err)))
}

// merge is how long frames are gathered for a player.
func (s *Server) merge(standard bool) time.Duration {
	if standard {
		return s.Config.Stream.StandardMerge.Std()
	}
	return 0
}
