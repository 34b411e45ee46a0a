package room

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

func say(t *testing.T, r Room, s Saying) Room {
	t.Helper()
	r, _, err := r.Message(s, t0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func seqs(all []Message) string {
	s := []string{}
	for _, m := range all {
		s = append(s, fmt.Sprint(m.Seq))
	}
	return strings.Join(s, " ")
}

func TestMessage(t *testing.T) {
	r := with(t, "alice", "bob")
	before := r.Revision
	r, m, err := r.Message(Saying{From: "alice", Kind: Text, Text: "你好 <b>"}, at(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if m.Seq != 1 || m.From != "alice" || m.NickName != "alice" || m.Text != "你好 <b>" || !m.At.Equal(at(time.Second)) {
		t.Errorf("said %+v", m)
	}
	if r.Revision != before {
		t.Error("a message is not an event of the room")
	}
	r, m, err = r.Message(Saying{Kind: Custom, Text: "moved", Data: json.RawMessage("{ \"x\": 1 }")}, t0)
	if err != nil || m.Seq != 2 || m.From != "" || string(m.Data) != `{"x":1}` || m.Text != "moved" {
		t.Errorf("the back end said %+v, %v", m, err)
	}
	if seqs(r.History("bob", 0)) != "1 2" || seqs(r.History("bob", 1)) != "2" || seqs(r.History("bob", 2)) != "" {
		t.Errorf("history %+v", r.History("bob", 0))
	}
}

func TestPrivateMessages(t *testing.T) {
	r := with(t, "alice", "bob", "carol")
	r = say(t, r, Saying{From: "alice", Kind: Text, Text: "all"})
	r = say(t, r, Saying{From: "alice", To: "bob", Kind: Text, Text: "psst"})
	r = say(t, r, Saying{To: "carol", Kind: Text, Text: "from the gateway"})
	for user, want := range map[string]string{"alice": "1 2", "bob": "1 2", "carol": "1 3", "dave": "1", "": "1"} {
		if got := seqs(r.History(user, 0)); got != want {
			t.Errorf("%q may read %q; want %q", user, got, want)
		}
	}
}

func TestHistoryIsBounded(t *testing.T) {
	r := with(t, "alice")
	kept := r
	for range MaxHistory + 5 {
		kept = r
		r = say(t, r, Saying{From: "alice", Kind: Text, Text: "x"})
	}
	if h := r.History("alice", 0); len(h) != 50 || h[0].Seq != 6 || h[49].Seq != 55 {
		t.Errorf("history of %d, %q", len(h), seqs(h))
	}
	if got := kept.History("alice", 0); len(got) != 50 || got[49].Seq != 54 {
		t.Errorf("a message altered the room before it: %q", seqs(got))
	}
	big := json.RawMessage(`"` + strings.Repeat("x", MaxData-2) + `"`)
	for range 20 {
		r = say(t, r, Saying{From: "alice", Kind: Custom, Data: big})
	}
	if h := r.History("alice", 0); len(h) != MaxHistoryBytes/MaxData || h[len(h)-1].Seq != 75 {
		t.Errorf("history of %d, %q", len(h), seqs(h))
	}
	if b, err := r.Encode(); err != nil || len(b) > 200<<10 {
		t.Errorf("the room is %d bytes, %v", len(b), err)
	}
}

func TestMessageRefuses(t *testing.T) {
	r := with(t, "alice", "bob")
	for _, c := range []struct {
		s     Saying
		kind  error
		words []string
	}{
		{Saying{}, ErrBadMessage, []string{`""`, "text or custom"}},
		{Saying{Kind: "image"}, ErrBadMessage, []string{`"image"`, "text or custom"}},
		{Saying{Kind: Text}, ErrBadMessage, []string{"without text"}},
		{Saying{Kind: Text, Text: "x", Data: json.RawMessage("1")}, ErrBadMessage, []string{"custom"}},
		{Saying{Kind: Custom, Text: "x"}, ErrBadMessage, []string{"without data"}},
		{Saying{Kind: Custom, Data: json.RawMessage("{x")}, ErrBadMessage, []string{`"{x"`, "JSON"}},
		{Saying{Kind: Text, Text: "\xff"}, ErrBadMessage, []string{"UTF-8"}},
		{Saying{Kind: Custom, Data: json.RawMessage("\"\xff\"")}, ErrBadMessage, []string{"UTF-8"}},
		{Saying{Kind: Text, Text: strings.Repeat("x", MaxText+1)}, ErrMessageTooLong, []string{"4097", "4096"}},
		{Saying{Kind: Custom, Data: json.RawMessage(strings.Repeat("1", MaxData+1))}, ErrMessageTooLong, []string{"16385", "16384"}},
		{Saying{Kind: Text, Text: "x", From: "carol"}, ErrNotMember, []string{`"carol"`}},
		{Saying{Kind: Text, Text: "x", From: "alice", To: "carol"}, ErrNotMember, []string{`"carol"`}},
	} {
		next, _, err := r.Message(c.s, t0)
		refused(t, err, c.kind, c.words...)
		if next.LastSeq != 0 {
			t.Errorf("a refused message %+v was counted", c.s)
		}
	}
	say(t, r, Saying{Kind: Text, Text: strings.Repeat("x", MaxText)})
}
