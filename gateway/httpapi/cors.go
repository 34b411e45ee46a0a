package httpapi

import (
	"slices"
	"strconv"

	"github.com/gofiber/fiber/v2"
)

// cors answers for pages of other origins: the embedded player, a company's own
// page. Preflights end here unless a route says more about itself.
func (s *Server) cors(c *fiber.Ctx) error {
	origin := c.Get(fiber.HeaderOrigin)
	if origin == "" {
		return c.Next()
	}
	allowed := s.live().HTTP.CORSOrigins
	switch {
	case slices.Contains(allowed, "*"):
		c.Set(fiber.HeaderAccessControlAllowOrigin, "*")
	case slices.Contains(allowed, origin):
		c.Set(fiber.HeaderAccessControlAllowOrigin, origin)
		c.Vary(fiber.HeaderOrigin)
	default:
		return c.Next()
	}
	c.Set(fiber.HeaderAccessControlExposeHeaders, "Location, ETag, Link, Accept-Patch, Accept-Post")
	if c.Method() == fiber.MethodOptions && c.Get(fiber.HeaderAccessControlRequestMethod) != "" {
		c.Set(fiber.HeaderAccessControlAllowMethods, "GET, POST, PATCH, DELETE, OPTIONS")
		c.Set(fiber.HeaderAccessControlAllowHeaders, "Content-Type, Authorization, If-Match, Prefer")
		c.Set(fiber.HeaderAccessControlMaxAge, "600")
	}
	return c.Next()
}

// observe counts requests by kind of route and status.
func (s *Server) observe(c *fiber.Ctx) error {
	err := c.Next()
	status := c.Response().StatusCode()
	if err != nil {
		if handled := s.onError(c, err); handled != nil {
			return handled
		}
		status = c.Response().StatusCode()
	}
	s.Metrics.HTTPRequests.WithLabelValues(routeGroup(c.Path()), strconv.Itoa(status)).Inc()
	return nil
}
