package room

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// member is what the naive model keeps of one: only what is needed to foretell
// who is in the room, what each does, and when each expires.
type member struct {
	nick, stream         string
	role                 Role
	client               Client
	audio, video         bool
	session, publication Hold
	seen                 time.Time
}

type model struct {
	capacity int
	order    []string // userIDs as they joined
	members  map[string]*member
	said     []Message
	closed   bool
}

func (m *model) remove(user string) {
	delete(m.members, user)
	m.order = slices.DeleteFunc(m.order, func(u string) bool { return u == user })
}

// play drives a room and the model with the same operations, and follows the
// room by its events as clients do.
type play struct {
	room  Room
	model model
	now   time.Time
	// follower hears every event at once. The late one hears none for a while, and
	// some of them twice.
	follower, late View
	unheard        []Event
}

func (p *play) user(t *rapid.T) string {
	return rapid.SampledFrom([]string{"ann", "bob", "cid", "dee", "eve"}).Draw(t, "user")
}

func (p *play) hold(t *rapid.T) Hold {
	return Hold{ID: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "id"), Node: rapid.SampledFrom([]string{"n1", "n2"}).Draw(t, "node")}
}

// step takes the outcome of an operation and checks what holds for all.
func (p *play) step(t *rapid.T, next Room, events []Event, err error, want error, wanted ...string) {
	if !errors.Is(err, want) {
		t.Fatalf("error %v; want %v", err, want)
	}
	if err != nil {
		if events != nil || !reflect.DeepEqual(next, p.room) {
			t.Fatalf("a refused operation changed the room to %+v, told %q", next, told(events))
		}
		return
	}
	if got := told(events); got != strings.Join(wanted, " ") {
		t.Fatalf("told %q; want %q", got, wanted)
	}
	if next.Revision != p.room.Revision+uint64(len(events)) {
		t.Fatalf("revision went from %d to %d with %d events", p.room.Revision, next.Revision, len(events))
	}
	for i, e := range events {
		if e.Revision != p.room.Revision+uint64(i)+1 {
			t.Fatalf("event %d has revision %d after room revision %d", i, e.Revision, p.room.Revision)
		}
		if p.follower, err = Apply(p.follower, e); err != nil {
			t.Fatal(err)
		}
	}
	p.unheard = append(p.unheard, events...)
	p.room = next
}

func TestRoomAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		capacity := rapid.IntRange(1, 4).Draw(t, "capacity")
		r, err := Create(Options{RoomID: "r", Capacity: capacity}, t0)
		if err != nil {
			t.Fatal(err)
		}
		p := &play{room: r, model: model{capacity: capacity, members: map[string]*member{}}, now: t0, follower: r.View(), late: r.View()}
		t.Repeat(map[string]func(*rapid.T){
			"":           p.check,
			"join":       p.join,
			"leave":      p.leave,
			"wait":       p.wait,
			"seen":       p.seen,
			"connect":    p.connect,
			"disconnect": p.disconnect,
			"publish":    p.publish,
			"stop":       p.stop,
			"lose node":  p.loseNode,
			"expire":     p.expire,
			"mute":       p.mute,
			"change":     p.change,
			"say":        p.say,
			"catch up":   p.catchUp,
			"store":      p.store,
			"close":      p.close,
		})
	})
}

func (p *play) check(t *rapid.T) {
	if got, want := users(p.room), strings.Join(p.model.order, " "); got != want {
		t.Fatalf("in the room are %q; want %q", got, want)
	}
	if len(p.room.Members) > p.model.capacity {
		t.Fatalf("%d members in a room for %d", len(p.room.Members), p.model.capacity)
	}
	streams := map[string]bool{}
	for _, place := range p.room.Members {
		m := p.model.members[place.UserID]
		want := Place{Member: Member{UserID: place.UserID, NickName: m.nick, Role: m.role, Client: m.client, Stream: m.stream,
			Publishing: m.publication != Hold{}, AudioMuted: m.audio, VideoMuted: m.video, JoinedAt: place.JoinedAt},
			SeenAt: m.seen, Session: m.session, Publication: m.publication}
		if place != want {
			t.Fatalf("member %+v; want %+v", place, want)
		}
		streams[place.Stream] = true
	}
	if len(streams) != len(p.room.Members) {
		t.Fatalf("%d members share %d stream names", len(p.room.Members), len(streams))
	}
	if !reflect.DeepEqual(p.follower, p.room.View()) {
		t.Fatalf("events lead to %+v; the room is %+v", p.follower, p.room.View())
	}
	for _, user := range []string{"ann", "bob", "cid", "dee", "eve"} {
		var want []Message
		for _, m := range p.model.said[max(0, len(p.model.said)-MaxHistory):] {
			if m.To == "" || m.To == user || m.From == user {
				want = append(want, m)
			}
		}
		if got := p.room.History(user, 0); !slices.EqualFunc(got, want, func(a, b Message) bool { return reflect.DeepEqual(a, b) }) {
			t.Fatalf("%s may read %+v; want %+v", user, got, want)
		}
	}
}

