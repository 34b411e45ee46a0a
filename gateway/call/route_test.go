package call

import (
	"fmt"
	"testing"
	"time"

	"hutong/gateway/room"
)

func seat(t testing.TB, id string, idle time.Duration, queues []string, skills ...string) Seat {
	t.Helper()
	a, err := NewAgent(id, t0).Opened(Console{"k", "n"}, at(time.Hour)).Choose(Ready, "", at(idle))
	if err != nil {
		t.Fatal(err)
	}
	return Seat{Agent: a, Queues: queues, Skills: skills}
}

func line(t testing.TB, id, queue string, queued time.Duration, priority int, skills ...string) Call {
	t.Helper()
	c, err := Place(Placing{CallID: id, Queue: queue, Caller: Caller{UserID: "u-" + id, Client: room.RTMP}, Priority: priority, Skills: skills}, at(queued))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPick(t *testing.T) {
	both := []string{"a", "b"}
	tried := line(t, "c1", "a", 0, 0)
	tried.Tried = map[string]time.Time{"x": at(time.Hour - 20*sec)}
	front := line(t, "c2", "a", time.Minute, -5)
	front.Front = true
	away := line(t, "c1", "a", 0, 0)
	away.Caller.AwaySince = t0
	wanted := answered(t)
	wanted = must(t, wanted)(wanted.TransferToQueue("anna", "b", true, time.Minute, t0))
	busy := seat(t, "x", 0, both)
	busy.CallID = "c9"
	gone := seat(t, "x", 0, both)
	gone.Console = Console{}
	for _, test := range []struct {
		name  string
		calls []Call
		seats []Seat
		want  string
	}{
		{"nobody", []Call{line(t, "c1", "a", 0, 0)}, nil, ""},
		{"who has been idle the longest", []Call{line(t, "c1", "a", 0, 0)}, []Seat{seat(t, "x", 2*sec, both), seat(t, "y", sec, both)}, "c1:y"},
		{"who waits longest first", []Call{line(t, "c2", "a", 2*sec, 0), line(t, "c1", "a", sec, 0)}, []Seat{seat(t, "x", 0, both)}, "c1:x"},
		{"a priority comes first", []Call{line(t, "c1", "a", sec, 0), line(t, "c2", "a", 2*sec, 1)}, []Seat{seat(t, "x", 0, both)}, "c2:x"},
		{"so does that of a queue", []Call{line(t, "c1", "a", sec, 5), line(t, "c2", "b", 2*sec, 0)}, []Seat{seat(t, "x", 0, both)}, "c2:x"},
		{"who had an agent already comes before", []Call{line(t, "c1", "a", sec, 90), front}, []Seat{seat(t, "x", 0, both)}, "c2:x"},
		{"only agents of the queue", []Call{line(t, "c1", "b", 0, 0)}, []Seat{seat(t, "x", 0, []string{"a"}), seat(t, "y", sec, both)}, "c1:y"},
		{"skills of the queue", []Call{line(t, "c1", "vip", 0, 0)}, []Seat{seat(t, "x", 0, []string{"vip"}), seat(t, "y", sec, []string{"vip"}, "gold")}, "c1:y"},
		{"skills of the call", []Call{line(t, "c1", "a", 0, 0, "english")}, []Seat{seat(t, "x", 0, both), seat(t, "y", sec, both, "english")}, "c1:y"},
		{"the next in line for whom there is somebody", []Call{line(t, "c1", "a", 0, 0, "latin"), line(t, "c2", "a", sec, 0)}, []Seat{seat(t, "x", 0, both)}, "c2:x"},
		{"not again to who did not take it", []Call{tried}, []Seat{seat(t, "x", 0, both), seat(t, "y", sec, both)}, "c1:y"},
		{"not for who is away", []Call{away}, []Seat{seat(t, "x", 0, both)}, ""},
		{"not at who is busy", []Call{line(t, "c1", "a", 0, 0)}, []Seat{busy}, ""},
		{"not at who has no console", []Call{line(t, "c1", "a", 0, 0)}, []Seat{gone}, ""},
		{"a transfer that looks for somebody", []Call{wanted}, []Seat{seat(t, "x", 0, []string{"a"}), seat(t, "y", sec, []string{"b"})}, "c1:y"},
		{"each agent once", []Call{line(t, "c1", "a", 0, 0), line(t, "c2", "a", sec, 0)}, []Seat{seat(t, "x", 0, both)}, "c1:x"},
		{"several", []Call{line(t, "c1", "a", 0, 0), line(t, "c2", "a", sec, 0)}, []Seat{seat(t, "x", 0, both), seat(t, "y", sec, both)}, "c1:x c2:y"},
		{"a queue that is no more", []Call{line(t, "c1", "old", 0, 0)}, []Seat{seat(t, "x", 0, []string{"old"})}, ""},
	} {
		lines := map[string]Line{"a": {RetryAfter: 30 * sec}, "b": {Priority: 10}, "vip": {Skills: []string{"gold"}}}
		got := ""
		for i, p := range Pick(test.calls, test.seats, lines, func(Call) bool { return true }, at(time.Hour)) {
			if i > 0 {
				got += " "
			}
			got += p.CallID + ":" + p.AgentID
		}
		if got != test.want {
			t.Errorf("%s: %q; want %q", test.name, got, test.want)
		}
	}
}

func TestExpected(t *testing.T) {
	for _, c := range []struct {
		position, onDuty, ready int
		want                    time.Duration
		ok                      bool
	}{
		{1, 0, 0, 0, false}, {1, 2, 1, 0, true}, {1, 1, 0, time.Minute, true}, {4, 2, 0, 2 * time.Minute, true},
	} {
		if d, ok := Expected(c.position, c.onDuty, c.ready, time.Minute); d != c.want || ok != c.ok {
			t.Errorf("%+v: %v %t", c, d, ok)
		}
	}
}

func TestHours(t *testing.T) {
	h, err := ParseHours("Asia/Shanghai", []string{"Mon-Fri 09:00-18:00", "Sat 22:00-02:00"}, []string{"2026-05-05"})
	if err != nil {
		t.Fatal(err)
	}
	zone := h.zone
	for _, c := range []struct {
		at    string
		open  bool
		opens string
	}{
		{"2026-05-04 09:00", true, ""}, {"2026-05-04 17:59", true, ""}, {"2026-05-04 18:00", false, "2026-05-06 09:00"},
		{"2026-05-04 08:59", false, "2026-05-04 09:00"}, {"2026-05-05 12:00", false, "2026-05-06 09:00"},
		{"2026-05-09 21:00", false, "2026-05-09 22:00"}, {"2026-05-09 23:00", true, ""}, {"2026-05-10 01:59", true, ""},
		{"2026-05-10 02:00", false, "2026-05-11 09:00"},
	} {
		now, _ := time.ParseInLocation("2006-01-02 15:04", c.at, zone)
		opens, closed := h.Opens(now)
		got := ""
		if closed {
			got = opens.In(zone).Format("2006-01-02 15:04")
		}
		if h.Open(now) != c.open || got != c.opens {
			t.Errorf("at %s: open %t, opens %q; want %t %q", c.at, h.Open(now), got, c.open, c.opens)
		}
	}
	if always, err := ParseHours("", nil, nil); err != nil || !always.Open(t0) || !(Hours{}).Open(t0) {
		t.Errorf("without spans it is closed: %v", err)
	}
	if never, err := ParseHours("UTC", nil, []string{"2026-05-04"}); err != nil || never.Open(t0) {
		t.Errorf("on a closed day it is open: %v", err)
	}
	for _, bad := range []string{"", "Mon", "Mon 9-18", "Mon 09:00-25:00", "Foo 09:00-18:00", "Mon-Foo 09:00-18:00", "Mon 09:00-09:00", "Mon 24:00-01:00"} {
		if _, err := ParseHours("UTC", []string{bad}, nil); err == nil {
			t.Errorf("hours %q were taken", bad)
		}
	}
	if _, err := ParseHours("Mars/Olympus", nil, nil); err == nil {
		t.Error("a zone on Mars was taken")
	}
	if _, err := ParseHours("UTC", nil, []string{"tomorrow"}); err == nil {
		t.Error("a day tomorrow was taken")
	}
}

func TestJudge(t *testing.T) {
	v := func(f float64) *float64 { return &f }
	leg := Leg{Name: "Li", Sends: true, Video: true}
	for _, c := range []struct {
		name  string
		s     Sample
		light Light
		code  string
		text  string
	}{
		{"nothing known", Sample{}, Grey, "", ""},
		{"good", Sample{LossUp: v(0.01), RTT: v(40), FPS: v(25), BitrateUp: v(500_000)}, Green, "", ""},
		{"loses", Sample{LossUp: v(0.08), RTT: v(40), BitrateUp: v(500_000)}, Red, "uplink_loss", "the uplink of Li loses 8 %"},
		{"loses a little", Sample{LossUp: v(0.04), BitrateUp: v(500_000)}, Yellow, "uplink_loss", "the uplink of Li loses 4 %"},
		{"loses on the way down", Sample{LossDown: v(0.2), BitrateUp: v(500_000)}, Red, "downlink_loss", "the downlink of Li loses 20 %"},
		{"losses explain freezes", Sample{LossUp: v(0.09), Frozen: 1600, BitrateUp: v(500_000)}, Red, "uplink_loss", "the uplink of Li loses 9 %"},
		{"stands still", Sample{Frozen: 1600, BitrateUp: v(500_000)}, Red, "freezes", "the picture of Li stood still for 1600 ms"},
		{"few pictures", Sample{FPS: v(8), BitrateUp: v(500_000)}, Yellow, "low_fps", "Li sends 8 pictures a second"},
		{"far away", Sample{RTT: v(600), BitrateUp: v(500_000)}, Red, "round_trip", "Li is 600 ms away"},
		{"nothing comes", Sample{BitrateUp: v(0), RTT: v(20)}, Red, "no_media", "nothing comes from Li"},
		{"the worst counts", Sample{LossUp: v(0.04), RTT: v(900), BitrateUp: v(500_000)}, Red, "round_trip", "Li is 900 ms away"},
	} {
		s := Judge(c.s, leg)
		code, text := "", ""
		if s.Cause != nil {
			code, text = s.Cause.Code, s.Cause.Text
		}
		if s.Light != c.light || code != c.code || text != c.text {
			t.Errorf("%s: %s %s %q; want %s %s %q", c.name, s.Light, code, text, c.light, c.code, c.text)
		}
	}
	if s := Judge(Sample{BitrateUp: v(0)}, Leg{Name: "Sam"}); s.Light != Green {
		t.Errorf("who is not to send: %s", s.Light)
	}
}

func TestThin(t *testing.T) {
	var all []Sample
	for i := range 1000 {
		light := Green
		if i == 500 {
			light = Red
		}
		all = append(Thin(all), Sample{At: at(time.Duration(i) * sec), Light: light})
	}
	red := 0
	for i, s := range all {
		if s.Light == Red {
			red++
		}
		if i > 0 && !s.At.After(all[i-1].At) {
			t.Fatal(fmt.Sprint("the order is lost at ", i))
		}
	}
	if len(all) > MaxSamples || red != 1 {
		t.Errorf("%d samples, %d red", len(all), red)
	}
}
