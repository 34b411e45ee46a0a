package recording

import (
	"errors"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hutong/bridge/record"
	"hutong/bridge/testmedia"
	"hutong/gateway/config"
	"hutong/gateway/room"
)

var phone = testmedia.Spec{Width: 320, Height: 240, ToneHz: 440, Duration: 30 * time.Second}

// A rule has a room recorded, from its first publisher until everybody has gone.
func TestByRule(t *testing.T) {
	h := newHooks(t)
	n := newNode(t, func(c *config.Recording) {
		c.Rules = []config.RecordingRule{{Name: "lessons", Room: "lesson-*", Keep: config.Duration(time.Hour)}}
		c.Webhooks = []config.Webhook{{URL: h.url, Secret: "0123456789abcdef"}}
	})
	streams := n.room("lesson-1", "teacher", "pupil")
	other := n.room("coffee", "anna")
	n.push(other[0], phone)
	first := n.push(streams[0], phone)
	i := n.only("a recording", func(i Item) bool { return i.RoomID == "lesson-1" })
	second := n.push(streams[1], testmedia.Spec{Width: 320, Height: 240, ToneHz: 660, Duration: 30 * time.Second})
	n.recorded(i.RecordingID, streams[0], 2*time.Second)
	n.recorded(i.RecordingID, streams[1], 2*time.Second)
	view, err := n.rooms.Get(t.Context(), "lesson-1")
	if err != nil || view.Recording != room.RecordingOn {
		t.Errorf("the room is told %q (%v)", view.Recording, err)
	}
	if _, err := n.rooms.Say(t.Context(), "lesson-1", room.Saying{From: "pupil", Kind: room.Text, Text: "我听不见"}); err != nil {
		t.Fatal(err)
	}
	first.Kill()
	second.Kill()
	i = n.only("its end", func(i Item) bool { return i.State == Finished })
	if len(i.Files) != 2 || i.Rule != "lessons" || i.KeepUntil.Sub(i.StartedAt) != time.Hour || !slices.Contains(i.Users, "pupil") {
		t.Errorf("%+v", i)
	}
	m, err := n.s.Manifest(t.Context(), i)
	if err != nil || !m.Complete || !slices.ContainsFunc(m.Events, func(e record.Event) bool { return e.Text == "我听不见" && e.NickName == "昵称 pupil" }) {
		t.Errorf("%+v, %v", m, err)
	}
	v, err := n.s.Verify(t.Context(), i)
	if err != nil || !v.Verified {
		t.Errorf("%+v, %v", v, err)
	}
	for _, event := range []string{"recording_started", "recording_file", "recording_ended"} {
		testmedia.Eventually(t, 20*time.Second, event, func() bool { return h.count(event) > 0 })
	}
	view, err = n.rooms.Get(t.Context(), "lesson-1")
	if err == nil && view.Recording != room.RecordingOff {
		t.Errorf("afterwards the room is told %q", view.Recording)
	}
}

