package call

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"hutong/gateway/room"
)

var t0 = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

func at(d time.Duration) time.Time { return t0.Add(d) }

const sec = time.Second

func placed(t testing.TB) Call {
	t.Helper()
	c, err := Place(Placing{CallID: "c1", Queue: "q", Caller: Caller{UserID: "li", Client: room.RTMP}}, t0)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// must returns the call after a step that has to succeed, and has to leave the
// call before as it is.
func must(t testing.TB, before Call) func(Call, error) Call {
	t.Helper()
	was, err := before.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return func(c Call, err error) Call {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if now, _ := before.Encode(); string(now) != string(was) {
			t.Fatalf("a step altered the call before it:\n%s\n%s", was, now)
		}
		if c.Revision != before.Revision+1 {
			t.Fatalf("revision %d follows %d", c.Revision, before.Revision)
		}
		return c
	}
}

func refused(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v; want %v", err, want)
	}
}

func ringing(t testing.TB) Call {
	c := placed(t)
	return must(t, c)(c.Offer("anna", c.Revision, 20*sec, at(10*sec)))
}

func answered(t testing.TB) Call {
	c := ringing(t)
	return must(t, c)(c.Answer("anna", at(15*sec)))
}

func TestAnOrdinaryCall(t *testing.T) {
	c := answered(t)
	if c.State != Answered || c.AgentID != "anna" || c.Ring != nil || !c.AnsweredAt.Equal(at(15*sec)) {
		t.Fatalf("answered: %+v", c)
	}
	c = must(t, c)(c.Hold("anna", at(20*sec)))
	c = must(t, c)(c.Resume("anna", at(30*sec)))
	c = must(t, c)(c.HangUpBy("anna", at(40*sec)))
	want := Durations{Waited: 15_000, Rang: 5_000, Talked: 15_000, Held: 10_000}
	if c.State != Ended || c.Reason != Completed || c.EndedBy != ByAgent || c.Spent != want || c.Durations(at(time.Hour)) != want {
		t.Errorf("ended %s by %s: %+v; want %+v", c.Reason, c.EndedBy, c.Spent, want)
	}
	var events []string
	for _, e := range c.Timeline {
		events = append(events, e.Event)
	}
	if got := strings.Join(events, " "); got != "created ringing answered held resumed ended" {
		t.Errorf("the timeline is %q", got)
	}
	if s := c.Summary(); s.Talked != 15_000 || !reflect.DeepEqual(s.Agents, []string{"anna"}) || s.Reason != Completed {
		t.Errorf("the summary is %+v", s)
	}
	_, err := c.HangUp(ByCaller, at(time.Hour))
	refused(t, err, ErrWrongState)
}

func TestMovingOn(t *testing.T) {
	c := ringing(t)
	_, err := c.Answer("ben", at(11*sec))
	refused(t, err, ErrNotYours)
	c = must(t, c)(c.Reject("anna", "rejected", at(12*sec)))
	if c.State != Waiting || !c.Tried["anna"].Equal(at(12*sec)) || len(c.Engaged()) != 0 {
		t.Fatalf("after a reject: %+v", c)
	}
	c = must(t, c)(c.Offer("ben", c.Revision, 20*sec, at(13*sec)))
	n, some, err := c.Due(Rules{}, at(32*sec))
	if some || err != nil {
		t.Fatalf("it stops to ring early: %v", err)
	}
	n, some, err = c.Due(Rules{}, at(33*sec))
	if !some || err != nil || n.State != Waiting || n.Timeline[len(n.Timeline)-1].Event != "missed" {
		t.Fatalf("it goes on ringing: %+v, %v", n, err)
	}
}

func TestAnOfferIsForOneRevision(t *testing.T) {
	c := placed(t)
	_, err := c.Offer("anna", c.Revision+1, sec, t0)
	refused(t, err, ErrMoved)
	_, err = c.Touch().Offer("anna", c.Revision, sec, t0)
	refused(t, err, ErrMoved)
}