func (p *play) join(t *rapid.T) {
	j := Joining{UserID: p.user(t), NickName: rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "nick"),
		Role:   rapid.SampledFrom([]Role{"", Host, Audience}).Draw(t, "role"),
		Client: rapid.SampledFrom([]Client{WebRTC, RTMP}).Draw(t, "client"),
		Stream: rapid.SampledFrom([]string{"", "", "live/s1"}).Draw(t, "stream")}
	next, events, err := p.room.Join(j, p.now)
	m := p.model.members[j.UserID]
	switch {
	case p.model.closed:
		p.step(t, next, events, err, ErrClosed)
	case m != nil:
		old := *m
		m.nick, m.role, m.client, m.seen = first(j.NickName, m.nick), first(j.Role, m.role), j.Client, p.now
		if old.seen = m.seen; old != *m {
			p.step(t, next, events, err, nil, "member_changed:"+j.UserID)
		} else {
			p.step(t, next, events, err, nil)
		}
	case len(p.model.members) == p.model.capacity:
		p.step(t, next, events, err, ErrFull)
	case j.Stream != "" && p.model.streamTaken(j.Stream):
		p.step(t, next, events, err, ErrStreamTaken)
	default:
		p.model.order = append(p.model.order, j.UserID)
		p.model.members[j.UserID] = &member{nick: first(j.NickName, j.UserID), role: first(j.Role, Guest), client: j.Client,
			stream: first(j.Stream, "live/r_"+j.UserID), seen: p.now}
		p.step(t, next, events, err, nil, "member_joined:"+j.UserID)
	}
}

func (m *model) streamTaken(s string) bool {
	for _, other := range m.members {
		if other.stream == s {
			return true
		}
	}
	return false
}

// of returns the model's member and the error that an operation on it must give.
func (p *play) of(user string) (*member, error) {
	if p.model.closed {
		return nil, ErrClosed
	}
	if m := p.model.members[user]; m != nil {
		return m, nil
	}
	return nil, ErrNotMember
}

func (p *play) leave(t *rapid.T) {
	user := p.user(t)
	_, want := p.of(user)
	next, events, err := p.room.Leave(user, ReasonLeft, p.now)
	if want == nil {
		p.model.remove(user)
	}
	p.step(t, next, events, err, want, "member_left:"+user+":left")
}

func (p *play) wait(t *rapid.T) {
	p.now = p.now.Add(time.Duration(rapid.IntRange(1, 20).Draw(t, "seconds")) * time.Second)
}

func (p *play) seen(t *rapid.T) {
	user := p.user(t)
	m, want := p.of(user)
	next, events, err := p.room.Seen(user, p.now)
	if want == nil && p.now.Sub(m.seen) >= SeenEvery {
		m.seen = p.now
	}
	p.step(t, next, events, err, want)
}

func (p *play) connect(t *rapid.T) {
	user, hold := p.user(t), p.hold(t)
	m, want := p.of(user)
	next, events, err := p.room.Connected(user, hold, p.now)
	if want == nil {
		m.session, m.seen = hold, p.now
	}
	p.step(t, next, events, err, want)
}

func (p *play) disconnect(t *rapid.T) {
	user, id := p.user(t), p.hold(t).ID
	m, want := p.of(user)
	next, events, err := p.room.Disconnected(user, id, p.now)
	if want == nil && m.session.ID == id {
		m.session, m.seen = Hold{}, p.now
	}
	p.step(t, next, events, err, want)
}

func (p *play) publish(t *rapid.T) {
	user, hold := p.user(t), p.hold(t)
	m, want := p.of(user)
	next, events, err := p.room.PublishStarted(user, hold, p.now)
	var wanted []string
	if want == nil {
		if (m.publication == Hold{}) {
			wanted = append(wanted, "publish_started:"+user)
		}
		m.publication, m.seen = hold, p.now
	}
	p.step(t, next, events, err, want, wanted...)
}

func (p *play) stop(t *rapid.T) {
	user, id := p.user(t), p.hold(t).ID
	m, want := p.of(user)
	next, events, err := p.room.PublishStopped(user, id, p.now)
	var wanted []string
	if want == nil && m.publication.ID == id {
		m.publication, m.seen = Hold{}, p.now
		wanted = append(wanted, "publish_stopped:"+user)
	}
	p.step(t, next, events, err, want, wanted...)
}

