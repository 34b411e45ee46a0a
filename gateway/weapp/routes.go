package weapp

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/room"
)

// answer is what stands beside code and message.
type answer = fiber.Map

// command answers one call. What it returns as an error is told to the client.
type command struct {
	do func(s *Service, k *call) (answer, error)
	// anybody may call it, without a token.
	anybody bool
	// noRoom is the code for a room that there is not; 0 is codeNoRoom.
	noRoom int
	// bare answers have no code and message.
	bare bool
}

// utils are GET, all others POST.
var utils = map[string]command{
	"get_login_info":      {do: (*Service).loginInfo, anybody: true},
	"get_test_pushurl":    {do: (*Service).testPushURL, anybody: true, bare: true},
	"get_test_rtmpaccurl": {do: (*Service).testPlayURL, anybody: true, bare: true},
}

// report is the one of utils that is posted: telemetry that goes nowhere.
const report = "report"

// roomService are the commands of double_room, multi_room and live_room.
var roomService = map[string]command{
	"login":            {do: (*Service).login, anybody: true},
	"logout":           {do: (*Service).logout},
	"get_push_url":     {do: (*Service).pushURL},
	"get_room_list":    {do: (*Service).roomList},
	"create_room":      {do: (*Service).createRoom},
	"add_pusher":       {do: (*Service).addPusher},
	"delete_pusher":    {do: (*Service).deletePusher, noRoom: codeNotMember},
	"pusher_heartbeat": {do: (*Service).heartbeat, noRoom: codeNotMember},
	"get_pushers":      {do: (*Service).pushers},
	"destroy_room":     {do: (*Service).destroyRoom},
}

var liveRoom = map[string]command{
	"merge_stream":     {do: (*Service).mergeStream},
	"add_audience":     {do: (*Service).addAudience},
	"delete_audience":  {do: (*Service).deleteAudience},
	"get_audiences":    {do: (*Service).audiences},
	"set_custom_field": {do: (*Service).setCustomField},
	"get_custom_info":  {do: (*Service).customInfo},
}

var webrtcRoom = map[string]command{
	"get_login_info":   {do: (*Service).webrtcLoginInfo, anybody: true},
	"create_room":      {do: (*Service).webrtcCreate, anybody: true},
	"enter_room":       {do: (*Service).webrtcEnter, anybody: true},
	"quit_room":        {do: (*Service).webrtcQuit, anybody: true},
	"heartbeat":        {do: (*Service).webrtcHeartbeat, anybody: true},
	"get_room_list":    {do: (*Service).webrtcList, anybody: true},
	"get_room_members": {do: (*Service).webrtcMembers, anybody: true},
}

// SignaturePath is where the original webrtc-room asks for the room signature.
const SignaturePath = "/v4/openim/jsonvideoapp"

// Mount adds the API to an app.
func (s *Service) Mount(app *fiber.App) {
	app.Get(s.c.Path+"/ws", s.upgrade())
	for _, path := range []string{SignaturePath, s.c.Path + SignaturePath} {
		app.Post(path, s.signature)
		app.Options(path, func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusNoContent) })
	}
	app.All(s.c.Path+"/*", s.serve)
}

// Owns says whether a path is this API's.
func (s *Service) Owns(path string) bool {
	return strings.HasPrefix(path, s.c.Path+"/") || path == SignaturePath
}

// Refuse answers what the server itself refuses, in a form that the clients do
// not take for a success.
func (s *Service) Refuse(c *fiber.Ctx, status int, message string) error {
	if status == fiber.StatusRequestEntityTooLarge {
		return s.fail(c, tooLarge())
	}
	return s.fail(c, &failure{status: status, code: status, message: message})
}

func (s *Service) serve(c *fiber.Ctx) error {
	if c.Method() == fiber.MethodOptions {
		return c.SendStatus(fiber.StatusNoContent)
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	service, name, _ := strings.Cut(strings.TrimPrefix(c.Path(), s.c.Path+"/"), "/")
	cmd, ok := s.command(service, name, c.Method())
	if !ok {
		return s.fail(c, &failure{status: fiber.StatusNotFound, code: fiber.StatusNotFound, message: "no such endpoint: " + c.Method() + " " + clip(c.Path())})
	}
	ctx, cancel := s.timeout()
	defer cancel()
	k := &call{c: c, ctx: ctx, service: service, missing: codeMissing}
	if service == room.WebRTCRoom {
		k.missing = codeMissingWebRTC
	}
	k.query, _ = url.ParseQuery(string(c.Request().URI().QueryString()))
	out, err := s.do(k, cmd)
	if err == nil {
		if out == nil {
			out = answer{}
		}
		if !cmd.bare {
			out["code"], out["message"] = 0, ""
		}
		return sendJSON(c, out)
	}
	noRoom := codeNoRoom
	if cmd.noRoom != 0 {
		noRoom = cmd.noRoom
	}
	f := failureOf(err, noRoom)
	switch {
	case f.code == codeInternal:
		s.o.Log.Error("mini-program call failed", "call", service+"/"+name, "error", err)
	case !errors.As(err, new(*failure)):
		s.o.Log.Debug("mini-program call refused", "call", service+"/"+name, "code", f.code, "error", err)
	}
	return s.fail(c, f)
}

func (s *Service) command(service, name, method string) (command, bool) {
	if service == "utils" {
		if name == report && method == fiber.MethodPost {
			return command{do: func(*Service, *call) (answer, error) { return nil, nil }, anybody: true}, true
		}
		cmd, ok := utils[name]
		return cmd, ok && method == fiber.MethodGet
	}
	if method != fiber.MethodPost || !s.services[service] {
		return command{}, false
	}
	if service == room.WebRTCRoom {
		cmd, ok := webrtcRoom[name]
		return cmd, ok
	}
	cmd, ok := roomService[name]
	if !ok && service == room.LiveRoom {
		cmd, ok = liveRoom[name]
	}
	return cmd, ok
}

func (s *Service) do(k *call, cmd command) (answer, error) {
	if cmd.anybody && !s.calls.Allow(k.address()) {
		return nil, errTooOften
	}
	if k.c.Method() == fiber.MethodPost {
		if f := k.read(); f != nil {
			return nil, f
		}
	}
	if !cmd.anybody {
		if err := s.authenticate(k); err != nil {
			return nil, err
		}
		if !s.calls.Allow("user " + k.userID) {
			return nil, errTooOften
		}
	}
	return cmd.do(s, k)
}

func (s *Service) authenticate(k *call) error {
	userID, token := k.query.Get("userID"), k.query.Get("token")
	if userID == "" || token == "" {
		return deny("log in first: userID and token belong into the query")
	}
	ok, err := s.accounts.knows(k.ctx, userID, token, s.o.Now())
	if err != nil {
		return err
	}
	if !ok {
		return deny("log in again: the token is not %s's, or another login has replaced it", clip(userID))
	}
	k.userID = userID
	return nil
}

// fail answers no. Clients take whatever is no JSON with a code for a success.
func (s *Service) fail(c *fiber.Ctx, f *failure) error {
	if f.reason != "" {
		s.o.Refused(f.reason)
	}
	if f.status != 0 {
		c.Status(f.status)
	}
	return sendJSON(c, answer{"code": f.code, "message": f.message})
}

// sendJSON leaves & in addresses as it is, for people who look.
func sendJSON(c *fiber.Ctx, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMEApplicationJSON)
	return c.Send(b.Bytes())
}
