package call

import (
	"testing"
	"time"
)

// here is an agent who is ready, with a console.
func here(t testing.TB) Agent {
	t.Helper()
	a, err := NewAgent("anna", t0).Opened(Console{"k1", "n1"}, t0).Choose(Ready, "", t0)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAnAgentsDay(t *testing.T) {
	a := here(t)
	is := func(want AgentState, now time.Duration) {
		t.Helper()
		if got := a.State(at(now)); got != want {
			t.Fatalf("after %v the agent is %s; want %s", now, got, want)
		}
	}
	is(Ready, 0)
	c := placed(t)
	var err error
	a, err = a.Reserve(c.CallID, c.Revision, AtRing, at(sec))
	if err != nil {
		t.Fatal(err)
	}
	is(AgentRings, sec)
	_, err = a.Reserve("c2", 1, AtRing, at(sec))
	refused(t, err, ErrBusy)
	c = must(t, c)(c.Offer("anna", c.Revision, 20*sec, at(sec)))
	a = a.Follow(c, false, 30*sec, at(sec))
	c = must(t, c)(c.Answer("anna", at(2*sec)))
	a = a.Follow(c, false, 30*sec, at(2*sec))
	is(Busy, 2*sec)
	if a, err = a.Choose(Break, "lunch", at(3*sec)); err != nil {
		t.Fatal(err)
	}
	is(Busy, 3*sec)
	c = must(t, c)(c.HangUpBy("anna", at(10*sec)))
	a = a.Follow(c, false, 30*sec, at(10*sec))
	is(WrapUp, 10*sec)
	is(Break, 40*sec)
	if a, err = a.Choose(Ready, "", at(15*sec)); err != nil {
		t.Fatal(err)
	}
	is(Ready, 15*sec)
	_, err = a.Choose(Busy, "", t0)
	refused(t, err, ErrBadData)
}

// TestStaleNews has an agent hear of the revisions of a call in the wrong order.
func TestStaleNews(t *testing.T) {
	a, c := here(t), placed(t)
	a, err := a.Reserve(c.CallID, c.Revision, AtRing, t0)
	if err != nil {
		t.Fatal(err)
	}
	if same := a.Follow(c, false, 0, t0); same != a {
		t.Error("a reservation that may still be used was released")
	}
	rings := must(t, c)(c.Offer("anna", c.Revision, 20*sec, t0))
	talks := must(t, rings)(rings.Answer("anna", t0))
	a = a.Follow(talks, false, 0, t0)
	if stale := a.Follow(rings, false, 0, t0); stale != a {
		t.Errorf("stale news made the agent %s", stale.State(t0))
	}
	if other := a.Follow(Call{CallID: "c2", Revision: 99}, true, 0, t0); other != a {
		t.Error("another call's end released the agent")
	}
	if free := a.Follow(Call{CallID: "c1"}, true, 0, t0); free.CallID != "" {
		t.Error("the call is gone, and the agent is bound to it")
	}
}

func TestGraceOfAgents(t *testing.T) {
	a := here(t)
	if a.Lost(30*sec, at(ConsoleStale-1)) || !a.Here(at(ConsoleStale-1)) {
		t.Error("a console that lives is lost")
	}
	if a.Here(at(ConsoleStale)) {
		t.Error("a console without a sign of life is there")
	}
	a = a.SeenOpen("k1", at(20*sec)).Closed("k0", at(21*sec))
	if !a.Here(at(22 * sec)) {
		t.Error("another console's end closed this one")
	}
	a = a.Closed("k1", at(25*sec))
	if a.Lost(30*sec, at(54*sec)) || !a.Lost(30*sec, at(55*sec)) {
		t.Error("the grace period is not 30 s")
	}
	if a = a.Gone(at(55 * sec)); a.State(at(55*sec)) != Offline || a.Lost(30*sec, at(99*sec)) {
		t.Errorf("gone: %s", a.State(at(55*sec)))
	}
	b, err := NewAgent("ben", t0).Choose(Ready, "", at(time.Hour))
	if err != nil || b.Lost(30*sec, at(time.Hour+29*sec)) || !b.Lost(30*sec, at(time.Hour+30*sec)) {
		t.Error("who is ready without a console has the grace period to open one")
	}
}

func TestMissedCalls(t *testing.T) {
	a := here(t)
	a = a.Miss(3, t0).Miss(3, t0)
	if a.State(t0) != Ready {
		t.Errorf("after two: %s", a.State(t0))
	}
	if a = a.Miss(3, t0); a.State(t0) != Break || a.Note != "missed" {
		t.Errorf("after three: %s %q", a.State(t0), a.Note)
	}
	if b := here(t).Miss(0, t0).Miss(0, t0); b.State(t0) != Ready {
		t.Errorf("where it does not matter: %s", b.State(t0))
	}
}
