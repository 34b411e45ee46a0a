package rooms

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/store"
)

// childDir in the environment makes the test binary the process that is killed
// in TestKill.
const childDir = "ROOMS_TEST_CHILD_DIR"

func TestRestart(t *testing.T) {
	st, c := openStore(t, store.Options{Dir: t.TempDir()}), newClock()
	first, err := New(Options{Store: st, Node: "n1", Now: c.now})
	ok(t, err)
	create(t, first, "r", 0)
	c.pass(time.Hour)
	m := join(t, first, "r", "a")
	join(t, first, "r", "b")
	ok(t, first.Connect(t.Context(), "r", "a", "s1"))
	// The node dies: what it holds stays in the store.
	left, err := first.load(t.Context(), "r")
	ok(t, err)
	first.Close()
	unannounced(t, first, "r", func(room.Room) (room.Room, error) { return left, nil })

	c.pass(time.Hour)
	s := start(t, Options{Store: st, Node: "n1", Now: c.now})
	if got := fmt.Sprint(members(t, s, "r")); got != "[a b]" {
		t.Fatalf("after a restart %s are in the room", got)
	}
	if roomID, userID, ok := s.RoomOf(m.Stream); !ok || roomID != "r" || userID != "a" {
		t.Errorf("%s belongs to %q, %q", m.Stream, roomID, userID)
	}
	r, err := s.load(t.Context(), "r")
	ok(t, err)
	if p, _ := r.Place("a"); p.Held() {
		t.Error("the hold of the former life is still there")
	}
	s.round()
	c.pass(19 * time.Second)
	s.round()
	if got := fmt.Sprint(members(t, s, "r")); got != "[a b]" {
		t.Errorf("of those who may come back, only %s are left", got)
	}
	again := join(t, s, "r", "b")
	if again.Stream != "live/r_b" {
		t.Errorf("came back with the stream %s", again.Stream)
	}
	c.pass(2 * time.Second)
	eventually(t, "the leaving of who did not come back", func() bool { return fmt.Sprint(members(t, s, "r")) == "[b]" })
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	ok(t, err)
	ok(t, cmd.Start())
	killed := false
	defer cmd.Wait()
	defer cmd.Process.Kill()
	var said []string
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said = append(said, lines.Text())
		if len(said) == 100 {
			killed = true
			cmd.Process.Kill() // amid its writes
		}
	}
	if !killed {
		t.Fatalf("the child ended by itself: %q", said)
	}
	cmd.Wait()
	s := start(t, Options{Store: openStore(t, store.Options{Dir: dir}), Node: "n1"})
	for _, line := range said {
		roomID, userID, _ := strings.Cut(line, " ")
		if m := memberOf(t, s, roomID, userID); m.UserID == "" {
			t.Errorf("%s had joined %s", userID, roomID)
		}
	}
	join(t, s, "r0", "survivor")
}

// joinUntilKilled has users join rooms, and says who has.
func joinUntilKilled(dir string) {
	fail := func(err error) {
		if err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
	}
	st, err := store.Open(store.Options{Dir: dir})
	fail(err)
	s, err := New(Options{Store: st, Node: "n1"})
	fail(err)
	for i := range 10 {
		_, err := s.Create(context.Background(), room.Options{RoomID: fmt.Sprint("r", i), Capacity: room.MaxCapacity})
		fail(err)
	}
	for i := 0; ; i++ {
		roomID, userID := fmt.Sprint("r", i%10), fmt.Sprint("u", i)
		_, _, err := s.Join(context.Background(), roomID, room.Joining{UserID: userID, Client: room.RTMP})
		fail(err)
		fmt.Println(roomID, userID)
	}
}
