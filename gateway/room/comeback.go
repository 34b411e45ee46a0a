package room

import (
	"fmt"
	"slices"
	"time"
)

// maxRemoved bounds those who are remembered to have been removed.
const maxRemoved = 256

// Return gives the holder of a token, which was issued at that instant, a place
// again whose own has expired. One who has a place keeps it as it is. Whoever was
// removed has to be let in by [Room.Join] first; and a token from before the room
// was made is of an earlier room of that roomID. The zero instant is not known.
func (r Room) Return(j Joining, issued, now time.Time) (Room, []Event, error) {
	if r.index(j.UserID) >= 0 && !r.Closed {
		return r, nil, nil
	}
	if slices.Contains(r.Removed, j.UserID) {
		return r, nil, fmt.Errorf("%w: %q from room %s; ask who runs the room to be let in again", ErrRemoved, clip(j.UserID), r.RoomID)
	}
	if r.older(issued) {
		return r, nil, fmt.Errorf("%w: the token of %q is of an earlier room %s; join first", ErrNotMember, clip(j.UserID), r.RoomID)
	}
	return r.Join(j, now)
}

// older reports whether a token is from before the room was made. Tokens say when
// in seconds.
func (r Room) older(issued time.Time) bool {
	return !issued.IsZero() && issued.Before(r.CreatedAt.Truncate(time.Second))
}

// Voids says whether a token opens nothing of the room any more: its holder was
// removed, or it is of an earlier room of that roomID.
func (r Room) Voids(userID string, issued time.Time) bool {
	return slices.Contains(r.Removed, userID) || r.older(issued) && r.index(userID) < 0
}

// Remove takes out a member whom others want to go, and has them stay out until
// [Room.Join] lets them in. Somebody whose place has expired stays out as well.
func (r Room) Remove(userID string, now time.Time) (Room, []Event, error) {
	if r.index(userID) >= 0 {
		return r.Leave(userID, ReasonRemoved, now)
	}
	c, err := r.change()
	if err != nil {
		return r, nil, err
	}
	if err := CheckUserID(userID); err != nil {
		return r, nil, err
	}
	if !slices.Contains(r.Removed, userID) {
		c.remember(userID)
	}
	return c.room, nil, nil
}

// Moderates says whether a role may remove members and close the room.
func (role Role) Moderates() bool { return role == Host || role == Agent }

// CheckModerator refuses whoever may not remove members and close the room: nobody
// may in one that is run from outside. role is that of the token of one whose place
// has expired.
func (r Room) CheckModerator(userID string, role Role) error {
	if r.Run {
		return fmt.Errorf("%w: %q is in room %s, which is run from outside, as those of calls are; use /api/v1/calls", ErrNotModerator, clip(userID), r.RoomID)
	}
	if p, ok := r.Place(userID); ok {
		role = p.Role
	}
	if !role.Moderates() {
		return fmt.Errorf("%w: %q is %s in room %s; hosts and agents may", ErrNotModerator, clip(userID), role, r.RoomID)
	}
	return nil
}

// remember notes that a member was removed.
func (c *change) remember(userID string) {
	c.admit(userID)
	c.room.Removed = append(c.room.Removed, userID)
	c.room.Removed = c.room.Removed[max(0, len(c.room.Removed)-maxRemoved):]
}

// admit forgets that somebody was removed.
func (c *change) admit(userID string) {
	c.room.Removed = slices.DeleteFunc(slices.Clone(c.room.Removed), func(id string) bool { return id == userID })
}
