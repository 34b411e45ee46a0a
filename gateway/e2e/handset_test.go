package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// handset is a phone with the mini-program of web/miniprogram: its pages and
// components as they are, a camera and a player made of ffmpeg, and a network
// that can be cut. It is the process of test/support/phone.js, which takes
// commands as lines of JSON and answers each.
type handset struct {
	face
	name, userID string

	stdin io.WriteCloser
	mu    sync.Mutex // guards what follows
	next  int
	waits map[int]chan handsetReply
	log   bytes.Buffer
}

// handsetReply is to a command.
type handsetReply struct {
	ID     int
	Result json.RawMessage
	Error  *string
}

// newHandset starts a phone with a face, until the test ends.
func newHandset(t *testing.T, gw *gateway, f face, name string) *handset {
	t.Helper()
	clip := testmedia.Clip(t, f.spec, testmedia.FLV)
	cmd := exec.Command("node", "../../web/miniprogram/test/support/phone.js", "--gateway", "http://"+gw.http, "--file", clip)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	h := &handset{face: f, name: name, waits: map[int]chan handsetReply{}}
	cmd.Stderr = h
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if h.stdin, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("starting a phone: %v; make deps installs what it needs", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		h.read(out)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		h.stdin.Close()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			<-done
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if said := h.log.String(); strings.Contains(said, `"crash"`) {
			t.Errorf("%s's phone: %.3000s", name, said)
		} else if t.Failed() {
			t.Logf("%s's phone said:\n%.6000s", name, said)
		}
	})
	return h
}

// Write keeps what the process complains of.
func (h *handset) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.Write(p)
}

// read hands answers to who waits, and keeps events, until the process ends.
func (h *handset) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		var a handsetReply
		_ = json.Unmarshal(lines.Bytes(), &a)
		h.mu.Lock()
		if wait, asked := h.waits[a.ID]; asked {
			delete(h.waits, a.ID)
			wait <- a
		} else {
			fmt.Fprintf(&h.log, "%s\n", lines.Bytes())
		}
		h.mu.Unlock()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, wait := range h.waits {
		delete(h.waits, id)
		close(wait)
	}
}

// do gives a command and reads the answer's result into out, unless it is nil.
func (h *handset) do(t *testing.T, command string, arguments map[string]any, out any) {
	t.Helper()
	wait := make(chan handsetReply, 1)
	h.mu.Lock()
	h.next++
	id := h.next
	h.waits[id] = wait
	h.mu.Unlock()
	line := map[string]any{"id": id, "do": command}
	for key, value := range arguments {
		line[key] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.stdin.Write(append(text, '\n')); err != nil {
		t.Fatalf("%s's phone is gone: %v", h.name, err)
	}
	select {
	case a, alive := <-wait:
		switch {
		case !alive:
			t.Fatalf("%s's phone ended at %s", h.name, command)
		case a.Error != nil:
			t.Fatalf("%s's phone at %s: %s", h.name, text, *a.Error)
		case out != nil:
			if err := json.Unmarshal(a.Result, out); err != nil {
				t.Fatalf("%s's phone at %s answers %.300s: %v", h.name, command, a.Result, err)
			}
		}
	case <-time.After(waitLong):
		t.Fatalf("%s's phone does not answer %s", h.name, text)
	}
}

// mount puts a page or component on the screen, under the name of screen.
func (h *handset) mount(t *testing.T, screen, file string, properties map[string]any, events ...string) {
	t.Helper()
	h.do(t, "mount", map[string]any{"name": screen, "file": file, "properties": properties, "events": events}, nil)
}

func (h *handset) call(t *testing.T, screen, method string, arguments ...any) {
	t.Helper()
	h.do(t, "call", map[string]any{"name": screen, "method": method, "args": arguments}, nil)
}

func (h *handset) tap(t *testing.T, screen, selector string) {
	t.Helper()
	h.do(t, "tap", map[string]any{"name": screen, "selector": selector}, nil)
}

// follow opens the page that was navigated to last.
func (h *handset) follow(t *testing.T) {
	t.Helper()
	var state struct{ Pages []string }
	testmedia.Eventually(t, waitLong, h.name+" to go to a page", func() bool {
		h.do(t, "state", nil, &state)
		return len(state.Pages) > 0
	})
	page, search, _ := strings.Cut(state.Pages[len(state.Pages)-1], "?")
	query := map[string]string{}
	for _, pair := range strings.Split(search, "&") {
		key, value, _ := strings.Cut(pair, "=")
		query[key] = value
	}
	h.mount(t, "page", strings.TrimPrefix(page, "/"), nil)
	h.call(t, "page", "onLoad", query)
}

// callPage is what the demo's call page shows.
type callPage struct {
	Kind, RoomID, UserID string
	Lines                []struct{ From, Text string }
}

func (h *handset) screen(t *testing.T) (s callPage) {
	t.Helper()
	h.do(t, "data", map[string]any{"name": "page"}, &s)
	return s
}

// tagState is what a tag of the phone's screen does.
type tagState struct {
	Kind   string
	Frames int
	Tone   float64
	States []int
}

// meets waits until the phone plays the others, and nobody else: pictures go on,
// and each has the own tone.
func (h *handset) meets(t *testing.T, others map[string]face) {
	t.Helper()
	frames := map[string]int{}
	var seen map[string]tagState
	defer func() {
		if t.Failed() {
			t.Logf("%s's phone plays %+v", h.name, seen)
		}
	}()
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%s's phone to see and hear %d others", h.name, len(others)), func() bool {
		seen = nil
		h.do(t, "media", nil, &seen)
		players := 0
		for id, p := range seen {
			if p.Kind != "player" {
				continue
			}
			players++
			f, known := others[id]
			if !known || math.Abs(p.Tone-float64(f.hz)) > 10 {
				return false
			}
			if _, began := frames[id]; !began {
				frames[id] = p.Frames
			}
			if p.Frames < frames[id] {
				frames[id] = p.Frames // it has started anew
			}
			if p.Frames < frames[id]+20 {
				return false
			}
		}
		return players == len(others)
	})
}

// reads waits for a line of chat, and requires that it is there once.
func (h *handset) reads(t *testing.T, from, text string) {
	t.Helper()
	count := 0
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%s's phone to show %q", h.name, text), func() bool {
		count = 0
		for _, line := range h.screen(t).Lines {
			if line.From == from && line.Text == text {
				count++
			}
		}
		return count > 0
	})
	if count != 1 {
		t.Errorf("%s's phone shows %q %d times", h.name, text, count)
	}
}

func (h *handset) says(t *testing.T, text string) {
	t.Helper()
	h.call(t, "page", "onDraft", map[string]any{"detail": map[string]any{"value": text}})
	h.call(t, "page", "onSend")
}
