package httpapi

import (
	"errors"
	"fmt"
	"mime"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hutong/bridge/stream"
	"hutong/gateway/auth"
	"hutong/gateway/room"
	"hutong/sfu"
)

const (
	typeSDP      = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag" // RFC 8840 §9
)

// webrtc adds the routes of WHIP (RFC 9725) or of WHEP, which has its shape:
// the endpoint creates sessions, a session's URL is the endpoint's with an id.
func (s *Server) webrtc(route string, create fiber.Handler) {
	s.app.Post(route, s.accepting, create)
	s.app.Patch(route, s.patchSession)
	s.app.Delete(route, s.deleteSession)
	s.app.Options(route, func(c *fiber.Ctx) error {
		c.Set("Accept-Post", typeSDP)
		c.Set("Accept-Patch", typeFragment)
		s.linkICEServers(c)
		return c.SendStatus(fiber.StatusNoContent)
	})
	s.app.All(route, func(c *fiber.Ctx) error { // RFC 9725 §4.2: reserved
		c.Set(fiber.HeaderAllow, "POST, PATCH, DELETE, OPTIONS")
		return sendProblem(c, fiber.StatusMethodNotAllowed, "Method not allowed", c.Method()+" means nothing here; POST an SDP offer")
	})
}

// accepting checks what POST needs before any stream is touched.
func (s *Server) accepting(c *fiber.Ctx) error {
	if name, err := stream.ParseName(c.Params("*")); err == nil && !s.Admits(name, protocolOf(c) == "whip") {
		return s.refuse(c, protocolOf(c), stream.ErrClosed)
	}
	if t, _, _ := mime.ParseMediaType(c.Get(fiber.HeaderContentType)); t != typeSDP {
		s.Metrics.BadInput.WithLabelValues(protocolOf(c), "content_type").Inc()
		return sendProblem(c, fiber.StatusUnsupportedMediaType, "Unsupported media type",
			fmt.Sprintf("Content-Type is %q; send the SDP offer as %s", t, typeSDP))
	}
	return c.Next()
}

func protocolOf(c *fiber.Ctx) string { return c.Path()[1:5] }

// publish answers a WHIP offer.
func (s *Server) publish(c *fiber.Ctx) error {
	name, err := stream.ParseName(c.Params("*"))
	if err != nil {
		return s.refuse(c, "whip", err)
	}
	grant, err := s.permit(c, auth.Request{Action: auth.Publish, Stream: name, Protocol: "whip"})
	if err == nil {
		err = s.ComeBack(c.UserContext(), grant, name, room.WebRTC)
	}
	if err != nil {
		return s.refuse(c, "whip", err)
	}
	if !s.sessions.reserve() {
		return s.refuse(c, "whip", s.errFull())
	}
	remote := c.Context().RemoteAddr().String()
	pub, peer, answer, err := s.startPublisher(c, name, remote)
	if err != nil {
		s.sessions.release()
		s.countBadOffer("whip", err)
		return s.refuse(c, "whip", err)
	}
	s.Metrics.Sessions.WithLabelValues("whip", "publisher").Inc()
	counted := s.Peers.Add(false, peer.Stats)
	unwatch := s.Watch(grant, func(err error) {
		pub.Close(true)
		_ = peer.Close()
	})
	session := s.sessions.add(c.Path(), peer, func(goodbye bool) {
		unwatch()
		pub.Close(goodbye)
		s.Peers.Remove(counted)
		s.Log.Info("publisher left", "stream", name, "protocol", "whip", "remote", remote, "goodbye", goodbye, "reason", reason(peer.Err()))
	})
	return s.created(c, session, answer)
}