func TestWhyItEnds(t *testing.T) {
	wait := Rules{MaxWait: time.Minute, CallerGrace: 10 * sec}
	duty := wait
	duty.OnDuty = true
	away := func(c Call) Call { n, _ := c.Away(at(20 * sec)); return n }
	for _, test := range []struct {
		name   string
		call   Call
		end    func(Call) (Call, error)
		reason Reason
		by     string
	}{
		{"the caller goes before", ringing(t), func(c Call) (Call, error) { return c.HangUp(ByCaller, at(20*sec)) }, Abandoned, ByCaller},
		{"the caller goes after", answered(t), func(c Call) (Call, error) { return c.HangUp(ByCaller, at(20*sec)) }, Completed, ByCaller},
		{"a back end ends it before", ringing(t), func(c Call) (Call, error) { return c.HangUp(ByBackend, at(20*sec)) }, Failed, ByBackend},
		{"an agent rejects, where that ends it", ringing(t), func(c Call) (Call, error) { return c.RejectAndEnd("anna", at(20*sec)) }, Rejected, ByAgent},
		{"it waits too long", placed(t), func(c Call) (Call, error) { n, _, err := c.Due(duty, at(time.Minute)); return n, err }, Timeout, BySystem},
		{"it waits for nobody", placed(t), func(c Call) (Call, error) { n, _, err := c.Due(wait, at(time.Minute)); return n, err }, NoAgent, BySystem},
		{"the caller is lost before", away(placed(t)), func(c Call) (Call, error) { n, _, err := c.Due(wait, at(30*sec)); return n, err }, Abandoned, ByCaller},
		{"the caller is lost after", away(answered(t)), func(c Call) (Call, error) { n, _, err := c.Due(wait, at(30*sec)); return n, err }, Failed, ByCaller},
	} {
		n, err := test.end(test.call)
		if err != nil || n.State != Ended || n.Reason != test.reason || n.EndedBy != test.by || len(n.Engaged()) != 0 {
			t.Errorf("%s: %s %s by %s, %v", test.name, n.State, n.Reason, n.EndedBy, err)
		}
	}
}

func TestTheCallerComesBack(t *testing.T) {
	c := answered(t)
	c = must(t, c)(c.Away(at(20 * sec)))
	if again, _ := c.Away(at(25 * sec)); again.Revision != c.Revision {
		t.Error("being away is noted twice")
	}
	c = must(t, c)(c.Back(Caller{Client: room.WebRTC}, at(25*sec)))
	if _, some, _ := c.Due(Rules{CallerGrace: 10 * sec}, at(time.Hour)); some || c.Caller.Client != room.WebRTC {
		t.Errorf("after the return: %+v", c.Caller)
	}
}

