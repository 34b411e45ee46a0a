package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/auth"
	calling "hutong/gateway/call"
	"hutong/gateway/desk"
	"hutong/gateway/store"
)

// agentCookie holds an agent's log-in.
const agentCookie = "hutong_agent"

// csrfHeader carries what proves that a request comes from the desk's own page.
const csrfHeader = "X-CSRF-Token"

func (s *Server) deskRoutes() {
	if s.Desk == nil {
		return
	}
	s.deskSockets()
	for _, r := range []struct {
		path    string
		methods map[string]roomCall
	}{
		{"/api/v1/queues", map[string]roomCall{"GET": (*Server).listQueues}},
		{"/api/v1/queues/:queue", map[string]roomCall{"GET": (*Server).getQueue}},
		{"/api/v1/queues/:queue/calls", map[string]roomCall{"POST": (*Server).placeCall}},
		{"/api/v1/queues/:queue/callbacks", map[string]roomCall{"POST": (*Server).askCallback}},
		{"/api/v1/callbacks", map[string]roomCall{"GET": (*Server).listCallbacks}},
		{"/api/v1/callbacks/:callbackID", map[string]roomCall{"PUT": (*Server).settleCallback}},
		{"/api/v1/calls", map[string]roomCall{"GET": (*Server).listCalls}},
		{"/api/v1/calls/:callID", map[string]roomCall{"GET": (*Server).getCall}},
		{"/api/v1/calls/:callID/join", map[string]roomCall{"POST": (*Server).joinCall}},
		{"/api/v1/calls/:callID/hangup", map[string]roomCall{"POST": (*Server).hangUp}},
		{"/api/v1/calls/:callID/rating", map[string]roomCall{"POST": (*Server).rateCall}},
		{"/api/v1/calls/:callID/notes", map[string]roomCall{"PUT": (*Server).noteCall}},
		{"/api/v1/calls/:callID/quality", map[string]roomCall{"GET": (*Server).callQuality}},
		{"/api/v1/calls/:callID/transfer/:what", map[string]roomCall{"POST": (*Server).settleTransfer}},
		{"/api/v1/calls/:callID/:action", map[string]roomCall{"POST": (*Server).act}},
		{"/api/v1/agent/login", map[string]roomCall{"POST": (*Server).login}},
		{"/api/v1/agent/logout", map[string]roomCall{"POST": (*Server).logout}},
		{"/api/v1/agent/me", map[string]roomCall{"GET": (*Server).me}},
		{"/api/v1/agent/state", map[string]roomCall{"PUT": (*Server).setState}},
		{"/api/v1/agent/oidc/login", map[string]roomCall{"GET": (*Server).oidcLogin}},
		{desk.OIDCCallback, map[string]roomCall{"GET": (*Server).oidcCallback}},
		{"/api/v1/agents", map[string]roomCall{"GET": (*Server).listAgents}},
		{"/api/v1/agents/:agentID/state", map[string]roomCall{"PUT": (*Server).setAgentState}},
		{"/api/v1/history", map[string]roomCall{"GET": (*Server).searchHistory}},
		{"/api/v1/history.csv", map[string]roomCall{"GET": (*Server).exportHistory}},
		{"/api/v1/history/:callID", map[string]roomCall{"GET": (*Server).getRecord}},
		{"/api/v1/audit", map[string]roomCall{"GET": (*Server).auditLog}},
		{"/api/v1/desk/stats", map[string]roomCall{"GET": (*Server).deskStats}},
	} {
		allow := "OPTIONS"
		for _, method := range []string{"GET", "POST", "PUT"} {
			if call := r.methods[method]; call != nil {
				allow += ", " + method
				s.app.Add(method, r.path, s.deskCall(call))
			}
		}
		s.app.All(r.path, func(c *fiber.Ctx) error {
			c.Set(fiber.HeaderAllow, allow)
			if c.Method() == fiber.MethodOptions {
				return c.SendStatus(fiber.StatusNoContent)
			}
			return apiError(c, fiber.StatusMethodNotAllowed, "method_not_allowed", c.Method()+" does nothing here; use "+allow)
		})
	}
}

func (s *Server) deskCall(do roomCall) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(context.Background(), roomCallTimeout)
		defer cancel()
		c.Set(fiber.HeaderCacheControl, "no-store")
		if err := do(s, ctx, c); err != nil {
			return s.refuseRoomCall(c, deskError(err))
		}
		return nil
	}
}

// deskErrors are the errors of the desk as REST tells them.
var deskErrors = []struct {
	err    error
	status int
	code   string
}{
	{desk.ErrNoQueue, fiber.StatusNotFound, "queue_not_found"},
	{desk.ErrClosed, fiber.StatusConflict, "queue_closed"},
	{desk.ErrFull, fiber.StatusConflict, "queue_full"},
	{desk.ErrNoCallback, fiber.StatusConflict, "no_callbacks"},
	{desk.ErrOtherCall, fiber.StatusConflict, "busy"},
	{desk.ErrNoAgent, fiber.StatusNotFound, "agent_not_found"},
	{desk.ErrNoRight, fiber.StatusForbidden, "no_right"},
	{desk.ErrWrongPassword, fiber.StatusUnauthorized, "wrong_password"},
	{desk.ErrLoggedOut, fiber.StatusUnauthorized, "logged_out"},
	{desk.ErrCSRF, fiber.StatusForbidden, "csrf"},
	{desk.ErrNoProvider, fiber.StatusNotFound, "no_provider"},
	{desk.ErrProvider, fiber.StatusForbidden, "provider"},
	{desk.ErrTooOften, fiber.StatusTooManyRequests, "too_many"},
	{calling.ErrBusy, fiber.StatusConflict, "busy"},
	{calling.ErrWrongState, fiber.StatusConflict, "wrong_state"},
	{calling.ErrMoved, fiber.StatusConflict, "wrong_state"},
	{calling.ErrNotYours, fiber.StatusConflict, "wrong_state"},
	{calling.ErrFull, fiber.StatusConflict, "wrong_state"},
	{calling.ErrBadID, fiber.StatusBadRequest, "bad_id"},
	{calling.ErrBadData, fiber.StatusBadRequest, "bad_value"},
	{store.ErrNotFound, fiber.StatusNotFound, "call_not_found"},
}

