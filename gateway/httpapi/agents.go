package httpapi

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	calling "hutong/gateway/call"
	"hutong/gateway/desk"
)

func (s *Server) login(ctx context.Context, c *fiber.Ctx) error {
	if !s.sameOrigin(c) {
		return fmt.Errorf("%w: pages of %s may not log in here", desk.ErrCSRF, clip(c.Get(fiber.HeaderOrigin)))
	}
	var body struct {
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := decodeJSON(c, &body, false); err != nil {
		return err
	}
	cookie, l, err := s.Desk.Login(ctx, body.Name, body.Password, c.Context().RemoteAddr().String())
	if err != nil {
		return err
	}
	s.setAgentCookie(c, cookie, l.Expires)
	return c.JSON(s.loggedIn(l))
}

// setAgentCookie hands an agent's page its log-in, which no script can read and
// no other site can have sent.
func (s *Server) setAgentCookie(c *fiber.Ctx, value string, until time.Time) {
	c.Cookie(&fiber.Cookie{Name: agentCookie, Value: value, Path: "/api", Expires: until, HTTPOnly: true,
		SameSite: fiber.CookieSameSiteStrictMode, Secure: s.secureCookies()})
}

// secureCookies says whether browsers reach the gateway over https.
func (s *Server) secureCookies() bool {
	return s.TLS != nil || strings.HasPrefix(s.Config.HTTP.PublicURL, "https://")
}

func (s *Server) loggedIn(l desk.Login) fiber.Map {
	a, _ := s.Desk.Agent(l.AgentID)
	return fiber.Map{"agent": a, "csrf": l.CSRF, "expires": l.Expires}
}

// sameOrigin says whether a request comes from a page of this gateway, or from no
// page.
func (s *Server) sameOrigin(c *fiber.Ctx) bool {
	origin := c.Get(fiber.HeaderOrigin)
	_, host, _ := strings.Cut(origin, "://")
	return origin == "" || host == string(c.Request().Host()) || origin == s.Config.HTTP.PublicURL
}

func (s *Server) logout(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.agent(ctx, c); err != nil {
		return err
	}
	if err := s.Desk.Logout(ctx, c.Cookies(agentCookie), c.Context().RemoteAddr().String()); err != nil {
		return err
	}
	s.setAgentCookie(c, "", time.Unix(1, 0))
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) me(ctx context.Context, c *fiber.Ctx) error {
	l, err := s.agent(ctx, c)
	if err != nil {
		return err
	}
	return c.JSON(s.loggedIn(l))
}

type stateJSON struct {
	State calling.AgentState `json:"state"`
	Note  string             `json:"note"`
}

func (s *Server) setState(ctx context.Context, c *fiber.Ctx) error {
	l, err := s.agent(ctx, c)
	if err != nil {
		return err
	}
	return s.choose(ctx, c, l.AgentID)
}

func (s *Server) choose(ctx context.Context, c *fiber.Ctx, agentID string) error {
	var body stateJSON
	if err := decodeJSON(c, &body, false); err != nil {
		return err
	}
	a, err := s.Desk.Choose(ctx, agentID, body.State, body.Note)
	if err != nil {
		return err
	}
	return c.JSON(s.Desk.AgentView(a))
}

func (s *Server) listAgents(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.staff(ctx, c); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"agents": s.Desk.Agents()})
}

func (s *Server) setAgentState(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.supervisor(ctx, c); err != nil {
		return err
	}
	agentID := c.Params("agentID")
	if _, ok := s.Desk.Account(agentID); !ok {
		return fmt.Errorf("%w: %q", desk.ErrNoAgent, clip(agentID))
	}
	return s.choose(ctx, c, agentID)
}
