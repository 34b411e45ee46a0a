package weapp

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/config"
	"hutong/gateway/room"
)

// other is a member of a room in the form in which <live-pusher> tells of them
// (state 1020), and more.
type other struct {
	UserID     string `json:"userid"`
	PlayURL    string `json:"playurl"`
	NickName   string `json:"nickName"`
	Publishing bool   `json:"publishing"`
}

// place is what a member of a room needs for media: the address to push to, and
// the others.
type place struct {
	PushURL  string  `json:"PushURL"`
	UserList []other `json:"UserList"`
}

// applicant shows who asks for a place in a room.
type applicant struct {
	app, userID, userSig, roomID, mapKey string
}

// signature answers what the original webrtc-room asks a closed endpoint for: not
// with the signature of a room:// address, but with an address that replaces it.
func (s *Service) signature(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	ctx, cancel := s.timeout()
	defer cancel()
	k := &call{c: c, ctx: ctx, missing: codeMissing}
	p, err := s.sign(k)
	head := answer{"ErrorCode": 0, "ErrorInfo": ""}
	if err == nil {
		return sendJSON(c, answer{"RspHead": head, "RspBody": p})
	}
	f := failureOf(err, codeNoRoom)
	if f.status != 0 {
		c.Status(f.status)
	}
	if f.reason != "" {
		s.o.Refused(f.reason)
	}
	head["ErrorCode"], head["ErrorInfo"] = f.code, f.message
	return sendJSON(c, answer{"RspHead": head, "code": f.code, "message": f.message})
}

func (s *Service) sign(k *call) (place, error) {
	if !s.calls.Allow(k.address()) {
		return place{}, errTooOften
	}
	var body struct {
		ReqHead struct{ GroupId json.RawMessage }
		ReqBody struct{ PrivMapEncrypt string }
	}
	if len(k.c.Body()) > MaxBody {
		return place{}, tooLarge()
	}
	if json.Unmarshal(k.c.Body(), &body) != nil {
		return place{}, &failure{status: fiber.StatusBadRequest, code: codeMissing, message: "the body is not JSON with ReqHead and ReqBody"}
	}
	query, _ := url.ParseQuery(string(k.c.Request().URI().QueryString()))
	a := applicant{app: query.Get("sdkappid"), userID: query.Get("identifier"), userSig: query.Get("usersig"),
		roomID: strings.Trim(string(body.ReqHead.GroupId), `"`), mapKey: body.ReqBody.PrivMapEncrypt}
	r, err := s.admit(k.ctx, a)
	if err != nil {
		return place{}, err
	}
	return s.placeOf(s.hostsOf(k.c.BaseURL()), r, a.userID), nil
}

// admit returns the room of an applicant who is genuine and in it.
func (s *Service) admit(ctx context.Context, a applicant) (room.Room, error) {
	if a.app != strconv.Itoa(s.c.SDKAppID) {
		return room.Room{}, deny("sdkappid %s is not this app, %d", clip(a.app), s.c.SDKAppID)
	}
	if err := s.genuine(a.userSig, a.userID); err != nil {
		return room.Room{}, deny("%v", err)
	}
	if room.CheckRoomID(a.roomID) != nil {
		return room.Room{}, noSuchRoom(a.roomID)
	}
	if err := s.checkMapKey(a); err != nil {
		return room.Room{}, deny("%v", err)
	}
	r, err := s.o.Rooms.Load(ctx, a.roomID)
	if err != nil {
		return room.Room{}, err
	}
	if p, in := r.Place(a.userID); !in || p.Phone.Service == "" {
		return room.Room{}, refuse(codeNotMember, "%s has not entered room %s; call enter_room first", a.userID, a.roomID)
	}
	return r, nil
}

func (s *Service) checkMapKey(a applicant) error {
	if a.mapKey == "" {
		if s.c.MapKey == config.MapKeyOptional {
			return nil
		}
		return errors.New("privateMapKey is missing; use what create_room or enter_room gave")
	}
	m, err := s.verifier.VerifyMap(a.mapKey, s.o.Now())
	switch {
	case err != nil:
		return err
	case m.UserID != a.userID || strconv.FormatUint(uint64(m.RoomID), 10) != a.roomID || int(m.SDKAppID) != s.c.SDKAppID:
		return errors.New("privateMapKey is for another user or room")
	}
	return nil
}

// placeOf describes a member's place in a room.
func (s *Service) placeOf(h hosts, r room.Room, userID string) place {
	p := place{UserList: []other{}}
	for _, m := range r.Members {
		switch {
		case m.UserID == userID:
			p.PushURL = s.push(h, m.Stream)
		case m.Role != room.Audience:
			p.UserList = append(p.UserList, other{UserID: m.UserID, PlayURL: s.play(h, m.Stream), NickName: m.NickName, Publishing: m.Publishing})
		}
	}
	return p
}
