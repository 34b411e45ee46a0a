package httpapi

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
)

const (
	roomsPath   = "/api/v1/rooms"
	roomPath    = roomsPath + "/:roomID"
	membersPath = roomPath + "/members"
	memberPath  = membersPath + "/:userID"

	roomCallTimeout = 10 * time.Second
	defaultPage     = 50
	maxPage         = 500
)

func (s *Server) roomRoutes() {
	s.docRoutes()
	if s.Rooms == nil {
		return
	}
	for _, r := range []struct {
		path    string
		methods map[string]roomCall
	}{
		{roomsPath, map[string]roomCall{"POST": (*Server).createRoom, "GET": (*Server).listRooms}},
		{roomPath, map[string]roomCall{"GET": (*Server).getRoom, "DELETE": (*Server).deleteRoom}},
		{membersPath, map[string]roomCall{"POST": (*Server).joinRoom}},
		{memberPath, map[string]roomCall{"DELETE": (*Server).leaveRoom}},
		{memberPath + "/heartbeat", map[string]roomCall{"POST": (*Server).heartbeat}},
		{roomPath + "/messages", map[string]roomCall{"POST": (*Server).say}},
	} {
		for method, call := range r.methods {
			s.app.Add(method, r.path, s.roomCall(call))
		}
		s.app.All(r.path, otherMethods(r.methods))
	}
}

// roomCall answers one call. What it returns is told to the caller.
type roomCall func(s *Server, ctx context.Context, c *fiber.Ctx) error

func (s *Server) roomCall(call roomCall) fiber.Handler {
	return func(c *fiber.Ctx) error {
		ctx, cancel := context.WithTimeout(context.Background(), roomCallTimeout)
		defer cancel()
		c.Set(fiber.HeaderCacheControl, "no-store")
		if err := call(s, ctx, c); err != nil {
			return s.refuseRoomCall(c, err)
		}
		return nil
	}
}

// otherMethods ends preflights, and refuses what a path does not do.
func otherMethods(methods map[string]roomCall) fiber.Handler {
	allowed := []string{"OPTIONS"}
	for _, m := range []string{"GET", "POST", "DELETE"} {
		if methods[m] != nil {
			allowed = append(allowed, m)
		}
	}
	allow := strings.Join(allowed, ", ")
	return func(c *fiber.Ctx) error {
		c.Set(fiber.HeaderAllow, allow)
		if c.Method() == fiber.MethodOptions {
			return c.SendStatus(fiber.StatusNoContent)
		}
		return apiError(c, fiber.StatusMethodNotAllowed, "method_not_allowed", c.Method()+" does nothing here; use "+allow)
	}
}

// admin asks whether a call is a back end's, or a read by an admin of the desk.
func (s *Server) admin(c *fiber.Ctx) error {
	if s.administers(c) {
		return nil
	}
	_, err := s.permit(c, auth.Request{Action: auth.Admin, Protocol: "rest"})
	return err
}

// behalf asks whether a call is a back end's, or the member's own.
func (s *Server) behalf(c *fiber.Ctx, roomID, userID string) (auth.Grant, error) {
	return s.permit(c, auth.Request{Action: auth.Member, RoomID: roomID, UserID: userID, Protocol: "rest"})
}

func (s *Server) createRoom(ctx context.Context, c *fiber.Ctx) error {
	if err := s.admin(c); err != nil {
		return err
	}
	var body struct {
		RoomID   *string `json:"roomID"`
		Name     string  `json:"name"`
		Capacity *int    `json:"capacity"`
	}
	if err := decodeJSON(c, &body, true); err != nil {
		return err
	}
	if s.draining.Load() {
		return errDraining
	}
	o := room.Options{Name: body.Name}
	if body.RoomID != nil {
		if err := room.CheckRoomID(*body.RoomID); err != nil {
			return err
		}
		o.RoomID = *body.RoomID
	}
	if body.Capacity != nil {
		if *body.Capacity == 0 {
			return badCapacity()
		}
		o.Capacity = *body.Capacity
	}
	view, err := s.Rooms.Create(ctx, o)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderLocation, roomsPath+"/"+view.RoomID)
	return c.Status(fiber.StatusCreated).JSON(s.describeRoom(c, view))
}

func (s *Server) listRooms(ctx context.Context, c *fiber.Ctx) error {
	if err := s.admin(c); err != nil {
		return err
	}
	limit := defaultPage
	if q := c.Query("limit"); q != "" {
		n, err := strconv.Atoi(q)
		if err != nil || n < 1 || n > maxPage {
			return &callError{fiber.StatusBadRequest, "bad_limit", "limit " + strconv.Quote(clip(q)) + " is not a number from 1 to " + strconv.Itoa(maxPage)}
		}
		limit = n
	}
	cursor := c.Query("cursor")
	if cursor != "" && room.CheckRoomID(cursor) != nil {
		return &callError{fiber.StatusBadRequest, "bad_cursor", "cursor " + strconv.Quote(clip(cursor)) + " is none that this gateway gave; begin without one"}
	}
	views, next, err := s.Rooms.List(ctx, cursor, limit)
	if err != nil {
		return err
	}
	page := make([]roomJSON, len(views))
	for i, v := range views {
		page[i] = s.describeRoom(c, v)
	}
	return c.JSON(fiber.Map{"rooms": page, "next": next})
}

