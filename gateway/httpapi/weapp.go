package httpapi

import (
	"github.com/gofiber/fiber/v2"

	"hutong/gateway/weapp"
)

// bodyLimit is what the listener reads of a body: http.max_body, but what
// mini-programs may send where they are served.
func bodyLimit(o Options) int {
	limit := int(o.Config.HTTP.MaxBody.Bytes())
	if o.Weapp != nil {
		return max(limit, weapp.MaxBody)
	}
	return limit
}

// bodies keeps everybody else to http.max_body.
func (s *Server) bodies(c *fiber.Ctx) error {
	if len(c.Request().Body()) > int(s.Config.HTTP.MaxBody.Bytes()) && (s.Weapp == nil || !s.Weapp.Owns(c.Path())) {
		return fiber.ErrRequestEntityTooLarge
	}
	return c.Next()
}
