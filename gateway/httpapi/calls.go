package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/auth"
	calling "hutong/gateway/call"
	"hutong/gateway/desk"
	"hutong/gateway/room"
	"hutong/gateway/store"
)

func (s *Server) listQueues(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.staff(ctx, c); err != nil {
		return err
	}
	return c.JSON(fiber.Map{"queues": s.Desk.Queues()})
}

func (s *Server) getQueue(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.staff(ctx, c); err != nil {
		return err
	}
	q, err := s.Desk.Queue(c.Params("queue"))
	if err != nil {
		return err
	}
	return c.JSON(q)
}

func (s *Server) placeCall(ctx context.Context, c *fiber.Ctx) error {
	if err := s.admin(c); err != nil {
		return err
	}
	var body struct {
		UserID   string          `json:"userID"`
		NickName string          `json:"nickName"`
		Client   room.Client     `json:"client"`
		UserData json.RawMessage `json:"userData"`
		Priority int             `json:"priority"`
		Skills   []string        `json:"skills"`
	}
	if err := decodeJSON(c, &body, false); err != nil {
		return err
	}
	if s.draining.Load() {
		return errDraining
	}
	queue := c.Params("queue")
	p, again, err := s.Desk.Place(ctx, queue, desk.Request{Priority: body.Priority, Skills: body.Skills,
		Caller: calling.Caller{UserID: body.UserID, NickName: body.NickName, Client: body.Client, UserData: body.UserData}})
	if errors.Is(err, desk.ErrClosed) || errors.Is(err, desk.ErrFull) {
		return s.refuseCaller(c, queue, err)
	}
	if err != nil {
		return err
	}
	r, err := s.joined(c, p)
	if err != nil {
		return err
	}
	status := fiber.StatusCreated
	if again {
		status = fiber.StatusOK
	}
	c.Set(fiber.HeaderLocation, "/api/v1/calls/"+p.Call.CallID)
	return c.Status(status).JSON(fiber.Map{"call": s.Desk.Status(p.Call), "token": r.Token, "room": r,
		"ws": wsOf(s.addresses(c).http) + "/api/v1/calls/" + p.Call.CallID + "/ws?token=" + r.Token})
}

// refuseCaller tells a caller what the queue has to say.
func (s *Server) refuseCaller(c *fiber.Ctx, queue string, err error) error {
	e := callErrorOf(deskError(err))
	q, missing := s.Desk.Queue(queue)
	if missing != nil {
		return missing
	}
	s.Metrics.Refused.WithLabelValues("rest", e.code).Inc()
	return c.Status(e.status).JSON(fiber.Map{"error": fiber.Map{"code": e.code, "message": e.message}, "queue": q})
}

func (s *Server) askCallback(ctx context.Context, c *fiber.Ctx) error {
	if err := s.admin(c); err != nil {
		return err
	}
	var body struct {
		UserID   string          `json:"userID"`
		NickName string          `json:"nickName"`
		Contact  string          `json:"contact"`
		Note     string          `json:"note"`
		UserData json.RawMessage `json:"userData"`
	}
	if err := decodeJSON(c, &body, false); err != nil {
		return err
	}
	if err := calling.CheckJSON("userData", body.UserData); err != nil {
		return err
	}
	b := desk.Callback{Queue: c.Params("queue"), UserID: body.UserID, NickName: body.NickName, Contact: body.Contact, Note: body.Note}
	if len(body.UserData) > 0 {
		b.UserData = body.UserData
	}
	b, err := s.Desk.AskCallback(ctx, b)
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(b)
}

func (s *Server) listCallbacks(ctx context.Context, c *fiber.Ctx) error {
	if _, err := s.staff(ctx, c); err != nil {
		return err
	}
	all, err := s.Desk.Callbacks(ctx, c.Query("queue"), c.Query("state"))
	if err != nil {
		return err
	}
	return c.JSON(fiber.Map{"callbacks": all})
}

func (s *Server) settleCallback(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.staff(ctx, c)
	if err != nil {
		return err
	}
	var body struct {
		State string `json:"state"`
		Note  string `json:"note"`
	}
	if err := decodeJSON(c, &body, false); err != nil {
		return err
	}
	b, err := s.Desk.SettleCallback(ctx, c.Params("callbackID"), body.State, body.Note, p.name())
	if err != nil {
		return err
	}
	return c.JSON(b)
}