func (s *Server) startPublisher(c *fiber.Ctx, name, remote string) (*stream.Publication, *sfu.Publisher, string, error) {
	offer := string(c.Body())
	// A bad offer must not take a live name over.
	if err := sfu.CheckPublishOffer(offer); err != nil {
		return nil, nil, "", err
	}
	ready := make(chan struct{})
	var peer *sfu.Publisher
	pub, err := s.Streams.Publish(name, stream.PublisherInfo{Protocol: "whip", Remote: remote, Origin: stream.FromWebRTC,
		Kick: func(error) {
			<-ready
			if peer != nil {
				peer.Close()
			}
		}})
	if err != nil {
		return nil, nil, "", err
	}
	var answer string
	peer, answer, err = s.SFU.Publish(c.Context(), offer, sfu.PublishOptions{Source: pub.Stream().Source()})
	close(ready)
	if err != nil {
		pub.Close(true)
		return nil, nil, "", err
	}
	return pub, peer, answer, nil
}

// subscribe answers a WHEP offer.
func (s *Server) subscribe(c *fiber.Ctx) error {
	name, err := stream.ParseName(c.Params("*"))
	if err != nil {
		return s.refuse(c, "whep", err)
	}
	grant, err := s.permit(c, auth.Request{Action: auth.Play, Stream: name, Protocol: "whep"})
	if err != nil {
		return s.refuse(c, "whep", err)
	}
	gate := s.Gate(name, grant)
	if gate != nil && (!gate(stream.Video) || !gate(stream.Audio)) {
		s.Metrics.Refused.WithLabelValues("whep", "on_hold").Inc()
		return sendProblem(c, fiber.StatusForbidden, "On hold", "the call of "+name+" gives you nothing of it now; try again when it does")
	}
	if !s.sessions.reserve() {
		return s.refuse(c, "whep", s.errFull())
	}
	player, peer, answer, err := s.startSubscriber(c, name)
	if err != nil {
		s.sessions.release()
		s.countBadOffer("whep", err)
		return s.refuse(c, "whep", err)
	}
	remote := c.Context().RemoteAddr().String()
	s.Metrics.Sessions.WithLabelValues("whep", "player").Inc()
	s.Log.Info("player joined", "stream", name, "protocol", "whep", "remote", remote)
	if gate != nil {
		s.flv.Go(func() { s.keepGate(gate, peer.Done(), peer.Close) })
	}
	counted := s.Peers.Add(true, peer.Stats)
	unwatch := s.Watch(grant, func(error) { _ = peer.Close() })
	session := s.sessions.add(c.Path(), peer, func(bool) {
		unwatch()
		st := peer.Stats()
		sent := st.Video.Bytes + st.Audio.Bytes
		player.Sent(int(sent))
		player.Close()
		s.Peers.Remove(counted)
		s.Log.Info("player left", "stream", name, "protocol", "whep", "remote", remote, "bytes", sent, "reason", reason(peer.Err()))
	})
	return s.created(c, session, answer)
}

func (s *Server) startSubscriber(c *fiber.Ctx, name string) (*stream.Player, *sfu.Subscriber, string, error) {
	st, err := s.Streams.Wait(c.Context(), name, s.preferredWait(c))
	if err != nil {
		return nil, nil, "", err
	}
	player, err := st.Play(stream.WHEP)
	if err != nil {
		return nil, nil, "", err
	}
	peer, answer, err := s.SFU.Subscribe(c.Context(), string(c.Body()), sfu.SubscribeOptions{Source: st.Source()})
	if err != nil {
		player.Close()
		return nil, nil, "", err
	}
	return player, peer, answer, nil
}

// preferredWait is how long a WHEP client wants to wait for a stream that is
// not there yet: "Prefer: wait=N" (RFC 7240 §4.3), in seconds, at most
// stream.play_wait. Without it a missing stream is told at once.
func (s *Server) preferredWait(c *fiber.Ctx) time.Duration {
	for _, p := range strings.FieldsFunc(c.Get("Prefer"), func(r rune) bool { return r == ',' || r == ';' }) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(p), "wait="); ok {
			if n, err := strconv.Atoi(v); err == nil && n > 0 && n < 3600 {
				return min(time.Duration(n)*time.Second, s.Config.Stream.PlayWait.Std())
			}
		}
	}
	return 0
}

