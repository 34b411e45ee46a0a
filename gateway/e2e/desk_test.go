package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fasthttp/websocket"

	"hutong/bridge/testmedia"
	"hutong/gateway/auth"
)

// clerk is an agent, without the page.
type clerk struct {
	t            *testing.T
	gw           *gateway
	cookie, csrf string
}

// ask makes a call of the desk that is to succeed.
func (c *clerk) ask(method, path, body string) map[string]any {
	c.t.Helper()
	req, err := http.NewRequest(method, "http://"+c.gw.http+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if c.cookie != "" {
		req.Header.Set("Cookie", c.cookie)
		req.Header.Set("X-CSRF-Token", c.csrf)
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode >= 300 {
		c.t.Fatalf("%s %s: %s %s", method, path, resp.Status, text)
	}
	if set := resp.Header.Get("Set-Cookie"); set != "" {
		c.cookie, _, _ = strings.Cut(set, ";")
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		c.t.Fatalf("%s %s: %s", method, path, text)
	}
	return got
}

// open opens the console, which is read and closed with the test.
func (c *clerk) open() {
	c.t.Helper()
	console, _, err := websocket.DefaultDialer.Dial("ws://"+c.gw.http+"/api/v1/agent/ws", http.Header{"Cookie": {c.cookie}})
	if err != nil {
		c.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, _, err := console.ReadMessage(); err != nil {
				return
			}
		}
	}()
	c.t.Cleanup(func() { console.Close(); <-done })
}

// tap is an HTTP-FLV player that counts what comes.
type tap struct {
	t     *testing.T
	what  string
	bytes atomic.Int64
	over  atomic.Bool
}

func listen(t *testing.T, what, url string) *tap {
	t.Helper()
	p := &tap{t: t, what: what}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport}).Get(url)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v %v", what, resp, err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		defer p.over.Store(true)
		b := make([]byte, 32<<10)
		for {
			n, err := resp.Body.Read(b)
			p.bytes.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	t.Cleanup(func() { resp.Body.Close(); wg.Wait() })
	return p
}

func (p *tap) flows() {
	p.t.Helper()
	before := p.bytes.Load()
	testmedia.Eventually(p.t, 20*time.Second, p.what+" to flow", func() bool { return p.bytes.Load() > before+50_000 })
}

// still waits for a second in which nothing comes, on a connection that stays.
func (p *tap) still() {
	p.t.Helper()
	last, since := p.bytes.Load(), time.Now()
	testmedia.Eventually(p.t, 20*time.Second, p.what+" to stand still", func() bool {
		if n := p.bytes.Load(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > time.Second
	})
	if p.over.Load() {
		p.t.Errorf("%s: the connection has ended", p.what)
	}
}

// TestADeskForPhones has a phone call, be put on hold, and go on; the gateway is
// killed in the middle.
func TestADeskForPhones(t *testing.T) {
	gw := &gateway{}
	config := writeConfigAt(t, gw, "127.0.0.1", "", fmt.Sprintf(`queues: [{id: support}]
rooms: {grace: 5s}
desk:
  caller_grace: 5s
  agents: [{name: anna, password: %q, queues: [support]}]
`, auth.HashPassword("anna")))
	gw.serve(t, config)
	defer func() { gw.stop(t) }()
	anna, outside := &clerk{t: t, gw: gw}, &clerk{t: t, gw: gw}
	anna.csrf = anna.ask("POST", "/agent/login", `{"name":"anna","password":"anna"}`)["csrf"].(string)
	anna.open()
	anna.ask("PUT", "/agent/state", `{"state":"ready"}`)
	placed := outside.ask("POST", "/queues/support/calls", `{"userID":"li","client":"rtmp"}`)
	callID := placed["call"].(map[string]any)["callID"].(string)
	clip := testmedia.Clip(t, testmedia.Spec{Width: 320, Height: 240, GOP: 30}, testmedia.FLV)
	pushOf := func(answer map[string]any) string {
		return answer["room"].(map[string]any)["push"].(map[string]any)["rtmp"].(string)
	}
	testmedia.Push(t, clip, pushOf(placed))
	state := func() string {
		_, _, body := gw.get("/api/v1/calls/" + callID)
		var c struct{ State string }
		json.Unmarshal(body, &c)
		return c.State
	}
	testmedia.Eventually(t, 20*time.Second, "the ringing", func() bool { return state() == "ringing" })
	answer := anna.ask("POST", "/calls/"+callID+"/answer", "")
	testmedia.Push(t, clip, pushOf(answer))
	testmedia.Eventually(t, 20*time.Second, "both streams", func() bool { return gw.live(callID+"_li") && gw.live(callID+"_agent-anna") })
	token := func(answer map[string]any) string { return answer["room"].(map[string]any)["token"].(string) }
	taps := []*tap{
		listen(t, "the agent at the phone", gw.flvURL(callID+"_agent-anna")+"?token="+token(placed)),
		listen(t, "the phone at the agent", gw.flvURL(callID+"_li")+"?token="+token(answer)),
		listen(t, "the phone at anybody", gw.flvURL(callID+"_li")),
	}
	rtmp, file := testmedia.Play(t, testmedia.FFmpeg, gw.rtmpURL(callID+"_agent-anna")+"?token="+token(placed))
	size := func() int64 {
		info, err := os.Stat(file)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	testmedia.Eventually(t, 20*time.Second, "RTMP to flow", func() bool { return size() > 50_000 })
	for _, p := range taps {
		p.flows()
	}
	anna.ask("POST", "/calls/"+callID+"/hold", "")
	for _, p := range taps {
		p.still()
	}
	held := size()
	anna.ask("POST", "/calls/"+callID+"/resume", "")
	for _, p := range taps {
		p.flows()
	}
	testmedia.Eventually(t, 20*time.Second, "RTMP to go on", func() bool { return size() > held+50_000 })
	select {
	case <-rtmp.Done():
		t.Errorf("the RTMP player was thrown out:\n%s", rtmp.Log())
	default:
	}

	// The call has survived what the gateway has not.
	gw.process.Kill()
	gw.serve(t, config)
	if s := state(); s != "answered" {
		t.Fatalf("after the kill the call is %q", s)
	}
	anna.open()
	testmedia.Push(t, clip, pushOf(outside.ask("POST", "/queues/support/calls", `{"userID":"li","client":"rtmp"}`)))
	testmedia.Push(t, clip, pushOf(anna.ask("POST", "/calls/"+callID+"/join", "")))
	testmedia.Eventually(t, 20*time.Second, "both streams again", func() bool { return gw.live(callID+"_li") && gw.live(callID+"_agent-anna") })
	listen(t, "the phone after the kill", gw.flvURL(callID+"_li")+"?token="+token(answer)).flows()
	anna.ask("POST", "/calls/"+callID+"/hangup", "")
	_, _, record := gw.get("/api/v1/history/" + callID)
	if !bytes.Contains(record, []byte(`"reason":"completed"`)) || !bytes.Contains(record, []byte(`"event":"held"`)) {
		t.Errorf("the record is %s", record)
	}
}
