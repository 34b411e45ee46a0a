package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"reflect"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/room"
)

// roomJSON is a room in answers.
type roomJSON struct {
	RoomID    string       `json:"roomID"`
	Name      string       `json:"name"`
	Capacity  int          `json:"capacity"`
	CreatedAt time.Time    `json:"createdAt"`
	Revision  uint64       `json:"revision"`
	Recording string       `json:"recording,omitempty"`
	Members   []memberJSON `json:"members"`
}

type memberJSON struct {
	room.Member
	Play playJSON `json:"play"`
}

type playJSON struct {
	RTMP string `json:"rtmp"`
	FLV  string `json:"flv"`
	WHEP string `json:"whep"`
}

type pushJSON struct {
	RTMP string `json:"rtmp"`
	WHIP string `json:"whip"`
}

type iceServerJSON struct {
	URLs       []string `json:"urls"`
	Username   string   `json:"username,omitempty"`
	Credential string   `json:"credential,omitempty"`
}

// joinJSON is what a new member gets.
type joinJSON struct {
	Token   string          `json:"token"`
	Stream  string          `json:"stream"`
	Push    pushJSON        `json:"push"`
	WS      string          `json:"ws"`
	ICE     []iceServerJSON `json:"iceServers"`
	Members []memberJSON    `json:"members"`
}

type sayingJSON struct {
	From string          `json:"from"`
	To   string          `json:"to"`
	Type room.Kind       `json:"type"`
	Text string          `json:"text"`
	Data json.RawMessage `json:"data"`
}

// addresses are where clients find streams. A token, if there is one, is part of
// those that players open without headers.
type addresses struct{ http, rtmp, token string }

func (s *Server) addresses(c *fiber.Ctx) addresses {
	base := s.Config.HTTP.PublicURL
	if base == "" {
		base = c.BaseURL()
	}
	return addresses{http: base, rtmp: rtmpURL(hostOf(base), s.Config.RTMP.Address)}
}

func (a addresses) query() string {
	if a.token == "" {
		return ""
	}
	return "?token=" + a.token
}

func (a addresses) rtmpOf(stream string) string { return a.rtmp + "/" + stream + a.query() }

func (a addresses) describe(members []room.Member) []memberJSON {
	out := make([]memberJSON, len(members))
	for i, m := range members {
		out[i] = memberJSON{m, playJSON{RTMP: a.rtmpOf(m.Stream), FLV: a.http + "/" + m.Stream + ".flv" + a.query(), WHEP: a.http + "/whep/" + m.Stream}}
	}
	return out
}

func (s *Server) describeRoom(c *fiber.Ctx, v room.View) roomJSON {
	return roomJSON{RoomID: v.RoomID, Name: v.Name, Capacity: v.Capacity, CreatedAt: v.CreatedAt, Revision: v.Revision, Recording: v.Recording,
		Members: s.addresses(c).describe(v.Members)}
}

func (s *Server) iceServers() []iceServerJSON {
	out := []iceServerJSON{}
	for _, i := range s.live().WebRTC.ICEServers {
		out = append(out, iceServerJSON(i))
	}
	return out
}

// maxCall bounds the body of a call in bytes: the longest message, however it is
// escaped, takes less.
const maxCall = 48 << 10

// decodeJSON reads the body of a call. Fields nobody knows are passed over, for
// those who are newer than this gateway; a value of another type is refused by
// the name of its field. none says that the body may be missing.
func decodeJSON(c *fiber.Ctx, into any, none bool) error {
	body := c.Body()
	if len(body) > maxCall {
		return &callError{fiber.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the body is %d bytes long; send at most %d", len(body), maxCall)}
	}
	if none && len(body) == 0 {
		return nil
	}
	if t, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType)); err != nil || t != fiber.MIMEApplicationJSON {
		return &callError{fiber.StatusUnsupportedMediaType, "unsupported_media_type",
			fmt.Sprintf("Content-Type %q; send application/json", clip(c.Get(fiber.HeaderContentType)))}
	}
	if trimmed := bytes.TrimSpace(body); len(trimmed) == 0 || trimmed[0] != '{' {
		return badJSON("the body is not a JSON object")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(into); err != nil {
		return badJSON(reasonOf(err))
	}
	if _, err := d.Token(); err != io.EOF {
		return badJSON("something follows the JSON object; send one object")
	}
	return nil
}

// reasonOf says what is wrong in the words of JSON rather than of Go.
func reasonOf(err error) string {
	var typ *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &typ):
		want := "a string"
		switch typ.Type.Kind() {
		case reflect.Int:
			want = "a whole number"
		case reflect.Struct:
			want = "an object"
		}
		return fmt.Sprintf("%s is a JSON %s; send %s", typ.Field, strings.TrimSuffix(typ.Value, " "), want)
	case errors.As(err, &syntax):
		return fmt.Sprintf("the body is not JSON from byte %d on: %v", syntax.Offset, err)
	}
	return "the body is not JSON: " + err.Error()
}

func badJSON(message string) error {
	return &callError{fiber.StatusBadRequest, "bad_json", message}
}

// clip shortens what a caller sent for the error that names it.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
