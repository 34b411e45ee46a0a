package httpapi

import (
	_ "embed"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/gofiber/fiber/v2"

	"hutong/docs"
)

// viewer shows the description of the API. It is one page without any other
// file, so that it works where there is no Internet.
//
//go:embed viewer.html
var viewer []byte

// docRoutes serves the description of the API: as YAML for tools, as JSON for
// the viewer, and the viewer.
func (s *Server) docRoutes() {
	description, err := yaml.YAMLToJSON(docs.OpenAPI)
	if err != nil {
		panic(fmt.Sprintf("docs/openapi.yaml, which is part of this binary, is not YAML: %v", err))
	}
	serve := func(path, contentType string, body []byte) {
		s.app.Get(path, func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderCacheControl, "no-cache")
			c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
			c.Set(fiber.HeaderContentType, contentType)
			if path == "/api/docs" {
				c.Set(fiber.HeaderContentSecurityPolicy, "default-src 'none'; connect-src 'self'; script-src 'unsafe-inline'; "+
					"style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
			}
			return c.Send(body)
		})
	}
	serve("/api/openapi.yaml", "application/yaml; charset=utf-8", docs.OpenAPI)
	serve("/api/openapi.json", "application/json", description)
	serve("/api/docs", "text/html; charset=utf-8", viewer)
}
