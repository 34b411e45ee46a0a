package httpapi

import (
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/auth"
	"hutong/gateway/config"
)

// permit asks whether a request may do what it wants. An error is for refuse.
func (s *Server) permit(c *fiber.Ctx, r auth.Request) (auth.Grant, error) {
	r.Query, r.Bearer, r.Remote = query(c), bearer(c), c.Context().RemoteAddr().String()
	return s.Auth.Allow(c.UserContext(), r)
}

// query is a request's query; what of it parses.
func query(c *fiber.Ctx) url.Values {
	q, _ := url.ParseQuery(string(c.Request().URI().QueryString()))
	return q
}

// bearer is what follows "Authorization: Bearer" (RFC 6750 §2.1).
func bearer(c *fiber.Ctx) string {
	scheme, token, _ := strings.Cut(c.Get(fiber.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// denied fills a refusal in for what access control refuses.
func denied(c *fiber.Ctx, err error) (refusal, bool) {
	d := auth.DenialOf(err)
	if d == nil {
		return refusal{}, false
	}
	if d.Status == fiber.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, "Bearer") // RFC 9110 §11.6.1
	}
	return refusal{d.Status, "Refused", d.Label}, true
}

// standardPath tells whether a player gets frames merged. Where access is open,
// the query and the configuration decide.
func (s *Server) standardPath(c *fiber.Ctx, g auth.Grant) bool {
	if s.live().Auth.Mode == config.AuthToken {
		return g.Path == auth.PathStandard
	}
	switch c.Query("path") {
	case config.PathStandard:
		return true
	case config.PathLive:
		return false
	}
	return s.Config.Stream.Path == config.PathStandard
}