func (s *Server) errFull() error {
	return fmt.Errorf("%w: %d WebRTC sessions; raise webrtc.max_peers", stream.ErrTooMany, s.Config.WebRTC.MaxPeers)
}

func (s *Server) countBadOffer(protocol string, err error) {
	if errors.Is(err, sfu.ErrBadOffer) {
		s.Metrics.BadInput.WithLabelValues(protocol, "offer").Inc()
	}
}

func reason(err error) string {
	if err == nil {
		return "closed"
	}
	return err.Error()
}

// created answers 201 with what RFC 9725 §4.2 wants in its headers.
func (s *Server) created(c *fiber.Ctx, session *peerSession, answer string) error {
	c.Set(fiber.HeaderLocation, strings.TrimSuffix(c.Path(), "/")+"/"+session.id)
	c.Set(fiber.HeaderETag, session.tag())
	c.Set("Accept-Patch", typeFragment)
	s.linkICEServers(c)
	c.Set(fiber.HeaderContentType, typeSDP)
	return c.Status(fiber.StatusCreated).SendString(answer)
}

// linkICEServers names STUN and TURN servers (RFC 9725 §4.6).
func (s *Server) linkICEServers(c *fiber.Ctx) {
	for _, ice := range s.live().WebRTC.ICEServers {
		for _, u := range ice.URLs {
			link := "<" + u + `>; rel="ice-server"`
			if ice.Username != "" {
				link += fmt.Sprintf("; username=%q; credential=%q; credential-type=\"password\"", ice.Username, ice.Credential)
			}
			c.Response().Header.Add(fiber.HeaderLink, link)
		}
	}
}

// find returns the session a URL stands for, or nil after answering 404.
func (s *Server) find(c *fiber.Ctx) *peerSession {
	i := strings.LastIndexByte(c.Path(), '/')
	if session := s.sessions.get(c.Path()[:i], c.Path()[i+1:]); session != nil {
		return session
	}
	sendProblem(c, fiber.StatusNotFound, "No such session", "the session has ended or never was; POST a new offer")
	return nil
}

// patchSession trickles candidates or restarts ICE (RFC 9725 §4.3).
func (s *Server) patchSession(c *fiber.Ctx) error {
	session := s.find(c)
	if session == nil {
		return nil
	}
	if t, _, _ := mime.ParseMediaType(c.Get(fiber.HeaderContentType)); t != typeFragment {
		return sendProblem(c, fiber.StatusUnsupportedMediaType, "Unsupported media type",
			fmt.Sprintf("Content-Type is %q; send %s", t, typeFragment))
	}
	switch match := c.Get(fiber.HeaderIfMatch); match {
	case "":
		return sendProblem(c, fiber.StatusPreconditionRequired, "Precondition required",
			`If-Match is missing; send the session's ETag, or "*" to restart ICE`)
	case "*", `"*"`, session.tag():
	default:
		return sendProblem(c, fiber.StatusPreconditionFailed, "Precondition failed", "the ETag is of an earlier ICE session")
	}
	answer, restarted, err := session.peer.Patch(string(c.Body()))
	if err != nil {
		if !errors.Is(err, sfu.ErrClosed) {
			s.Metrics.BadInput.WithLabelValues(protocolOf(c), "fragment").Inc()
		}
		return s.refuse(c, protocolOf(c), err)
	}
	if !restarted {
		return c.SendStatus(fiber.StatusNoContent)
	}
	c.Set(fiber.HeaderETag, session.restarted())
	c.Set(fiber.HeaderContentType, typeFragment)
	return c.SendString(answer)
}

func (s *Server) deleteSession(c *fiber.Ctx) error {
	session := s.find(c)
	if session == nil {
		return nil
	}
	session.goodbye()
	session.peer.Close()
	return c.SendStatus(fiber.StatusOK)
}
