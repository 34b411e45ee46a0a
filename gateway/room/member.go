package room

import (
	"fmt"
	"slices"
	"time"
)

// Reasons for which a member leaves.
const (
	ReasonLeft    = "left"
	ReasonRemoved = "removed"
	ReasonExpired = "expired" // no sign of life for the grace period
)

// Joining is who wants in.
type Joining struct {
	UserID   string
	NickName string // the userID when empty
	Role     Role   // Guest when empty
	Client   Client
	// Stream is the stream name to bind to the member, issued when empty.
	Stream string
	// Phone is of who joins by the mini-program API.
	Phone Phone
	// Limit, if not 0, is how many may be in the room beside the audience for a
	// newcomer to be let in, whatever the room's own limits.
	Limit int
	// Anew says that who comes back brings another Stream, and that everybody is
	// told even if nothing has changed.
	Anew bool
}

// Join gives a user a place at the end of the room. A user who has one is the
// same person coming back: the place, the stream name and, where j leaves them
// empty, nickName and role stay, and the capacity does not matter.
func (r Room) Join(j Joining, now time.Time) (Room, []Event, error) {
	c, err := r.change()
	if err != nil {
		return r, nil, err
	}
	if err := j.check(); err != nil {
		return r, nil, err
	}
	if i := r.index(j.UserID); i >= 0 {
		if p, taken := r.ByStream(j.Stream); j.Anew && taken && p.UserID != j.UserID {
			return r, nil, r.streamTaken(p)
		}
		c.comeBack(&c.room.Members[i], j, now)
		return c.room, c.events, nil
	}
	if j.NickName == "" {
		j.NickName = j.UserID
	}
	if j.Role == "" {
		j.Role = Guest
	}
	if err := r.hasPlace(j); err != nil {
		return r, nil, err
	}
	if j.Stream == "" {
		j.Stream = streamName(r.RoomID, j.UserID)
	}
	if p, taken := r.ByStream(j.Stream); taken {
		return r, nil, r.streamTaken(p)
	}
	at := stamp(now)
	m := Member{UserID: j.UserID, NickName: j.NickName, Role: j.Role, Client: j.Client, Stream: j.Stream, JoinedAt: at}
	c.room.Members = append(c.room.Members, Place{Member: m, SeenAt: at, Phone: j.Phone})
	c.admit(m.UserID)
	c.room.Weapp.entered(m)
	c.tell(MemberJoined, m)
	return c.room, c.events, nil
}

func (r Room) streamTaken(p Place) error {
	return fmt.Errorf("%w: %s is bound to %s in room %s; leave it empty to be issued one",
		ErrStreamTaken, p.Stream, p.UserID, r.RoomID)
}

// hasPlace refuses a newcomer to a full room.
func (r Room) hasPlace(j Joining) error {
	n, most := len(r.Members), r.Capacity
	if n < most && j.Role != Audience {
		n, most = r.speakers(), r.mostSpeakers(j)
	}
	if n < most {
		return nil
	}
	return fmt.Errorf("%w: %s has %d of %d members; wait until one leaves, or create a larger room", ErrFull, r.RoomID, n, most)
}

func (j Joining) check() error {
	if err := CheckUserID(j.UserID); err != nil {
		return err
	}
	if err := checkName("nickName", j.NickName); err != nil {
		return err
	}
	if j.Role != "" {
		if err := j.Role.check(); err != nil {
			return err
		}
	}
	if j.Stream != "" {
		if err := checkStream(j.Stream); err != nil {
			return err
		}
	}
	return j.Client.check()
}

func (c *change) comeBack(p *Place, j Joining, now time.Time) {
	before := p.Member
	p.SeenAt = later(p.SeenAt, stamp(now))
	p.Client = j.Client
	p.Phone = j.Phone
	if j.Anew && j.Stream != "" && j.Stream != p.Stream {
		p.Stream, p.Publication, p.Publishing = j.Stream, Hold{}, false
		c.room.Weapp.moved(p.Member)
	}
	if j.NickName != "" {
		p.NickName = j.NickName
	}
	if j.Role != "" {
		p.Role = j.Role
	}
	if p.Member != before || j.Anew {
		c.tell(MemberChanged, p.Member)
	}
}

// Leave takes a member out. The reason is one of the constants above, or the
// caller's own word.
func (r Room) Leave(userID, reason string, now time.Time) (Room, []Event, error) {
	c, _, err := r.alter(userID)
	if err != nil {
		return r, nil, err
	}
	c.leave(userID, reason, now)
	return c.room, c.events, nil
}

func (c *change) leave(userID, reason string, now time.Time) {
	c.room.Members = slices.DeleteFunc(c.room.Members, func(p Place) bool { return p.UserID == userID })
	if len(c.room.Members) == 0 {
		c.room.EmptyAt = stamp(now)
	}
	if reason == ReasonRemoved {
		c.remember(userID)
	}
	c.emit(Event{Type: MemberLeft, UserID: userID, Reason: reason})
	if why, over := c.room.over(userID); over {
		c.close(why, now)
	}
}

// Changing is what to change of a member; nil stays.
type Changing struct {
	NickName *string
	Role     *Role
}

// Change gives a member another nickName or role. An empty nickName is the
// userID.
func (r Room) Change(userID string, to Changing) (Room, []Event, error) {
	c, p, err := r.alter(userID)
	if err != nil {
		return r, nil, err
	}
	before := p.Member
	if to.NickName != nil {
		if err := checkName("nickName", *to.NickName); err != nil {
			return r, nil, err
		}
		if p.NickName = *to.NickName; p.NickName == "" {
			p.NickName = p.UserID
		}
	}
	if to.Role != nil {
		if err := to.Role.check(); err != nil {
			return r, nil, err
		}
		p.Role = *to.Role
	}
	if p.Member != before {
		c.tell(MemberChanged, p.Member)
	}
	return c.room, c.events, nil
}

// Mute says whether a member sends its microphone and camera; nil stays.
func (r Room) Mute(userID string, audio, video *bool) (Room, []Event, error) {
	c, p, err := r.alter(userID)
	if err != nil {
		return r, nil, err
	}
	before := p.Member
	if audio != nil {
		p.AudioMuted = *audio
	}
	if video != nil {
		p.VideoMuted = *video
	}
	if p.Member != before {
		c.tell(Muted, p.Member)
	}
	return c.room, c.events, nil
}