func TestTransfers(t *testing.T) {
	begin := func(warm bool) Call {
		c := answered(t)
		return must(t, c)(c.TransferTo("anna", "ben", c.Revision, warm, 30*sec, at(20*sec)))
	}
	t.Run("warm", func(t *testing.T) {
		c := begin(true)
		if e := c.Engaged(); c.State != Transferring || e["anna"] != AtWork || e["ben"] != AtRing {
			t.Fatalf("begun: %s %v", c.State, e)
		}
		_, err := c.CompleteTransfer("anna", at(21*sec))
		refused(t, err, ErrWrongState)
		c = must(t, c)(c.Answer("ben", at(25*sec)))
		if c.State != Transferring || !c.Move.Consulting || c.AgentID != "anna" {
			t.Fatalf("consulting: %+v", c.Move)
		}
		_, err = c.CompleteTransfer("ben", at(26*sec))
		refused(t, err, ErrNotYours)
		c = must(t, c)(c.CompleteTransfer("anna", at(30*sec)))
		if c.State != Answered || c.AgentID != "ben" || c.Transfers != 1 || c.Spent.Held != 10_000 {
			t.Errorf("handed over: %+v", c)
		}
		if e := c.Engaged(); len(e) != 1 || e["ben"] != AtWork {
			t.Errorf("engaged %v", e)
		}
	})
	t.Run("warm, refused", func(t *testing.T) {
		c := begin(true)
		c = must(t, c)(c.Reject("ben", "rejected", at(25*sec)))
		if c.State != Answered || c.AgentID != "anna" || c.Move != nil {
			t.Errorf("back: %+v", c)
		}
	})
	t.Run("warm, cancelled while consulting", func(t *testing.T) {
		c := begin(true)
		c = must(t, c)(c.Answer("ben", at(25*sec)))
		c = must(t, c)(c.CancelTransfer("anna", at(26*sec)))
		if e := c.Engaged(); c.State != Answered || len(e) != 1 || e["anna"] != AtWork {
			t.Errorf("back: %s %v", c.State, e)
		}
	})
	t.Run("warm, the first agent is lost", func(t *testing.T) {
		c := begin(true)
		c = must(t, c)(c.Answer("ben", at(25*sec)))
		c = must(t, c)(c.AgentLost("anna", at(26*sec)))
		if c.State != Answered || c.AgentID != "ben" {
			t.Errorf("taken over: %+v", c)
		}
	})
	t.Run("cold", func(t *testing.T) {
		c := begin(false)
		if e := c.Engaged(); c.State != Transferring || len(e) != 1 || e["ben"] != AtRing || c.TakesPart("agent-anna") {
			t.Fatalf("begun: %s %v", c.State, e)
		}
		c = must(t, c)(c.Answer("ben", at(25*sec)))
		if c.State != Answered || c.AgentID != "ben" || c.Transfers != 1 {
			t.Errorf("taken over: %+v", c)
		}
	})
	t.Run("cold, not answered", func(t *testing.T) {
		c := begin(false)
		n, some, err := c.Due(Rules{}, at(50*sec))
		if !some || err != nil || n.State != Waiting || !n.Front || n.AgentID != "" {
			t.Errorf("back in line: %+v, %v", n, err)
		}
	})
	t.Run("cold to a queue", func(t *testing.T) {
		c := answered(t)
		c = must(t, c)(c.TransferToQueue("anna", "experts", false, 30*sec, at(20*sec)))
		if c.State != Waiting || c.Queue != "experts" || !c.Front || len(c.Engaged()) != 0 {
			t.Errorf("in the other line: %+v", c)
		}
	})
	t.Run("warm to a queue", func(t *testing.T) {
		c := answered(t)
		c = must(t, c)(c.TransferToQueue("anna", "experts", true, 30*sec, at(20*sec)))
		c = must(t, c)(c.Offer("ben", c.Revision, 20*sec, at(21*sec)))
		c = must(t, c)(c.Reject("ben", "rejected", at(22*sec)))
		if c.State != Transferring || c.Move.AgentID != "" {
			t.Fatalf("it looks on: %+v", c.Move)
		}
		gone, some, err := c.Due(Rules{}, at(50*sec))
		if !some || err != nil || gone.State != Answered || gone.AgentID != "anna" || gone.Queue != "q" {
			t.Errorf("nobody found: %+v, %v", gone, err)
		}
		c = must(t, c)(c.Offer("cai", c.Revision, 20*sec, at(23*sec)))
		c = must(t, c)(c.Answer("cai", at(24*sec)))
		c = must(t, c)(c.CompleteTransfer("anna", at(25*sec)))
		if c.AgentID != "cai" || c.Queue != "experts" {
			t.Errorf("handed over: %+v", c)
		}
	})
	t.Run("refusals", func(t *testing.T) {
		c := answered(t)
		_, err := c.TransferTo("ben", "anna", c.Revision, true, sec, t0)
		refused(t, err, ErrNotYours)
		_, err = c.TransferTo("anna", "anna", c.Revision, true, sec, t0)
		refused(t, err, ErrBusy)
		_, err = c.TransferTo("anna", "ben", c.Revision-1, true, sec, t0)
		refused(t, err, ErrMoved)
		_, err = begin(true).TransferToQueue("anna", "x", false, sec, t0)
		refused(t, err, ErrWrongState)
		_, err = c.CancelTransfer("anna", t0)
		refused(t, err, ErrWrongState)
		w := placed(t)
		_, err = w.Hold("anna", t0)
		refused(t, err, ErrNotYours)
	})
}

func TestThirdParties(t *testing.T) {
	c := answered(t)
	n, g, err := c.Invite("anna", Inviting{NickName: "Expert", Role: "expert", For: time.Minute}, at(20*sec))
	c = must(t, c)(n, err)
	if g.UserID != "guest-1" || !c.TakesPart("guest-1") || c.Guests[0].Joined {
		t.Fatalf("invited %+v", g)
	}
	c = must(t, c)(c.GuestIn("guest-1", at(21*sec)))
	n, _, err = c.Invite("anna", Inviting{AgentID: "ben", Revision: c.Revision, For: time.Minute}, at(22*sec))
	c = must(t, c)(n, err)
	if c.Engaged()["ben"] != AtRing || c.TakesPart("agent-ben") {
		t.Fatalf("ben takes part before he answers: %v", c.Engaged())
	}
	c = must(t, c)(c.Answer("ben", at(23*sec)))
	if c.Engaged()["ben"] != AtWork || !c.TakesPart("agent-ben") || c.AgentID != "anna" {
		t.Fatalf("ben: %v", c.Engaged())
	}
	c = must(t, c)(c.Leave("ben", at(24*sec)))
	c = must(t, c)(c.Dismiss("anna", "guest-1", at(25*sec)))
	if len(c.Guests) != 0 {
		t.Errorf("left over: %v", c.Guests)
	}
	_, err = c.Leave("anna", at(26*sec))
	refused(t, err, ErrNotYours)
	n, _, err = c.Invite("anna", Inviting{NickName: "late", For: time.Minute}, at(30*sec))
	c = must(t, c)(n, err)
	if n, some, err := c.Due(Rules{}, at(90*sec)); !some || err != nil || len(n.Guests) != 0 {
		t.Errorf("an invitation stands for ever: %+v, %v", n.Guests, err)
	}
}