func (p *play) loseNode(t *rapid.T) {
	node := p.hold(t).Node
	next, events, err := p.room.NodeLost(node, p.now)
	var want error
	var wanted []string
	if p.model.closed {
		want = ErrClosed
	}
	for _, user := range p.model.order {
		m := p.model.members[user]
		if m.session.Node == node {
			m.session, m.seen = Hold{}, p.now
		}
		if m.publication.Node == node {
			m.publication, m.seen = Hold{}, p.now
			wanted = append(wanted, "publish_stopped:"+user)
		}
	}
	p.step(t, next, events, err, want, wanted...)
}

func (p *play) expire(t *rapid.T) {
	next, events, err := p.room.Expire(p.now, grace)
	var want error
	var wanted []string
	if p.model.closed {
		want = ErrClosed
	}
	for _, user := range slices.Clone(p.model.order) {
		m := p.model.members[user]
		if (m.session == Hold{}) && (m.publication == Hold{}) && !m.seen.Add(grace).After(p.now) {
			p.model.remove(user)
			wanted = append(wanted, "member_left:"+user+":expired")
		}
	}
	p.step(t, next, events, err, want, wanted...)
}

func (p *play) mute(t *rapid.T) {
	user := p.user(t)
	choice := rapid.SampledFrom([]*bool{nil, ptr(false), ptr(true)})
	audio, video := choice.Draw(t, "audio"), choice.Draw(t, "video")
	m, want := p.of(user)
	next, events, err := p.room.Mute(user, audio, video)
	var wanted []string
	if want == nil {
		old := *m
		if audio != nil {
			m.audio = *audio
		}
		if video != nil {
			m.video = *video
		}
		if *m != old {
			wanted = append(wanted, "muted:"+user)
		}
	}
	p.step(t, next, events, err, want, wanted...)
}

func (p *play) change(t *rapid.T) {
	user := p.user(t)
	to := Changing{NickName: rapid.SampledFrom([]*string{nil, ptr(""), ptr("A")}).Draw(t, "nick"),
		Role: rapid.SampledFrom([]*Role{nil, ptr(Host), ptr(Guest)}).Draw(t, "role")}
	m, want := p.of(user)
	next, events, err := p.room.Change(user, to)
	var wanted []string
	if want == nil {
		old := *m
		if to.NickName != nil {
			m.nick = first(*to.NickName, user)
		}
		if to.Role != nil {
			m.role = *to.Role
		}
		if *m != old {
			wanted = append(wanted, "member_changed:"+user)
		}
	}
	p.step(t, next, events, err, want, wanted...)
}

func (p *play) say(t *rapid.T) {
	s := Saying{From: rapid.SampledFrom([]string{"", "ann", "bob"}).Draw(t, "from"),
		To: rapid.SampledFrom([]string{"", "", "bob", "cid"}).Draw(t, "to"), Kind: Text, Text: "x"}
	var want error
	for _, user := range []string{s.From, s.To} {
		if user != "" && want == nil {
			_, want = p.of(user)
		}
	}
	if p.model.closed {
		want = ErrClosed
	}
	next, m, err := p.room.Message(s, p.now)
	if want == nil && m.Seq != uint64(len(p.model.said))+1 {
		t.Fatalf("message %d after %d", m.Seq, len(p.model.said))
	}
	if want == nil {
		p.model.said = append(p.model.said, m)
	}
	p.step(t, next, nil, err, want)
}

// catchUp is a client that heard nothing for a while, and now hears every event
// twice.
func (p *play) catchUp(t *rapid.T) {
	if len(p.unheard) > 1 {
		if v, err := Apply(p.late, p.unheard[1]); !errors.Is(err, ErrGap) || !reflect.DeepEqual(v, p.late) {
			t.Fatalf("a gap gave %+v, %v", v, err)
		}
	}
	for _, e := range append(slices.Clone(p.unheard), p.unheard...) {
		var err error
		if p.late, err = Apply(p.late, e); err != nil {
			t.Fatal(err)
		}
	}
	p.unheard = nil
	if !reflect.DeepEqual(p.late, p.room.View()) {
		t.Fatalf("catching up led to %+v; the room is %+v", p.late, p.room.View())
	}
}

// store is a restart: the room goes through its encoding.
func (p *play) store(t *rapid.T) {
	b, err := p.room.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(b)
	if err != nil || !reflect.DeepEqual(back, p.room) {
		t.Fatalf("decoded %+v, %v; want %+v", back, err, p.room)
	}
	p.room = back
}

func (p *play) close(t *rapid.T) {
	if rapid.IntRange(0, 9).Draw(t, "seldom") != 0 {
		return
	}
	next, events, err := p.room.Close("done", p.now)
	if p.model.closed {
		p.step(t, next, events, err, ErrClosed)
		return
	}
	p.model.closed, p.model.order, p.model.members = true, nil, map[string]*member{}
	p.step(t, next, events, err, nil, "room_closed:done")
}

func ptr[T any](v T) *T { return &v }

func first[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}
