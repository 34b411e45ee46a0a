package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/desk"
)

// oidcCookie is brought back by a browser that was sent to the provider. The
// way back is a navigation from another site, which Strict would strip it of.
const (
	oidcCookie = "hutong_oidc"
	oidcPath   = "/api/v1/agent/oidc"
	oidcFor    = 10 * time.Minute
	agentPage  = "/agent"
)

func (s *Server) setOIDCCookie(c *fiber.Ctx, value string, until time.Time) {
	c.Cookie(&fiber.Cookie{Name: oidcCookie, Value: value, Path: oidcPath, Expires: until, HTTPOnly: true,
		SameSite: fiber.CookieSameSiteLaxMode, Secure: s.secureCookies()})
}

// oidcLogin sends an agent's browser to the provider.
func (s *Server) oidcLogin(ctx context.Context, c *fiber.Ctx) error {
	redirect, cookie, err := s.Desk.OIDCBegin(ctx, s.Config.HTTP.PublicURL)
	if err != nil {
		return err
	}
	s.setOIDCCookie(c, cookie, time.Now().Add(oidcFor))
	return c.Redirect(redirect, fiber.StatusFound)
}

// oidcCallback logs in whom the provider has sent back. A refusal goes to the page,
// by its code: whoever is here is a person, who came by a link.
func (s *Server) oidcCallback(ctx context.Context, c *fiber.Ctx) error {
	s.setOIDCCookie(c, "", time.Unix(1, 0))
	to := s.Config.HTTP.PublicURL + agentPage
	cookie, l, err := s.oidcEnd(ctx, c)
	if refusal := (*callError)(nil); errors.As(deskError(err), &refusal) {
		s.Log.Warn("log-in by the provider refused", "remote", c.Context().RemoteAddr().String(), "error", err)
		return c.Redirect(to+"?refused="+url.QueryEscape(refusal.code), fiber.StatusFound)
	}
	if err != nil {
		return err
	}
	s.setAgentCookie(c, cookie, l.Expires)
	return c.Redirect(to, fiber.StatusFound)
}

func (s *Server) oidcEnd(ctx context.Context, c *fiber.Ctx) (cookie string, l desk.Login, err error) {
	if why := c.Query("error"); why != "" {
		return "", l, fmt.Errorf("%w: it says %s", desk.ErrProvider, clip(why))
	}
	return s.Desk.OIDCEnd(ctx, s.Config.HTTP.PublicURL, c.Cookies(oidcCookie), c.Query("state"), c.Query("code"), c.Context().RemoteAddr().String())
}