func deskError(err error) error {
	for _, d := range deskErrors {
		if errors.Is(err, d.err) {
			return &callError{d.status, d.code, err.Error()}
		}
	}
	return err
}

// staff is who makes a call that callers may not make: an agent who is logged
// in, or a back end.
type staff struct {
	desk.Login
	backend string // the key's name for logs; empty for agents
	remote  string
}

// all says whether everything may be seen.
func (p staff) all() bool { return p.backend != "" || p.Supervises() }

func (p staff) name() string {
	if p.backend != "" {
		return p.backend
	}
	return "agent:" + p.AgentID
}

// staff asks who calls. A cookie counts only where no key is shown.
func (s *Server) staff(ctx context.Context, c *fiber.Ctx) (staff, error) {
	remote := c.Context().RemoteAddr().String()
	if bearer(c) == "" && c.Cookies(agentCookie) != "" {
		l, err := s.agent(ctx, c)
		return staff{Login: l, remote: remote}, err
	}
	g, err := s.permit(c, auth.Request{Action: auth.Admin, Protocol: "rest"})
	return staff{backend: g.Subject, remote: remote}, err
}

// agent asks for an agent who is logged in. Requests that change something prove
// that they come from the desk's page.
func (s *Server) agent(ctx context.Context, c *fiber.Ctx) (desk.Login, error) {
	l, err := s.Desk.LoggedIn(ctx, c.Cookies(agentCookie))
	if err != nil {
		return desk.Login{}, err
	}
	if c.Method() != fiber.MethodGet && c.Method() != fiber.MethodHead {
		if err := l.CheckCSRF(c.Get(csrfHeader)); err != nil {
			return desk.Login{}, err
		}
	}
	return l, nil
}

// supervisor asks for somebody who may see everything.
func (s *Server) supervisor(ctx context.Context, c *fiber.Ctx) (staff, error) {
	p, err := s.staff(ctx, c)
	if err == nil && !p.all() {
		err = fmt.Errorf("%w: this takes a supervisor", desk.ErrNoRight)
	}
	return p, err
}

// administers lets admins of the desk make the gateway's own reads.
func (s *Server) administers(c *fiber.Ctx) bool {
	if s.Desk == nil || c.Method() != fiber.MethodGet || bearer(c) != "" || c.Cookies(agentCookie) == "" {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), roomCallTimeout)
	defer cancel()
	l, err := s.Desk.LoggedIn(ctx, c.Cookies(agentCookie))
	return err == nil && l.Administers()
}

// pageOf reads limit and cursor.
func pageOf(c *fiber.Ctx, good func(cursor string) bool) (limit int, cursor string, err error) {
	limit = defaultPage
	if q := c.Query("limit"); q != "" {
		n, err := strconv.Atoi(q)
		if err != nil || n < 1 || n > maxPage {
			return 0, "", &callError{fiber.StatusBadRequest, "bad_limit", "limit " + strconv.Quote(clip(q)) + " is not a number from 1 to " + strconv.Itoa(maxPage)}
		}
		limit = n
	}
	cursor = c.Query("cursor")
	if cursor != "" && !good(cursor) {
		return 0, "", &callError{fiber.StatusBadRequest, "bad_cursor", "cursor " + strconv.Quote(clip(cursor)) + " is none that this gateway gave; begin without one"}
	}
	return limit, cursor, nil
}

// joined is what somebody who takes part in a call needs to be in its room. The
// addresses have the token in them also where access is open: it says who plays.
func (s *Server) joined(c *fiber.Ctx, p desk.Place) (joinJSON, error) {
	token, err := s.Auth.MemberToken(auth.MemberClaims{RoomID: p.Call.CallID, UserID: p.Member.UserID, Role: string(p.Member.Role), Stream: p.Member.Stream})
	if err != nil {
		return joinJSON{}, err
	}
	a := s.addresses(c)
	a.token = token
	return joinJSON{
		Token: token, Stream: p.Member.Stream,
		Push: pushJSON{RTMP: a.rtmpOf(p.Member.Stream), WHIP: a.http + "/whip/" + p.Member.Stream},
		WS:   wsOf(a.http) + "/api/v1/ws?token=" + token,
		ICE:  s.iceServers(), Members: a.describe(s.Desk.Shown(p.View, p.Member.UserID).Members),
	}, nil
}

func wsOf(base string) string { return "ws" + strings.TrimPrefix(base, "http") }

// instant reads a time of the query; missing is zero.
func instant(c *fiber.Ctx, name string) (time.Time, error) {
	q := c.Query(name)
	if q == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, q)
	if err != nil {
		return time.Time{}, &callError{fiber.StatusBadRequest, "bad_value", name + " " + strconv.Quote(clip(q)) + " is not a time like 2026-01-02T15:04:05Z"}
	}
	return t, nil
}
