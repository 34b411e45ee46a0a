package call

import (
	"errors"
	"testing"
)

// legal is the table of transitions as docs/desk.md tells it, written once more.
var legal = map[State]map[Trigger]State{
	Waiting:      {Offer: Ringing, Requeue: Waiting, End: Ended},
	Ringing:      {Accept: Answered, Decline: Waiting, End: Ended},
	Answered:     {Hold: Held, Transfer: Transferring, Requeue: Waiting, End: Ended},
	Held:         {Resume: Answered, Transfer: Transferring, Requeue: Waiting, End: Ended},
	Transferring: {Offer: Transferring, Accept: Transferring, Decline: Transferring, TakeOver: Answered, Return: Answered, Requeue: Waiting, End: Ended},
	Ended:        {},
}

func TestEveryTransition(t *testing.T) {
	n := 0
	for _, s := range States {
		for _, trigger := range Triggers {
			n++
			to, err := Next(s, trigger)
			want, ok := legal[s][trigger]
			switch {
			case ok && (err != nil || to != want):
				t.Errorf("%s of a %s call leads to %s, %v; want %s", trigger, s, to, err, want)
			case !ok && (!errors.Is(err, ErrWrongState) || to != s):
				t.Errorf("%s of a %s call leads to %s, %v; want a refusal", trigger, s, to, err)
			}
		}
	}
	if n != 60 {
		t.Errorf("%d pairs were tried; the table has 60", n)
	}
	if _, err := Next("lost", Hold); !errors.Is(err, ErrWrongState) {
		t.Errorf("a state there is not: %v", err)
	}
}

// TestEveryStateEnds has each state but the last lead to the end, and nothing
// lead out of it.
func TestEveryStateEnds(t *testing.T) {
	for _, s := range States {
		_, err := Next(s, End)
		if (err == nil) != (s != Ended) {
			t.Errorf("the end of a %s call: %v", s, err)
		}
	}
}
