package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"hutong/bridge/record"
	"hutong/gateway/auth"
	"hutong/gateway/desk"
	"hutong/gateway/recording"
)

const (
	recordingsPath = "/api/v1/recordings"
	recordingPath  = recordingsPath + "/:recordingID"
	// verifyTimeout bounds the reading of a whole recording.
	verifyTimeout = 10 * time.Minute
)

func (s *Server) recordingRoutes() {
	if s.Recording == nil {
		return
	}
	s.app.Get(recordingPath+"/files/:name", s.recordingFile)
	s.app.Head(recordingPath+"/files/:name", s.recordingFile)
	for _, r := range []struct {
		path    string
		methods map[string]roomCall
	}{
		{recordingsPath, map[string]roomCall{"GET": (*Server).listRecordings, "POST": (*Server).startRecording}},
		{recordingsPath + "/status", map[string]roomCall{"GET": (*Server).recordingStatus}},
		{recordingPath, map[string]roomCall{"GET": (*Server).getRecording, "DELETE": (*Server).deleteRecording}},
		{recordingPath + "/stop", map[string]roomCall{"POST": (*Server).stopRecording}},
		{recordingPath + "/pause", map[string]roomCall{"POST": (*Server).pauseRecording}},
		{recordingPath + "/resume", map[string]roomCall{"POST": (*Server).resumeRecording}},
		{recordingPath + "/hold", map[string]roomCall{"POST": (*Server).holdRecording}},
		{recordingPath + "/verify", map[string]roomCall{"POST": (*Server).verifyRecording}},
		{recordingPath + "/links", map[string]roomCall{"POST": (*Server).linkRecording}},
		{recordingPath + "/audit", map[string]roomCall{"GET": (*Server).auditRecording}},
		{recordingPath + "/composites", map[string]roomCall{"POST": (*Server).composeRecording}},
		{recordingPath + "/composites/:compositeID", map[string]roomCall{"DELETE": (*Server).discardComposite}},
	} {
		for method, call := range r.methods {
			s.app.Add(method, r.path, s.recordingCall(call))
		}
		s.app.All(r.path, otherMethods(r.methods))
	}
}

func (s *Server) recordingCall(do roomCall) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(context.Background(), roomCallTimeout)
		defer cancel()
		c.Set(fiber.HeaderCacheControl, "no-store")
		if err := do(s, ctx, c); err != nil {
			return s.refuseRoomCall(c, recordingError(err))
		}
		return nil
	}
}

// recordingErrors are the errors of recordings as REST tells them.
var recordingErrors = []struct {
	err    error
	status int
	code   string
}{
	{recording.ErrNotFound, fiber.StatusNotFound, "recording_not_found"},
	{recording.ErrState, fiber.StatusConflict, "wrong_state"},
	{recording.ErrHeld, fiber.StatusConflict, "held"},
	{recording.ErrElsewhere, fiber.StatusMisdirectedRequest, "other_node"},
	{recording.ErrNothing, fiber.StatusNotFound, "stream_not_found"},
	{recording.ErrBad, fiber.StatusBadRequest, "bad_request"},
	{recording.ErrNoFFmpeg, fiber.StatusServiceUnavailable, "no_ffmpeg"},
	{record.ErrDiskFull, fiber.StatusInsufficientStorage, "disk_full"},
	{record.ErrEnded, fiber.StatusConflict, "wrong_state"},
}

func recordingError(err error) error {
	for _, r := range recordingErrors {
		if errors.Is(err, r.err) {
			return &callError{r.status, r.code, err.Error()}
		}
	}
	return deskError(err)
}

// records asks who calls: a back end, or somebody of the desk. supervise says that
// it takes more than an agent.
func (s *Server) records(ctx context.Context, c *fiber.Ctx, supervise bool) (staff, error) {
	if s.Desk == nil {
		g, err := s.permit(c, auth.Request{Action: auth.Admin, Protocol: "rest"})
		return staff{backend: g.Subject, remote: c.Context().RemoteAddr().String()}, err
	}
	p, err := s.staff(ctx, c)
	if err == nil && supervise && !p.all() {
		err = fmt.Errorf("%w: this takes a supervisor", desk.ErrNoRight)
	}
	return p, err
}

// orders asks whether somebody may begin, pause and end a recording: an agent may
// those of their own calls.
func (s *Server) orders(ctx context.Context, c *fiber.Ctx, callID string) (staff, error) {
	p, err := s.records(ctx, c, false)
	if err != nil || p.all() {
		return p, err
	}
	if call, err := s.Desk.Call(callID); err == nil && call.AgentID == p.AgentID {
		return p, nil
	}
	return p, fmt.Errorf("%w: the call is not yours", desk.ErrNoRight)
}

func (s *Server) startRecording(ctx context.Context, c *fiber.Ctx) error {
	var body struct {
		Stream    string `json:"stream"`
		RoomID    string `json:"roomID"`
		CallID    string `json:"callID"`
		Mixed     bool   `json:"mixed"`
		KeepDays  int    `json:"keepDays"`
		Composite string `json:"composite"`
	}
	decoded := decodeJSON(c, &body, false)
	p, err := s.orders(ctx, c, body.CallID)
	if err != nil {
		return err
	}
	if decoded != nil {
		return decoded
	}
	if body.KeepDays < 0 || body.KeepDays > 36500 {
		return fmt.Errorf("%w: keepDays %d; use 0 to 36500", recording.ErrBad, body.KeepDays)
	}
	i, again, err := s.Recording.Start(ctx, recording.Order{Stream: body.Stream, RoomID: body.RoomID, CallID: body.CallID, Mixed: body.Mixed,
		Keep: time.Duration(body.KeepDays) * 24 * time.Hour, Layout: body.Composite, By: p.name()})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, recordingsPath+"/"+i.RecordingID)
	if !again {
		c.Status(fiber.StatusCreated)
	}
	return c.JSON(i)
}

