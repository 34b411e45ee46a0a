package httpapi

import (
	"strings"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gofiber/fiber/v2/middleware/pprof"
)

// operate adds what only operators read.
func (s *Server) operate() {
	metrics := adaptor.HTTPHandler(s.Metrics.Handler())
	s.app.Get("/metrics", func(c *fiber.Ctx) error {
		if !s.live().Metrics.Enabled {
			return c.Next()
		}
		return metrics(c)
	})
	s.app.Use(pprof.New(pprof.Config{Next: func(*fiber.Ctx) bool { return !s.live().Pprof.Enabled }}))
}

// routeGroup names a request's kind for metrics: one of a few words, never a
// name that a client chose.
func routeGroup(path string) string {
	for _, g := range []string{"/whip/", "/whep/", "/api/", "/healthz", "/readyz", "/metrics", "/debug/", "/assets/"} {
		if strings.HasPrefix(path, g) {
			return strings.Trim(g, "/")
		}
	}
	if strings.Contains(path, "_room/") || strings.Contains(path, "/utils/") {
		return "weapp"
	}
	if strings.HasSuffix(path, ".flv") {
		return "flv"
	}
	return "page"
}
