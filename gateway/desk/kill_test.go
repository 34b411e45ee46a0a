package desk

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/session"
	"hutong/gateway/store"
)

// childDir in the environment makes the test binary the process that is killed
// in TestKill.
const childDir = "DESK_TEST_CHILD_DIR"

// TestKill kills a desk amid its work. Whatever it has said to have happened has
// happened: calls go on, or have a record, and no agent is bound to a call that
// does not know them.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	said, killed := map[string]string{}, false
	n := 0
	for lines := bufio.NewScanner(out); lines.Scan(); n++ {
		callID, what, _ := strings.Cut(lines.Text(), " ")
		said[callID] = what
		if n == 150 {
			killed = true
			cmd.Process.Kill()
		}
	}
	cmd.Wait()
	if !killed {
		t.Fatalf("the child ended by itself: %v", said)
	}
	st, err := store.Open(store.Options{Dir: dir})
	ok(t, err)
	t.Cleanup(st.Close)
	r, err := rooms.New(rooms.Options{Store: st, Node: "n1"})
	ok(t, err)
	defer r.Close()
	s, err := New(Options{Desk: kiosk(), Queues: []config.Queue{{ID: "q"}}, Store: st, Rooms: r, Node: "n1", tick: 50 * time.Millisecond})
	ok(t, err)
	defer s.Close()
	ended, going := 0, 0
	for callID, what := range said {
		eventually(t, "the truth about "+callID, func() bool {
			if record, err := s.Record(t.Context(), callID); err == nil {
				ended++
				return record.Call.State == call.Ended && record.Call.Reason != ""
			}
			c, err := s.Call(callID)
			if err != nil || what == "ended" {
				return false
			}
			going++
			return what == "placed" || !c.AnsweredAt.IsZero()
		})
	}
	if ended == 0 || going == 0 {
		t.Errorf("%d calls had ended and %d went on: the child was killed too late or too early", ended, going)
	}
	eventually(t, "agents in step", func() bool {
		for _, a := range s.Agents() {
			c, err := s.getCall(t.Context(), a.CallID)
			if a.CallID == "" {
				continue
			}
			if _, engaged := c.Engaged()[a.AgentID]; err != nil || !engaged {
				return false
			}
		}
		return true
	})
}

func kiosk() config.Desk {
	d := config.Default().Desk
	d.WrapUp = 0
	for i := range 8 {
		d.Agents = append(d.Agents, config.DeskAgent{Name: fmt.Sprint("a", i), Queues: []string{"q"}})
	}
	return d
}

// workUntilKilled has callers call and agents answer, and says what has happened.
func workUntilKilled(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	ctx := context.Background()
	st, err := store.Open(store.Options{Dir: dir})
	fail(err)
	r, err := rooms.New(rooms.Options{Store: st, Node: "n1"})
	fail(err)
	s, err := New(Options{Desk: kiosk(), Queues: []config.Queue{{ID: "q"}}, Store: st, Rooms: r, Node: "n1"})
	fail(err)
	for _, a := range s.Accounts() {
		out := session.NewOutbox()
		go func() {
			for range out.C {
			}
		}()
		_, err := s.OpenConsole(ctx, Login{Account: a}, out)
		fail(err)
		_, err = s.Choose(ctx, a.AgentID, call.Ready, "")
		fail(err)
		go func() {
			n := 0
			for range time.Tick(time.Millisecond) {
				mine := s.Calls(CallFilter{Agent: a.AgentID, State: call.Ringing})
				if len(mine) == 0 {
					continue
				}
				id := mine[0].CallID
				if _, err := s.Answer(ctx, a, id); err != nil {
					continue
				}
				fmt.Println(id, "answered")
				if n++; n%5 == 0 { // this one goes on for a while
					<-time.After(200 * time.Millisecond)
				}
				if _, err := s.HangUp(ctx, id, call.ByAgent, a); err == nil {
					fmt.Println(id, "ended")
				}
			}
		}()
	}
	i := 0
	for range time.Tick(3 * time.Millisecond) {
		i++
		p, _, err := s.Place(ctx, "q", Request{Caller: call.Caller{UserID: fmt.Sprint("u", i), Client: room.RTMP}})
		if err == nil {
			fmt.Println(p.Call.CallID, "placed")
		}
	}
}
