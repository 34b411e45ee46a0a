package httpapi

import (
	"strings"

	"github.com/gofiber/fiber/v2/middleware/adaptor"
	"github.com/gofiber/fiber/v2/middleware/pprof"
)

// operate adds what only operators read.
func (s *Server) operate() {
	if s.Config.Metrics.Enabled {
		s.app.Get("/metrics", adaptor.HTTPHandler(s.Metrics.Handler()))
	}
	if s.Config.Pprof.Enabled {
		s.app.Use(pprof.New())
	}
}

// routeGroup names a request's kind for metrics: one of a few words, never a
// name that a client chose.
func routeGroup(path string) string {
	for _, g := range []string{"/whip/", "/whep/", "/api/", "/healthz", "/readyz", "/metrics", "/debug/", "/assets/"} {
		if strings.HasPrefix(path, g) {
			return strings.Trim(g, "/")
		}
	}
	if strings.HasSuffix(path, ".flv") {
		return "flv"
	}
	return "page"
}
