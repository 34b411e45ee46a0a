package httpapi

import (
	"io/fs"
	"mime"
	"path"
	"strings"

	"github.com/gofiber/fiber/v2"
)

// pages are the addresses of what has no name of its own.
var pages = map[string]string{"": "index.html", "agent": "agent.html", "caller": "caller.html"}

// page serves the built page. Files under assets/ carry a hash of their content
// in the name and may be kept for ever; the rest is asked for anew.
func (s *Server) page(c *fiber.Ctx) error {
	name := strings.TrimPrefix(path.Clean("/"+c.Path()), "/")
	if name != "" && pages[name] != "" && c.Path() == "/"+name+"/" {
		// A page's own addresses are relative to its directory.
		to := "../" + name
		if q := c.Context().QueryArgs(); q.Len() > 0 {
			to += "?" + q.String()
		}
		return c.Redirect(to, fiber.StatusMovedPermanently)
	}
	if found, ok := pages[name]; ok {
		name = found
	}
	if s.Page == nil {
		return sendProblem(c, fiber.StatusNotFound, "No page in this binary", "build it with `make build`")
	}
	body, err := fs.ReadFile(s.Page, name)
	if err != nil {
		if path.Ext(name) == ".html" {
			return sendProblem(c, fiber.StatusNotFound, "No page in this binary", "build it with `make build`")
		}
		return sendProblem(c, fiber.StatusNotFound, "Not found", "nothing is served at "+c.Path())
	}
	if strings.HasPrefix(name, "assets/") {
		c.Set(fiber.HeaderCacheControl, "public, max-age=31536000, immutable")
	} else {
		c.Set(fiber.HeaderCacheControl, "no-cache")
	}
	if name == "agent.html" {
		// Agents act by single keys and presses: no other site may lay itself around the console.
		c.Set(fiber.HeaderContentSecurityPolicy, "frame-ancestors 'none'")
	}
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		c.Set(fiber.HeaderContentType, t)
	}
	return c.Send(body)
}
