package httpapi

import (
	"context"

	"github.com/gofiber/fiber/v2"

	calling "hutong/gateway/call"
	"hutong/gateway/desk"
	"hutong/gateway/room"
)

// acting is what an agent does to a call. It answers by itself where that is
// more than the call.
type acting func(s *Server, ctx context.Context, c *fiber.Ctx, a desk.Account, callID string) (calling.Call, error)

var acts = map[string]acting{
	"reject": func(s *Server, ctx context.Context, _ *fiber.Ctx, a desk.Account, id string) (calling.Call, error) {
		return s.Desk.Reject(ctx, a, id)
	},
	"hold": func(s *Server, ctx context.Context, _ *fiber.Ctx, a desk.Account, id string) (calling.Call, error) {
		return s.Desk.Hold(ctx, a, id, true)
	},
	"resume": func(s *Server, ctx context.Context, _ *fiber.Ctx, a desk.Account, id string) (calling.Call, error) {
		return s.Desk.Hold(ctx, a, id, false)
	},
	"leave": func(s *Server, ctx context.Context, _ *fiber.Ctx, a desk.Account, id string) (calling.Call, error) {
		return s.Desk.Leave(ctx, a, id)
	},
	"mute": func(s *Server, ctx context.Context, c *fiber.Ctx, a desk.Account, id string) (calling.Call, error) {
		var body struct {
			UserID string `json:"userID"`
			Audio  *bool  `json:"audio"`
			Video  *bool  `json:"video"`
		}
		if err := decodeJSON(c, &body, false); err != nil {
			return calling.Call{}, err
		}
		return s.Desk.Mute(ctx, a, id, body.UserID, body.Audio, body.Video)
	},
	"transfer": func(s *Server, ctx context.Context, c *fiber.Ctx, a desk.Account, id string) (calling.Call, error) {
		var body struct {
			AgentID string `json:"agentID"`
			Queue   string `json:"queue"`
			Warm    bool   `json:"warm"`
		}
		if err := decodeJSON(c, &body, false); err != nil {
			return calling.Call{}, err
		}
		return s.Desk.Transfer(ctx, a, id, body.AgentID, body.Queue, body.Warm)
	},
	"remove": func(s *Server, ctx context.Context, c *fiber.Ctx, a desk.Account, id string) (calling.Call, error) {
		var body struct {
			UserID string `json:"userID"`
		}
		if err := decodeJSON(c, &body, false); err != nil {
			return calling.Call{}, err
		}
		return s.Desk.Dismiss(ctx, a, id, body.UserID)
	},
}

// act is POST /calls/{callID}/{action} of an agent.
func (s *Server) act(ctx context.Context, c *fiber.Ctx) error {
	callID, action := c.Params("callID"), c.Params("action")
	do := acts[action]
	joins := action == "answer" || action == "supervise" || action == "invite"
	if do == nil && !joins {
		return &callError{fiber.StatusNotFound, "not_found", "no such endpoint: " + c.Path()}
	}
	l, err := s.agent(ctx, c)
	if err != nil {
		return err
	}
	if joins {
		return s.actAndJoin(ctx, c, l.Account, callID, action)
	}
	x, err := do(s, ctx, c, l.Account, callID)
	if err != nil {
		return err
	}
	return c.JSON(s.Desk.View(x))
}

func (s *Server) actAndJoin(ctx context.Context, c *fiber.Ctx, a desk.Account, callID, action string) error {
	var p desk.Place
	var err error
	switch action {
	case "answer":
		p, err = s.Desk.Answer(ctx, a, callID)
	case "supervise":
		var body struct {
			Mode calling.Mode `json:"mode"`
		}
		if err := decodeJSON(c, &body, false); err != nil {
			return err
		}
		if p, err = s.Desk.Supervise(ctx, a, callID, body.Mode); err == nil {
			err = s.Desk.Audit(ctx, desk.AuditEntry{Who: "agent:" + a.AgentID, Action: "supervise", Detail: callID + " " + string(body.Mode), Remote: c.Context().RemoteAddr().String()})
		}
	default:
		return s.invite(ctx, c, a, callID)
	}
	if err != nil {
		return err
	}
	return s.tookPart(c, p, false)
}

func (s *Server) invite(ctx context.Context, c *fiber.Ctx, a desk.Account, callID string) error {
	var body struct {
		AgentID  string      `json:"agentID"`
		NickName string      `json:"nickName"`
		Role     string      `json:"role"`
		Client   room.Client `json:"client"`
	}
	if err := decodeJSON(c, &body, false); err != nil {
		return err
	}
	if body.AgentID != "" {
		x, err := s.Desk.Invite(ctx, a, callID, body.AgentID)
		if err != nil {
			return err
		}
		return c.JSON(fiber.Map{"call": s.Desk.View(x)})
	}
	switch body.Role {
	case "":
		body.Role = "guest"
	case "supervisor", "expert", "witness", "guest":
	default:
		return &callError{fiber.StatusBadRequest, "bad_role", "role " + clip(body.Role) + "; use supervisor, expert, witness or guest"}
	}
	if body.Client == "" {
		body.Client = room.WebRTC
	}
	p, err := s.Desk.InviteGuest(ctx, a, callID, body.NickName, body.Role, body.Client)
	if err != nil {
		return err
	}
	return s.tookPart(c, p, false)
}

// settleTransfer completes or cancels a warm transfer.
func (s *Server) settleTransfer(ctx context.Context, c *fiber.Ctx) error {
	l, err := s.agent(ctx, c)
	if err != nil {
		return err
	}
	var x calling.Call
	switch c.Params("what") {
	case "complete":
		x, err = s.Desk.CompleteTransfer(ctx, l.Account, c.Params("callID"))
	case "cancel":
		x, err = s.Desk.CancelTransfer(ctx, l.Account, c.Params("callID"))
	default:
		return &callError{fiber.StatusNotFound, "not_found", "no such endpoint: " + c.Path()}
	}
	if err != nil {
		return err
	}
	return c.JSON(s.Desk.View(x))
}

func (s *Server) noteCall(ctx context.Context, c *fiber.Ctx) error {
	l, err := s.agent(ctx, c)
	if err != nil {
		return err
	}
	var body struct {
		Notes   *string `json:"notes"`
		Outcome *string `json:"outcome"`
	}
	if err := decodeJSON(c, &body, false); err != nil {
		return err
	}
	x, r, err := s.Desk.Annotate(ctx, l.Account, c.Params("callID"), body.Notes, body.Outcome)
	switch {
	case err != nil:
		return err
	case r != nil:
		return c.JSON(s.recordJSON(*r))
	}
	return c.JSON(s.Desk.View(*x))
}
