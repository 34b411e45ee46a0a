package weapp

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"mime"
	"net/url"
	"unicode/utf8"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/auth"
)

// MaxBody bounds the body of a call in bytes.
const MaxBody = 1 << 20

// call is one request.
type call struct {
	c       *fiber.Ctx
	ctx     context.Context
	service string // such as live_room
	userID  string // who acts, where the token says so
	query   url.Values
	body    map[string]json.RawMessage
	missing int // the code for a field that is missing or of the wrong type
}

// read takes a body: a JSON object of application/json.
func (k *call) read() *failure {
	body := k.c.Body()
	if len(body) > MaxBody {
		return tooLarge()
	}
	if t, _, err := mime.ParseMediaType(k.c.Get(fiber.HeaderContentType)); err != nil || t != fiber.MIMEApplicationJSON {
		return &failure{status: fiber.StatusUnsupportedMediaType, code: k.missing, message: "send application/json"}
	}
	trimmed := bytes.TrimSpace(body)
	if len(trimmed) == 0 || trimmed[0] != '{' || json.Unmarshal(trimmed, &k.body) != nil {
		return &failure{status: fiber.StatusBadRequest, code: k.missing, message: "the body is not a JSON object"}
	}
	return nil
}

func tooLarge() *failure {
	return &failure{status: fiber.StatusRequestEntityTooLarge, code: codeMissing, message: "the body is longer than 1 MiB"}
}

// has says whether a field is there and not null.
func (k *call) has(field string) bool {
	raw, there := k.body[field]
	return there && string(raw) != "null"
}

// text reads a field that must be there.
func (k *call) text(field string) (string, error) {
	if !k.has(field) {
		return "", refuse(k.missing, "%s is missing", field)
	}
	return k.optional(field)
}

// optional reads a field that may be missing.
func (k *call) optional(field string) (string, error) {
	if !k.has(field) {
		return "", nil
	}
	var s string
	if json.Unmarshal(k.body[field], &s) != nil {
		return "", refuse(k.missing, "%s is not a text", field)
	}
	return s, nil
}

// number reads a whole number from 0, or the one it is unless given.
func (k *call) number(field string, unless int, must bool) (int, error) {
	if !k.has(field) {
		if must {
			return 0, refuse(k.missing, "%s is missing", field)
		}
		return unless, nil
	}
	var f float64
	if json.Unmarshal(k.body[field], &f) != nil || f != math.Trunc(f) || f < 0 || f > math.MaxInt32 {
		return 0, refuse(k.missing, "%s is not a whole number from 0", field)
	}
	return int(f), nil
}

// address is what calls without a login are counted by.
func (k *call) address() string { return auth.AddressKey(k.c.Context().RemoteAddr().String()) }

// clip shortens what a caller sent for the text that names it.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	for n := most; ; n-- {
		if utf8.RuneStart(s[n]) {
			return s[:n] + "..."
		}
	}
}