func (s *Server) listRecordings(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.records(ctx, c, true); err != nil {
		return err
	}
	f := recording.Filter{RoomID: c.Query("roomID"), CallID: c.Query("callID"), User: c.Query("userID"), Agent: c.Query("agentID"),
		Queue: c.Query("queue"), Stream: c.Query("stream"), State: c.Query("state")}
	for name, into := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		if v := c.Query(name); v != "" {
			t, err := time.Parse(time.RFC3339, v)
			if err != nil {
				return fmt.Errorf("%w: %s %q is no time like 2027-01-02T15:04:05Z", recording.ErrBad, name, clip(v))
			}
			*into = t
		}
	}
	limit, err := pageLimit(c)
	if err != nil {
		return err
	}
	page, next, total, err := s.Recording.List(f, c.Query("cursor"), limit)
	if err != nil {
		return err
	}
	if page == nil {
		page = []recording.Item{}
	}
	return c.JSON(fiber.Map{"recordings": page, "next": next, "total": total})
}

func pageLimit(c *fiber.Ctx) (int, error) {
	q := c.Query("limit")
	if q == "" {
		return defaultPage, nil
	}
	n, err := strconv.Atoi(q)
	if err != nil || n < 1 || n > maxPage {
		return 0, &callError{fiber.StatusBadRequest, "bad_limit", "limit " + strconv.Quote(clip(q)) + " is not a number from 1 to " + strconv.Itoa(maxPage)}
	}
	return n, nil
}

func (s *Server) recordingStatus(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.records(ctx, c, false); err != nil {
		return err
	}
	return c.JSON(s.Recording.Status())
}

// getRecording answers with what the index has and what the manifest has: gaps,
// pauses and events.
func (s *Server) getRecording(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.records(ctx, c, true); err != nil {
		return err
	}
	i, err := s.Recording.Get(ctx, c.Params("recordingID"))
	if err != nil {
		return err
	}
	m, err := s.Recording.Manifest(ctx, i)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"recording": i, "manifest": m})
}

func (s *Server) deleteRecording(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.records(ctx, c, true)
	if err != nil {
		return err
	}
	if err := s.Recording.Delete(ctx, c.Params("recordingID"), p.name(), clip(c.Query("reason"))); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

// order changes a recording that goes on.
func (s *Server) order(ctx context.Context, c *fiber.Ctx, do func(ctx context.Context, id, by string) (recording.Item, error)) error {
	id := c.Params("recordingID")
	i, found := s.Recording.Get(ctx, id)
	p, err := s.orders(ctx, c, i.CallID)
	if err != nil {
		return err
	}
	if found != nil {
		return found
	}
	if i, err = do(ctx, id, p.name()); err != nil {
		return err
	}
	return c.JSON(i)
}

func (s *Server) stopRecording(ctx context.Context, c *fiber.Ctx) error {
	return s.order(ctx, c, s.Recording.Stop)
}

func (s *Server) pauseRecording(ctx context.Context, c *fiber.Ctx) error {
	return s.order(ctx, c, s.Recording.Pause)
}

func (s *Server) resumeRecording(ctx context.Context, c *fiber.Ctx) error {
	return s.order(ctx, c, s.Recording.Resume)
}

func (s *Server) holdRecording(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.records(ctx, c, true)
	if err != nil {
		return err
	}
	var body struct {
		Hold   *bool  `json:"hold"`
		Reason string `json:"reason"`
	}
	if err := decodeJSON(c, &body, false); err != nil {
		return err
	}
	if body.Hold == nil || len(body.Reason) > 1000 {
		return fmt.Errorf("%w: say hold: true or false, and a reason of up to 1000 bytes", recording.ErrBad)
	}
	i, err := s.Recording.Hold(ctx, c.Params("recordingID"), p.name(), body.Reason, *body.Hold)
	if err != nil {
		return err
	}
	return c.JSON(i)
}

func (s *Server) verifyRecording(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.records(ctx, c, true); err != nil {
		return err
	}
	i, err := s.Recording.Get(ctx, c.Params("recordingID"))
	if err != nil {
		return err
	}
	long, cancel := context.WithTimeout(s.players, verifyTimeout)
	defer cancel()
	v, err := s.Recording.Verify(long, i)
	if err != nil {
		return err
	}
	return c.JSON(v)
}

func (s *Server) auditRecording(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.records(ctx, c, true); err != nil {
		return err
	}
	limit, err := pageLimit(c)
	if err != nil {
		return err
	}
	page, next, err := s.Recording.Audit(ctx, c.Params("recordingID"), c.Query("cursor"), limit)
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"entries": page, "next": next})
}

func (s *Server) composeRecording(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.records(ctx, c, true)
	if err != nil {
		return err
	}
	var body struct {
		Layout string `json:"layout"`
	}
	if err := decodeJSON(c, &body, false); err != nil {
		return err
	}
	made, err := s.Recording.Compose(ctx, c.Params("recordingID"), body.Layout, p.name())
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusAccepted).JSON(made)
}

func (s *Server) discardComposite(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.records(ctx, c, true)
	if err != nil {
		return err
	}
	if err := s.Recording.Discard(ctx, c.Params("recordingID"), c.Params("compositeID"), p.name()); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
