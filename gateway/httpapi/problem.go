package httpapi

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hutong/bridge/stream"
	"hutong/sfu"
)

// problem is an RFC 9457 body, which WHIP and WHEP errors carry.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

func sendProblem(c *fiber.Ctx, status int, title, detail string) error {
	c.Status(status)
	if err := c.JSON(problem{Type: "about:blank", Title: title, Status: status, Detail: detail}); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return nil
}

// apiError is the body of errors under /api.
func apiError(c *fiber.Ctx, status int, code, message string) error {
	return c.Status(status).JSON(fiber.Map{"error": fiber.Map{"code": code, "message": message}})
}

// refusal is how an error of the media floors is told over HTTP.
type refusal struct {
	status int
	title  string
	reason string // the metric's label
}

func refusalOf(err error) refusal {
	switch {
	case errors.Is(err, stream.ErrBadName):
		return refusal{fiber.StatusBadRequest, "Bad stream name", "bad_name"}
	case errors.Is(err, stream.ErrNotFound):
		return refusal{fiber.StatusNotFound, "No such stream", "not_found"}
	case errors.Is(err, stream.ErrInUse):
		return refusal{fiber.StatusConflict, "Stream name in use", "in_use"}
	case errors.Is(err, stream.ErrTooMany):
		return refusal{fiber.StatusServiceUnavailable, "Full", "too_many"}
	case errors.Is(err, stream.ErrClosed), errors.Is(err, sfu.ErrClosed):
		return refusal{fiber.StatusServiceUnavailable, "Shutting down", "draining"}
	case errors.Is(err, sfu.ErrNoH264):
		return refusal{fiber.StatusNotAcceptable, "No H.264 in the offer", "no_h264"}
	case errors.Is(err, sfu.ErrBadOffer):
		return refusal{fiber.StatusBadRequest, "Bad offer", "bad_offer"}
	}
	for _, r := range roomErrors {
		if errors.Is(err, r.err) {
			return refusal{r.status, "Refused", r.code}
		}
	}
	return refusal{fiber.StatusInternalServerError, "Internal error", "internal"}
}

// refuse answers with a problem, counts it, and logs what is the gateway's own
// fault.
func (s *Server) refuse(c *fiber.Ctx, protocol string, err error) error {
	r, ok := denied(c, err)
	if !ok {
		r = refusalOf(err)
	}
	s.Metrics.Refused.WithLabelValues(protocol, r.reason).Inc()
	level := s.Log.Info
	if r.status == fiber.StatusInternalServerError {
		level = s.Log.Error
	}
	level("refused", "protocol", protocol, "path", c.Path(), "remote", c.Context().RemoteAddr().String(), "reason", r.reason, "error", err)
	if r.status == fiber.StatusServiceUnavailable {
		c.Set(fiber.HeaderRetryAfter, "2")
	}
	return sendProblem(c, r.status, r.title, err.Error())
}

// onError answers what fiber itself refuses: bodies too large, requests that
// cannot be read, panics.
func (s *Server) onError(c *fiber.Ctx, err error) error {
	status, code, detail := fiber.StatusInternalServerError, "internal", "internal error; the gateway's log says more"
	var fe *fiber.Error
	if errors.As(err, &fe) {
		status, code, detail = fe.Code, "bad_request", fe.Message
	} else {
		s.Log.Error("request failed", "path", c.Path(), "error", err)
	}
	switch status {
	case fiber.StatusRequestEntityTooLarge:
		answersEarly(c.Context().Conn())
		code, detail = "too_large", fmt.Sprintf("the body is too large; send at most %d bytes, or raise http.max_body", s.Config.HTTP.MaxBody.Bytes())
	case fiber.StatusRequestTimeout:
		code = "timeout"
	}
	if s.Weapp != nil && s.Weapp.Owns(c.Path()) {
		return s.Weapp.Refuse(c, status, detail)
	}
	if strings.HasPrefix(c.Path(), "/api/") {
		return apiError(c, status, code, detail)
	}
	return sendProblem(c, status, "Request failed", detail)
}