func TestAgentLost(t *testing.T) {
	c := answered(t)
	c = must(t, c)(c.Supervise("sam", Listen, c.Revision, at(20*sec)))
	c = must(t, c)(c.AgentLost("anna", at(25*sec)))
	if c.State != Waiting || !c.Front || len(c.Engaged()) != 0 || c.Tried["anna"].IsZero() || c.TakesPart("agent-sam") {
		t.Errorf("after the loss: %+v", c)
	}
	same, err := c.AgentLost("ben", at(26*sec))
	if err != nil || same.Revision != c.Revision {
		t.Errorf("the loss of a stranger: %v", err)
	}
}

func TestOverflow(t *testing.T) {
	c := placed(t)
	r := Rules{OverflowTo: "b", OverflowAfter: 10 * sec, MaxWait: time.Minute}
	n, some, err := c.Due(r, at(10*sec))
	if !some || err != nil || n.Queue != "b" || !n.QueuedAt.Equal(t0) {
		t.Fatalf("overflowed: %+v, %v", n, err)
	}
	r.OverflowTo = "q"
	if back, some, _ := n.Due(r, at(20*sec)); some {
		t.Errorf("it flows back to %s", back.Queue)
	}
}

func TestPlaceRefuses(t *testing.T) {
	good := func() Placing {
		return Placing{CallID: "c1", Queue: "q", Caller: Caller{UserID: "li", Client: room.WebRTC}}
	}
	for name, change := range map[string]func(*Placing){
		"no userID":        func(p *Placing) { p.Caller.UserID = "" },
		"an agent's":       func(p *Placing) { p.Caller.UserID = "agent-anna" },
		"a guest's":        func(p *Placing) { p.Caller.UserID = "guest-1" },
		"no client":        func(p *Placing) { p.Caller.Client = "" },
		"a control":        func(p *Placing) { p.Caller.NickName = "a\nb" },
		"a priority":       func(p *Placing) { p.Priority = 101 },
		"a skill":          func(p *Placing) { p.Skills = []string{"a b"} },
		"data":             func(p *Placing) { p.Caller.UserData = json.RawMessage("{") },
		"too much data":    func(p *Placing) { p.Caller.UserData = json.RawMessage(`"` + strings.Repeat("x", MaxUserData) + `"`) },
		"too many skills":  func(p *Placing) { p.Skills = make([]string, 17) },
		"not a callID":     func(p *Placing) { p.CallID = "a/b" },
		"a very long name": func(p *Placing) { p.Caller.NickName = strings.Repeat("李", 65) },
	} {
		p := good()
		change(&p)
		if _, err := Place(p, t0); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestEncoding(t *testing.T) {
	c := answered(t)
	c = must(t, c)(c.TransferTo("anna", "ben", c.Revision, true, 30*sec, at(20*sec)))
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(data)
	if err != nil || !reflect.DeepEqual(back, c) {
		t.Errorf("decoded %+v, %v; want %+v", back, err, c)
	}
	if _, err := Decode([]byte("{}")); !errors.Is(err, ErrCorrupt) {
		t.Errorf("nothing was decoded: %v", err)
	}
}

func TestTheTimelineIsBounded(t *testing.T) {
	c := answered(t)
	for i := range 2 * maxTimeline {
		var err error
		if i%2 == 0 {
			c, err = c.Hold("anna", at(time.Duration(20+i)*sec))
		} else {
			c, err = c.Resume("anna", at(time.Duration(20+i)*sec))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(c.Timeline) != maxTimeline || c.Timeline[0].Event != "created" || !c.Timeline[maxTimeline-1].At.Equal(at(time.Duration(19+2*maxTimeline)*sec)) {
		t.Errorf("%d entries from %s to %v", len(c.Timeline), c.Timeline[0].Event, c.Timeline[maxTimeline-1].At)
	}
}