func TestOnDemand(t *testing.T) {
	n := newNode(t, nil)
	ctx := t.Context()
	for _, o := range []Order{{}, {Stream: "live/a", RoomID: "b"}, {RoomID: "r", Mixed: true}, {Stream: "nonsense"}} {
		if _, _, err := n.s.Start(ctx, o); err == nil {
			t.Errorf("%+v is recorded", o)
		}
	}
	if _, _, err := n.s.Start(ctx, Order{Stream: "live/none"}); !errors.Is(err, ErrNothing) {
		t.Errorf("a stream that nobody publishes: %v", err)
	}
	n.push("live/cam", phone)
	i, again, err := n.s.Start(ctx, Order{Stream: "live/cam", By: "backend1"})
	if err != nil || again {
		t.Fatal(err, again)
	}
	if same, again, err := n.s.Start(ctx, Order{Stream: "live/cam"}); err != nil || !again || same.RecordingID != i.RecordingID {
		t.Errorf("asked again: %+v, %v, %v", same, again, err)
	}
	n.recorded(i.RecordingID, "live/cam", 2*time.Second)
	if _, err := n.s.Pause(ctx, i.RecordingID, "agent:li"); err != nil {
		t.Fatal(err)
	}
	n.recorded(i.RecordingID, "live/cam", time.Second)
	if i, err = n.s.Resume(ctx, i.RecordingID, "agent:li"); err != nil || i.State != Recording {
		t.Fatal(i, err)
	}
	n.recorded(i.RecordingID, "live/cam", 4*time.Second)
	if err := n.s.Delete(ctx, i.RecordingID, "x", ""); !errors.Is(err, ErrState) {
		t.Errorf("deleted while it goes on: %v", err)
	}
	if i, err = n.s.Stop(ctx, i.RecordingID, "backend1"); err != nil {
		t.Fatal(err)
	}
	if i.State != Finished || len(i.Files) != 2 || i.Gaps != 1 {
		t.Errorf("%+v", i)
	}
	if _, err := n.s.Stop(ctx, i.RecordingID, "x"); !errors.Is(err, ErrState) {
		t.Errorf("stopped twice: %v", err)
	}
	c, err := n.s.File(ctx, i, i.Files[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Open(ctx, 4, 4)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	r.Close()
	if string(b) != "ftyp" || err != nil {
		t.Errorf("bytes 4 to 8 are %q (%v)", b, err)
	}
	for _, name := range []string{"../../recording_key.pem", "nothing.mp4", "", "."} {
		if _, err := n.s.File(ctx, i, name); !errors.Is(err, ErrNotFound) {
			t.Errorf("file %q: %v", name, err)
		}
	}
	if _, err := n.s.Hold(ctx, i.RecordingID, "judge", "case 7", true); err != nil {
		t.Fatal(err)
	}
	if err := n.s.Delete(ctx, i.RecordingID, "x", ""); !errors.Is(err, ErrHeld) {
		t.Errorf("deleted on hold: %v", err)
	}
	if _, err := n.s.Hold(ctx, i.RecordingID, "judge", "", false); err != nil {
		t.Fatal(err)
	}
	if err := n.s.Delete(ctx, i.RecordingID, "backend1", "asked for"); err != nil {
		t.Fatal(err)
	}
	if _, err := n.s.Get(ctx, i.RecordingID); !errors.Is(err, ErrNotFound) || exist(filepath.Join(n.s.dir, i.RecordingID)) {
		t.Errorf("it is still there: %v", err)
	}
	trail, _, err := n.s.Audit(ctx, i.RecordingID, "", 100)
	if err != nil {
		t.Fatal(err)
	}
	var done []string
	for _, e := range trail {
		done = append(done, e.Action)
	}
	if got := strings.Join(done, " "); got != "start pause resume stop hold release delete" {
		t.Errorf("the audit has %s", got)
	}
	if _, problems, err := record.VerifyLedger(filepath.Join(n.s.dir, record.LedgerName), n.s.PublicKey()); err != nil || len(problems) > 0 {
		t.Errorf("the ledger: %v, %v", problems, err)
	}
}

// Whoever asks at the same time gets the same recording.
func TestAskedAtOnce(t *testing.T) {
	n := newNode(t, func(c *config.Recording) { c.Rules = []config.RecordingRule{{Stream: "live/cam"}} })
	n.push("live/cam", phone)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, _, err := n.s.Start(t.Context(), Order{Stream: "live/cam"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	i := n.only("one recording", func(i Item) bool { return i.State == Recording })
	if mixed, again, err := n.s.Start(t.Context(), Order{Stream: "live/cam", Mixed: true}); err != nil || again || mixed.RecordingID == i.RecordingID {
		t.Errorf("what the audience gets: %+v, %v, %v", mixed, again, err)
	}
}

// Somebody who ends what a rule began means it.
func TestStopAgainstARule(t *testing.T) {
	n := newNode(t, func(c *config.Recording) { c.Rules = []config.RecordingRule{{All: true}} })
	p := n.push("live/cam", phone)
	i := n.only("a recording", func(i Item) bool { return i.State == Recording })
	n.recorded(i.RecordingID, "live/cam", time.Second)
	if _, err := n.s.Stop(t.Context(), i.RecordingID, "x"); err != nil {
		t.Fatal(err)
	}
	before := n.streams.Get("live/cam").Stats().Frames[0]
	testmedia.Eventually(t, 30*time.Second, "pictures", func() bool { return n.streams.Get("live/cam").Stats().Frames[0] > before+40 })
	n.only("still one", func(i Item) bool { return i.State == Finished })
	p.Kill()
	testmedia.Eventually(t, 30*time.Second, "the end", func() bool { return n.streams.Get("live/cam") == nil })
	before = 0
	testmedia.Eventually(t, 30*time.Second, "the service to see it", func() bool {
		n.s.mu.Lock()
		defer n.s.mu.Unlock()
		return len(n.s.declined) == 0
	})
	n.push("live/cam", phone)
	testmedia.Eventually(t, 30*time.Second, "a second recording", func() bool { _, _, total, _ := n.s.List(Filter{}, "", 9); return total == 2 })
}

// A restart goes on with the recording, and the gap is told.
func TestRestart(t *testing.T) {
	n := newNode(t, func(c *config.Recording) { c.Linger = config.Duration(time.Minute) })
	n.push("live/cam", phone)
	i, _, err := n.s.Start(t.Context(), Order{Stream: "live/cam"})
	if err != nil {
		t.Fatal(err)
	}
	n.recorded(i.RecordingID, "live/cam", 2*time.Second)
	n.s.Close()
	before := n.streams.Get("live/cam").Stats().Frames[0]
	testmedia.Eventually(t, 30*time.Second, "pictures to pass", func() bool { return n.streams.Get("live/cam").Stats().Frames[0] > before+60 })
	n.start(nil)
	n.recorded(i.RecordingID, "live/cam", 3*time.Second)
	if i, err = n.s.Stop(t.Context(), i.RecordingID, "x"); err != nil {
		t.Fatal(err)
	}
	m, err := n.s.Manifest(t.Context(), i)
	if err != nil || len(m.Files) != 2 || len(m.Gaps) != 1 || len(m.Recoveries) != 1 {
		t.Fatalf("files %+v, gaps %+v, %v", m.Files, m.Gaps, err)
	}
	if v, err := n.s.Verify(t.Context(), i); err != nil || !v.Verified {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestRetention(t *testing.T) {
	n := newNode(t, nil)
	n.push("live/cam", phone)
	var ids []string
	for range 2 {
		i, _, err := n.s.Start(t.Context(), Order{Stream: "live/cam", Keep: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		n.recorded(i.RecordingID, "live/cam", time.Second)
		if _, err := n.s.Stop(t.Context(), i.RecordingID, ""); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, i.RecordingID)
	}
	if _, err := n.s.Hold(t.Context(), ids[0], "judge", "case 7", true); err != nil {
		t.Fatal(err)
	}
	n.s.retire(t.Context(), time.Now().Add(23*time.Hour))
	if _, _, total, _ := n.s.List(Filter{}, "", 9); total != 2 {
		t.Errorf("%d are left too early", total)
	}
	n.s.retire(t.Context(), time.Now().Add(25*time.Hour))
	page, _, _, err := n.s.List(Filter{}, "", 9)
	if err != nil || len(page) != 1 || page[0].RecordingID != ids[0] {
		t.Errorf("left are %+v, %v", page, err)
	}
}

func TestLinks(t *testing.T) {
	n := newNode(t, nil)
	query, expires := n.s.Link("r1", "a.mp4")
	if d := time.Until(expires); d < 9*time.Minute || d > 10*time.Minute {
		t.Errorf("good for %v", d)
	}
	at, signature, _ := strings.Cut(strings.TrimPrefix(query, "expires="), "&signature=")
	if !n.s.Opens("r1", "a.mp4", at, signature) {
		t.Error("its own link does not open")
	}
	for _, bad := range [][4]string{{"r2", "a.mp4", at, signature}, {"r1", "b.mp4", at, signature}, {"r1", "a.mp4", at + "0", signature}, {"r1", "a.mp4", "1", n.s.sign("r1", "a.mp4", "1")}, {"r1", "a.mp4", "", ""}} {
		if n.s.Opens(bad[0], bad[1], bad[2], bad[3]) {
			t.Errorf("%v opens", bad)
		}
	}
}

func TestRules(t *testing.T) {
	rules := []config.RecordingRule{{Name: "desk", Queue: "support"}, {Room: "lesson-*"}, {Stream: "live/cam*"}}
	for _, test := range []struct {
		p     place
		want  string
		whole bool
	}{
		{place{stream: "live/x", roomID: "c1", call: Call{CallID: "c1", Queue: "support"}}, "desk", true},
		{place{stream: "live/x", roomID: "c1", call: Call{CallID: "c1", Queue: "sales"}}, "", false},
		{place{stream: "live/x", roomID: "lesson-4"}, "room lesson-*", true},
		{place{stream: "live/cam7"}, "stream live/cam*", false},
		{place{stream: "live/cam7", roomID: "r"}, "stream live/cam*", false},
		{place{stream: "live/mic"}, "", false},
	} {
		r, whole, ok := ruleFor(rules, test.p)
		if ok != (test.want != "") || ok && (nameOf(r) != test.want || whole != test.whole) {
			t.Errorf("%+v: %+v, %v, %v", test.p, r, whole, ok)
		}
	}
	if _, whole, ok := ruleFor([]config.RecordingRule{{All: true}}, place{stream: "live/a"}); !ok || whole {
		t.Error("all does not want a stream outside of rooms")
	}
}
