package call

import (
	"fmt"
	"testing"
	"time"
)

// crowded is an answered call with everybody in it that there can be.
func crowded(t *testing.T) Call {
	c := answered(t)
	n, _, err := c.Invite("anna", Inviting{NickName: "Witness", Role: "witness", For: time.Minute}, t0)
	c = must(t, c)(n, err)
	for agent, mode := range map[string]Mode{"lis": Listen, "whi": Whisper, "joi": Join} {
		c = must(t, c)(c.Supervise(agent, mode, c.Revision, t0))
	}
	return c
}

// TestWhoGetsWhom writes down for every state, listener and speaker what passes:
// - nothing, not even that somebody is there; k known; m media too.
func TestWhoGetsWhom(t *testing.T) {
	people := []string{"li", "agent-anna", "guest-1", "agent-lis", "agent-whi", "agent-joi", "agent-ben", "stranger", ""}
	talking := crowded(t)
	held := must(t, talking)(talking.Hold("anna", t0))
	moving := must(t, talking)(talking.TransferTo("anna", "ben", talking.Revision, true, time.Minute, t0))
	consulting := must(t, moving)(moving.Answer("ben", t0))
	over := must(t, talking)(talking.HangUp(ByCaller, t0))
	for _, test := range []struct {
		name string
		c    Call
		rows []string // by listener, of speakers; the columns are those of people but the last
	}{
		{"answered", talking, []string{
			/* li        */ "m m m - - m - -",
			/* anna      */ "m m m k m m - -",
			/* guest     */ "m m m - - m - -",
			/* listening */ "m m m m k m - -",
			/* whispering*/ "m m m k m m - -",
			/* joined    */ "m m m k k m - -",
			/* ben       */ "- - - - - - m -",
			/* stranger  */ "- - - - - - - m",
			/* anybody   */ "m m m - - m - -",
		}},
		{"held", held, []string{
			"m k k - - k - -",
			"k m m k m m - -",
			"k m m - - m - -",
			"k m m m k m - -",
			"k m m k m m - -",
			"k m m k k m - -",
			"- - - - - - m -",
			"- - - - - - - m",
			"- - - - - - - -",
		}},
		{"ringing at the other agent", moving, []string{
			"m k k - - k - -",
			"k m m k m m - -",
			"k m m - - m - -",
			"k m m m k m - -",
			"k m m k m m - -",
			"k m m k k m - -",
			"- - - - - - m -",
			"- - - - - - - m",
			"- - - - - - - -",
		}},
		{"consulting", consulting, []string{
			"m k k - - k - -",
			"k m m k m m m -",
			"k m m - - m m -",
			"k m m m k m m -",
			"k m m k m m m -",
			"k m m k k m m -",
			"k m m k k m m -",
			"- - - - - - - m",
			"- - - - - - - -",
		}},
		{"ended", over, []string{
			"m - - - - - - -", "- m - - - - - -", "- - m - - - - -", "- - - m - - - -", "- - - - m - - -",
			"- - - - - m - -", "- - - - - - m -", "- - - - - - - m", "- - - - - - - -",
		}},
	} {
		for i, listener := range people {
			got := ""
			for j, speaker := range people[:len(people)-1] {
				s := test.c.Share(listener, speaker)
				mark := "-"
				if s.Known {
					mark = "k"
				}
				if s.Audio != s.Video || s.Audio && !s.Known {
					t.Errorf("%s: %q gets %+v of %q", test.name, listener, s, speaker)
				}
				if s.Audio {
					mark = "m"
				}
				if j > 0 {
					got += " "
				}
				got += mark
			}
			if got != test.rows[i] {
				t.Errorf("%s: %q gets %s; want %s", test.name, listener, got, test.rows[i])
			}
		}
	}
}

func TestMutes(t *testing.T) {
	c, on, off := answered(t), true, false
	c = must(t, c)(c.Muted("anna", "li", &on, nil, t0))
	if s := c.Share("agent-anna", "li"); s.Audio || !s.Video || !s.Known {
		t.Errorf("muted: %+v", s)
	}
	if s := c.Share("", "li"); s.Audio || !s.Video {
		t.Errorf("anybody gets %+v", s)
	}
	c = must(t, c)(c.Muted("anna", "li", &off, nil, t0))
	if s := c.Share("agent-anna", "li"); !s.Audio || len(c.Mutes) != 0 {
		t.Errorf("unmuted: %+v", s)
	}
	_, err := c.Muted("anna", "nobody", &on, nil, t0)
	refused(t, err, ErrNotYours)
}

// TestBeforeAnAnswer: who waits is alone.
func TestBeforeAnAnswer(t *testing.T) {
	for _, c := range []Call{placed(t), ringing(t)} {
		for _, who := range []string{"agent-anna", "", "x"} {
			if s := c.Share(who, "li"); s != (Share{}) {
				t.Errorf("%s: %s gets %+v", c.State, fmt.Sprintf("%q", who), s)
			}
		}
	}
}