func (s *Server) getRoom(ctx context.Context, c *fiber.Ctx) error {
	if err := s.admin(c); err != nil {
		return err
	}
	view, err := s.Rooms.Get(ctx, c.Params("roomID"))
	if err != nil {
		return err
	}
	return c.JSON(s.describeRoom(c, view))
}

// inside asks whether a call is a back end's, or that of a member of the room,
// whose role is still to be looked at; the grant then has a UserID.
func (s *Server) inside(c *fiber.Ctx, roomID string) (auth.Grant, error) {
	return s.permit(c, auth.Request{Action: auth.Inside, RoomID: roomID, Protocol: "rest"})
}

// deleteRoom succeeds too when there is nothing to delete, so that a call whose
// answer was lost can be made again.
func (s *Server) deleteRoom(ctx context.Context, c *fiber.Ctx) error {
	roomID := c.Params("roomID")
	g, err := s.inside(c, roomID)
	if err != nil {
		return err
	}
	if g.UserID != "" {
		err = s.Rooms.CloseRoomBy(ctx, roomID, g.UserID, room.Role(g.Role), "closed")
	} else {
		err = s.Rooms.CloseRoom(ctx, roomID, "deleted")
	}
	if err != nil && !errors.Is(err, rooms.ErrRoomNotFound) {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) joinRoom(ctx context.Context, c *fiber.Ctx) error {
	roomID := c.Params("roomID")
	if err := s.admin(c); err != nil {
		return err
	}
	if s.draining.Load() && !s.finishing.Load() {
		return errDraining
	}
	var body struct {
		UserID   string      `json:"userID"`
		NickName string      `json:"nickName"`
		Role     room.Role   `json:"role"`
		Client   room.Client `json:"client"`
	}
	if err := decodeJSON(c, &body, false); err != nil {
		return err
	}
	view, m, err := s.Rooms.Join(ctx, roomID, room.Joining{UserID: body.UserID, NickName: body.NickName, Role: body.Role, Client: body.Client})
	if err != nil {
		return err
	}
	claims := auth.MemberClaims{RoomID: roomID, UserID: m.UserID, Role: string(m.Role), NickName: m.NickName, Stream: m.Stream}
	if m.Role == room.Audience {
		claims.Publish = []string{}
	}
	token, err := s.Auth.MemberToken(claims)
	if err != nil {
		return err
	}
	a := s.addresses(c)
	if s.live().Auth.Mode == config.AuthToken {
		a.token = token // without which the addresses open nothing
	}
	c.Set(fiber.HeaderLocation, roomsPath+"/"+roomID+"/members/"+m.UserID)
	return c.Status(fiber.StatusCreated).JSON(joinJSON{
		Token: token, Stream: m.Stream,
		Push: pushJSON{RTMP: a.rtmpOf(m.Stream), WHIP: a.http + "/whip/" + m.Stream},
		WS:   "ws" + strings.TrimPrefix(a.http, "http") + "/api/v1/ws?token=" + token,
		ICE:  s.iceServers(), Members: a.describe(view.Members),
	})
}

// leaveRoom is idempotent like deleteRoom.
func (s *Server) leaveRoom(ctx context.Context, c *fiber.Ctx) error {
	roomID, userID := c.Params("roomID"), c.Params("userID")
	g, err := s.inside(c, roomID)
	if err != nil {
		return err
	}
	if err := room.CheckUserID(userID); err != nil {
		return err
	}
	switch g.UserID {
	case "":
		err = s.Rooms.Remove(ctx, roomID, userID)
	case userID:
		if err = s.Rooms.Leave(ctx, roomID, userID); errors.Is(err, room.ErrNotMember) {
			err = nil
		}
	default:
		err = s.Rooms.RemoveBy(ctx, roomID, g.UserID, room.Role(g.Role), userID)
	}
	if err != nil && !errors.Is(err, rooms.ErrRoomNotFound) {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) heartbeat(ctx context.Context, c *fiber.Ctx) error {
	roomID, userID := c.Params("roomID"), c.Params("userID")
	if _, err := s.behalf(c, roomID, userID); err != nil {
		return err
	}
	if err := room.CheckUserID(userID); err != nil {
		return err
	}
	if err := s.Rooms.Heartbeat(ctx, roomID, userID); err != nil {
		return err
	}
	return c.SendStatus(fiber.StatusNoContent)
}

func (s *Server) say(ctx context.Context, c *fiber.Ctx) error {
	roomID := c.Params("roomID")
	var body sayingJSON
	if err := decodeJSON(c, &body, false); err != nil {
		// Only who may speak is told what is wrong with the words.
		if denied := s.admin(c); denied != nil {
			return denied
		}
		return err
	}
	if body.From == "" {
		if err := s.admin(c); err != nil {
			return err
		}
	} else if _, err := s.behalf(c, roomID, body.From); err != nil {
		return err
	}
	m, err := s.Rooms.Say(ctx, roomID, room.Saying{From: body.From, To: body.To, Kind: body.Type, Text: body.Text, Data: body.Data})
	if err != nil {
		return err
	}
	return c.Status(fiber.StatusCreated).JSON(fiber.Map{"seq": m.Seq})
}
