package room

import "time"

// SeenEvery is how precisely signs of life are kept: one that follows another
// within it changes nothing, so that heartbeats need not each be stored.
const SeenEvery = 5 * time.Second

// Seen notes a sign of life, such as a heartbeat.
func (r Room) Seen(userID string, now time.Time) (Room, []Event, error) {
	c, p, err := r.alter(userID)
	if err != nil {
		return r, nil, err
	}
	if now.Sub(p.SeenAt) < SeenEvery {
		return r, nil, nil
	}
	p.SeenAt = stamp(now)
	return c.room, nil, nil
}

// Connected notes the WebSocket session of a member. It keeps the place until
// Disconnected, and replaces an earlier session.
func (r Room) Connected(userID string, session Hold, now time.Time) (Room, []Event, error) {
	c, p, err := r.alter(userID)
	if err != nil {
		return r, nil, err
	}
	if err := session.check(); err != nil {
		return r, nil, err
	}
	p.Session = session
	p.SeenAt = later(p.SeenAt, stamp(now))
	return c.room, nil, nil
}

// Disconnected notes the end of a session; the grace period begins. The end of
// a session that another has replaced changes nothing.
func (r Room) Disconnected(userID, session string, now time.Time) (Room, []Event, error) {
	c, p, err := r.alter(userID)
	if err != nil {
		return r, nil, err
	}
	if session == "" || p.Session.ID != session {
		return r, nil, nil
	}
	p.Session = Hold{}
	p.SeenAt = later(p.SeenAt, stamp(now))
	return c.room, nil, nil
}

// PublishStarted notes that a member's stream has a publisher. It keeps the
// place until PublishStopped, and replaces an earlier publisher.
func (r Room) PublishStarted(userID string, publication Hold, now time.Time) (Room, []Event, error) {
	c, p, err := r.alter(userID)
	if err != nil {
		return r, nil, err
	}
	if err := publication.check(); err != nil {
		return r, nil, err
	}
	p.Publication = publication
	p.SeenAt = later(p.SeenAt, stamp(now))
	if !p.Publishing {
		p.Publishing = true
		c.tell(PublishStarted, p.Member)
	}
	return c.room, c.events, nil
}

// PublishStopped notes the end of a publisher; the grace period begins. The end
// of a publisher that another has replaced changes nothing.
func (r Room) PublishStopped(userID, publication string, now time.Time) (Room, []Event, error) {
	c, p, err := r.alter(userID)
	if err != nil {
		return r, nil, err
	}
	if publication == "" || p.Publication.ID != publication {
		return r, nil, nil
	}
	c.stop(p, now)
	return c.room, c.events, nil
}

func (c *change) stop(p *Place, now time.Time) {
	p.Publication = Hold{}
	p.SeenAt = later(p.SeenAt, stamp(now))
	p.Publishing = false
	c.tell(PublishStopped, p.Member)
}

// NodeLost drops every hold of a node that has died, or has begun anew under
// its name; the grace period of those it held begins.
func (r Room) NodeLost(node string, now time.Time) (Room, []Event, error) {
	c, err := r.change()
	if err != nil {
		return r, nil, err
	}
	for i := range c.room.Members {
		p := &c.room.Members[i]
		if node != "" && p.Session.Node == node {
			p.Session = Hold{}
			p.SeenAt = later(p.SeenAt, stamp(now))
		}
		if node != "" && p.Publication.Node == node {
			c.stop(p, now)
		}
	}
	return c.room, c.events, nil
}

// Expire takes out the members that no connection holds and whose last sign of
// life is at least the grace period ago.
func (r Room) Expire(now time.Time, grace time.Duration) (Room, []Event, error) {
	c, err := r.change()
	if err != nil {
		return r, nil, err
	}
	for _, p := range r.Members {
		if !c.room.Closed && !p.Held() && now.Sub(p.SeenAt) >= p.grace(grace) {
			c.leave(p.UserID, ReasonExpired, now)
		}
	}
	return c.room, c.events, nil
}

// NextExpiry is when [Room.Expire] first has something to do, if nothing else
// happens; false when every member is held.
func (r Room) NextExpiry(grace time.Duration) (time.Time, bool) {
	var next time.Time
	for _, p := range r.Members {
		if at := p.SeenAt.Add(p.grace(grace)); !p.Held() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, !next.IsZero()
}