func (s *Server) listCalls(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.staff(ctx, c)
	if err != nil {
		return err
	}
	f := desk.CallFilter{Queue: c.Query("queue"), Agent: c.Query("agent"), State: calling.State(c.Query("state"))}
	if !p.all() {
		f.Agent = p.AgentID
	}
	return c.JSON(fiber.Map{"calls": s.Desk.Calls(f)})
}

// asCaller says whether a request shows the token of a call's caller.
func (s *Server) asCaller(c *fiber.Ctx, callID, userID string) bool {
	if bearer(c) == "" && c.Query("token") == "" {
		return false
	}
	g, err := s.permit(c, auth.Request{Action: auth.Member, RoomID: callID, UserID: userID, Protocol: "rest"})
	return err == nil && g.RoomID == callID && g.UserID == userID && userID != ""
}

func (s *Server) getCall(ctx context.Context, c *fiber.Ctx) error {
	x, err := s.Desk.Call(c.Params("callID"))
	if err == nil && s.asCaller(c, x.CallID, x.Caller.UserID) {
		return c.JSON(s.Desk.Status(x))
	}
	p, denied := s.staff(ctx, c)
	if denied != nil {
		return denied
	}
	if err != nil {
		return err
	}
	if _, engaged := x.Engaged()[p.AgentID]; !engaged && !p.all() {
		return fmt.Errorf("%w: no call %s of yours goes on", store.ErrNotFound, c.Params("callID"))
	}
	return c.JSON(s.Desk.View(x))
}

func (s *Server) joinCall(ctx context.Context, c *fiber.Ctx) error {
	x, err := s.Desk.Call(c.Params("callID"))
	caller := err == nil && s.asCaller(c, x.CallID, x.Caller.UserID)
	var p desk.Place
	switch {
	case caller:
		p, err = s.Desk.Return(ctx, x.CallID, calling.Caller{})
	default:
		who, denied := s.staff(ctx, c)
		if denied != nil {
			return denied
		}
		if err != nil {
			return err
		}
		if who.backend != "" {
			caller = true
			p, err = s.Desk.Return(ctx, x.CallID, calling.Caller{})
		} else {
			p, err = s.Desk.Rejoin(ctx, who.Account, x.CallID)
		}
	}
	if err != nil {
		return err
	}
	return s.tookPart(c, p, caller)
}

// tookPart answers with a call and its room.
func (s *Server) tookPart(c *fiber.Ctx, p desk.Place, caller bool) error {
	r, err := s.joined(c, p)
	if err != nil {
		return err
	}
	if caller {
		return c.JSON(fiber.Map{"call": s.Desk.Status(p.Call), "room": r})
	}
	return c.JSON(fiber.Map{"call": s.Desk.View(p.Call), "room": r})
}

func (s *Server) hangUp(ctx context.Context, c *fiber.Ctx) error {
	x, err := s.Desk.Call(c.Params("callID"))
	if err == nil && s.asCaller(c, x.CallID, x.Caller.UserID) {
		ended, err := s.Desk.HangUp(ctx, x.CallID, calling.ByCaller, desk.Account{})
		if err != nil {
			return err
		}
		return c.JSON(s.Desk.Status(ended))
	}
	p, denied := s.staff(ctx, c)
	if denied != nil {
		return denied
	}
	if err != nil {
		return err
	}
	by := calling.ByAgent
	if p.backend != "" {
		by = calling.ByBackend
	}
	ended, err := s.Desk.HangUp(ctx, x.CallID, by, p.Account)
	if err != nil {
		return err
	}
	return c.JSON(s.Desk.View(ended))
}

func (s *Server) rateCall(ctx context.Context, c *fiber.Ctx) error {
	callID := c.Params("callID")
	x, err := s.Desk.Call(callID)
	if errors.Is(err, store.ErrNotFound) {
		r, gone := s.Desk.Record(ctx, callID)
		if err = gone; gone == nil {
			x = r.Call
		}
	}
	if err != nil || !s.asCaller(c, callID, x.Caller.UserID) {
		if denied := s.admin(c); denied != nil {
			return denied
		}
	}
	if err != nil {
		return err
	}
	var body calling.Rating
	if err := decodeJSON(c, &body, false); err != nil {
		return err
	}
	if err := s.Desk.Rate(ctx, callID, body); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}
