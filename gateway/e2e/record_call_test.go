package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hutong/bridge/testmedia"
	"hutong/gateway/auth"
)

// observer is an HTTP-FLV player that notes when pictures come: what it sees of a
// stream is independent of the recorder.
type observer struct {
	path string
	mu   sync.Mutex
	came map[time.Duration]time.Time // pictures, by their media time
	last time.Duration               // the newest picture's
}

// observe plays a stream until the test or finish ends it.
func observe(t *testing.T, url string) (o *observer, finish func()) {
	t.Helper()
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %v %v", url, resp, err)
	}
	o = &observer{path: filepath.Join(t.TempDir(), "observed.flv"), came: map[time.Duration]time.Time{}}
	file, err := os.Create(o.path)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { o.read(resp.Body, file) })
	finish = sync.OnceFunc(func() { resp.Body.Close(); wg.Wait(); file.Close() })
	t.Cleanup(finish)
	return o, finish
}

// read keeps whole tags (Adobe's FLV specification, E.4.1).
func (o *observer) read(r io.Reader, file io.Writer) {
	head := make([]byte, 13)
	if _, err := io.ReadFull(r, head); err != nil {
		return
	}
	file.Write(head)
	for {
		tag := make([]byte, 11)
		if _, err := io.ReadFull(r, tag); err != nil {
			return
		}
		body := make([]byte, int(binary.BigEndian.Uint32(tag)&0xffffff)+4)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		now := time.Now()
		file.Write(append(tag, body...))
		if tag[0] != 9 {
			continue
		}
		at := time.Duration(uint32(tag[4])<<16|uint32(tag[5])<<8|uint32(tag[6])|uint32(tag[7])<<24) * time.Millisecond
		o.mu.Lock()
		o.came[at], o.last = now, at
		o.mu.Unlock()
	}
}

// grows waits for so much more.
func (o *observer) grows(t *testing.T, what string, by time.Duration) {
	t.Helper()
	reach := func() time.Duration { o.mu.Lock(); defer o.mu.Unlock(); return o.last }
	from := reach()
	testmedia.Eventually(t, waitLong, what+" to go on", func() bool { return reach()-from >= by })
}

// deskCall is a call of a phone and a browser that was recorded by rule, with a
// pause in it.
type deskCall struct {
	t         *testing.T
	gw        *gateway
	config    string
	dir       string // of the recording
	id        string
	callID    string
	sides     map[string]*observer // by user
	files     []recordingFile
	decoded   map[string]*testmedia.Media // by file
	paused    [2]time.Time
	browser   *testmedia.Browser
	startedAt time.Time
	drawn     time.Time // the browser's picture 0
	slow      string    // while this file is there, ffmpeg takes its time
}

// slowFFmpeg is a program that is ffmpeg, at a twentieth of real time if it is to be.
func (c *deskCall) slowFFmpeg(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	c.slow = filepath.Join(dir, "slow")
	path := filepath.Join(dir, "ffmpeg.sh")
	if err := os.WriteFile(path, fmt.Appendf(nil, "#!/bin/sh\n[ -e %q ] && exec ffmpeg -readrate 0.05 \"$@\"\nexec ffmpeg \"$@\"\n", c.slow), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// deskPhone has counters that drawn pictures do not have.
var deskPhone = testmedia.Spec{ToneHz: 440, VideoBitrate: 500_000, FirstCounter: 30000, Duration: 60 * time.Second}

func recordDeskCall(t *testing.T) *deskCall {
	t.Helper()
	c := &deskCall{t: t, gw: &gateway{}, sides: map[string]*observer{}, decoded: map[string]*testmedia.Media{}}
	c.config = writeConfigAt(t, c.gw, "127.0.0.1", "publisher_grace: 1s", fmt.Sprintf(`queues: [{id: support, name: Support}]
desk:
  agents: [{name: anna, nick_name: Anna, password: %q, queues: [support]}, {name: sam, nick_name: Sam, role: supervisor, password: %q, queues: [support]}]
recording:
  linger: 2s
  rules: [{name: both sides, queue: support, keep: 24h}]
  disk: {min_free: 1MiB, alarm_free: 1MiB}
  composite: {width: 640, height: 240, fps: 15, ffmpeg: %q}
`, auth.HashPassword("anna"), auth.HashPassword("sam"), c.slowFFmpeg(t)))
	c.gw.serve(t, c.config)
	anna, outside := &clerk{t: t, gw: c.gw}, &clerk{t: t, gw: c.gw}
	anna.csrf = anna.ask("POST", "/agent/login", `{"name":"anna","password":"anna"}`)["csrf"].(string)
	anna.open()
	anna.ask("PUT", "/agent/state", `{"state":"ready"}`)
	placed := outside.ask("POST", "/queues/support/calls", `{"userID":"li","nickName":"李娜","client":"rtmp"}`)
	c.callID = placed["call"].(map[string]any)["callID"].(string)
	room := func(answer map[string]any) map[string]any { return answer["room"].(map[string]any) }
	testmedia.Push(t, testmedia.Clip(t, deskPhone, testmedia.FLV), room(placed)["push"].(map[string]any)["rtmp"].(string))
	testmedia.Eventually(t, waitLong, "the ringing", func() bool {
		_, _, body := c.gw.get("/api/v1/calls/" + c.callID)
		return strings.Contains(string(body), `"ringing"`)
	})
	answer := anna.ask("POST", "/calls/"+c.callID+"/answer", "")
	c.browser = testmedia.NewBrowser(t, testmedia.BrowserOptions{Flags: []string{"window-size=1500,1000"}})
	page := browserPage(t, c.browser, c.gw)
	agent := c.callID + "_agent-anna"
	requireCreated(t, call(t, page, "publishDrawn", agent, "/whip/live/"+agent+"?token="+room(answer)["token"].(string), nil))
	var drawn float64
	page.Eval("e2e.drawnAt", &drawn)
	c.drawn = time.UnixMicro(int64(drawn * 1000))
	testmedia.Eventually(t, waitLong, "both streams", func() bool { return c.gw.live(c.callID+"_li") && c.gw.live(agent) })
	var finish [2]func()
	c.sides["li"], finish[0] = observe(t, c.gw.flvURL(c.callID+"_li"))
	c.sides["agent-anna"], finish[1] = observe(t, c.gw.flvURL(agent))
	grow := func(by time.Duration) {
		for who, o := range c.sides {
			o.grows(t, who, by)
		}
	}
	grow(6 * time.Second)
	outside.ask("POST", "/rooms/"+c.callID+"/messages", `{"from":"li","type":"text","text":"我的卡号是？"}`)
	c.id = anna.ask("POST", "/recordings", `{"callID":"`+c.callID+`"}`)["recordingID"].(string)
	anna.ask("POST", "/recordings/"+c.id+"/pause", "")
	c.paused[0] = time.Now()
	if _, _, body := c.gw.get("/api/v1/rooms/" + c.callID); !strings.Contains(string(body), `"recording":"paused"`) {
		t.Errorf("those in the call are not told of the pause: %s", body)
	}
	grow(3 * time.Second)
	c.paused[1] = time.Now()
	anna.ask("POST", "/recordings/"+c.id+"/resume", "")
	grow(7 * time.Second)
	finish[0]()
	finish[1]()
	anna.ask("POST", "/calls/"+c.callID+"/hangup", "")
	page.Eval(fmt.Sprintf("e2e.unpublish(%q)", agent), nil)
	page.Close()
	var list struct{ Recordings []recorded }
	testmedia.Eventually(t, waitLong, "the recording's end", func() bool {
		_, _, body := c.gw.get("/api/v1/recordings?state=finished&callID=" + c.callID)
		return json.Unmarshal(body, &list) == nil && len(list.Recordings) == 1
	})
	c.dir = filepath.Join(filepath.Dir(c.config), "data", "recordings", c.id)
	c.files = list.Recordings[0].Files
	for _, f := range c.files {
		c.decoded[f.Name] = testmedia.Decode(t, filepath.Join(c.dir, f.Name))
		if c.startedAt.IsZero() || f.StartedAt.Before(c.startedAt) {
			c.startedAt = f.StartedAt
		}
	}
	return c
}

// TestRecordedCall has both sides of a call of the desk recorded, proves that what
// is in the files is what was on the air, and plays it in the console.
func TestRecordedCall(t *testing.T) {
	c := recordDeskCall(t)
	defer func() { c.gw.stop(t) }() // whichever process it is by then
	t.Run("content", c.content)
	t.Run("sides line up", c.lineUp)
	t.Run("proof", c.proof)
	t.Run("one file", c.oneFile)
	t.Run("console", c.console)
}

func (c *deskCall) content(t *testing.T) {
	lengths := map[string]time.Duration{}
	seen := beepsAfter(testmedia.Decode(t, c.sides["agent-anna"].path))
	for _, f := range c.files {
		media, length := c.decoded[f.Name], time.Duration(f.DurationMS)*time.Millisecond
		lengths[f.UserID] += length
		if media.Errors != "" {
			t.Errorf("%s: the decoder complains:\n%.600s", f.Name, media.Errors)
		}
		for _, p := range media.Pictures {
			if at := f.StartedAt.Add(p.PTS); at.After(c.paused[0].Add(100*time.Millisecond)) && at.Before(c.paused[1].Add(-100*time.Millisecond)) {
				t.Fatalf("%s has picture %d of %v, amid the pause from %v to %v", f.Name, p.Counter, at, c.paused[0], c.paused[1])
			}
		}
		if n := len(media.Pictures); n > 0 {
			// A browser that is thrown out sends sound for a moment longer.
			if end := media.Pictures[n-1].PTS; (end - length).Abs() > 700*time.Millisecond {
				t.Errorf("%s is to last %v, its last picture is of %v", f.Name, length, end)
			}
		}
		if length < 2500*time.Millisecond {
			continue
		}
		if f.UserID == "li" {
			requireAdvance(t, pictureStrips(media.Pictures), deskPhone, 1)
			requireSound(t, media, 440)
			continue
		}
		requireWhole(t, pictureStrips(media.Pictures))
		c.inSync(t, f.Name, media, seen)
	}
	for user, length := range lengths {
		if length < 11*time.Second || length > 60*time.Second {
			t.Errorf("of %s %v are recorded", user, length)
		}
	}
	if len(lengths) != 2 {
		t.Errorf("files of %v", lengths)
	}
}

// beepsAfter is how much later than each flash its beep is, by the flash's counter.
func beepsAfter(media *testmedia.Media) map[int]time.Duration {
	after, beeps := map[int]time.Duration{}, media.Beeps()
	for i, p := range media.Pictures {
		if i > 0 && p.Flash && !media.Pictures[i-1].Flash && p.OK {
			if off := testmedia.Offsets([]time.Duration{p.PTS}, beeps); len(off) == 1 {
				after[p.Counter] = off[0]
			}
		}
	}
	return after
}

// inSync wants sound and picture together as a player had them: a busy browser
// draws and speaks at different times by itself.
func (c *deskCall) inSync(t *testing.T, name string, media *testmedia.Media, seen map[int]time.Duration) {
	t.Helper()
	var off []time.Duration
	for counter, after := range beepsAfter(media) {
		if there, ok := seen[counter]; ok {
			off = append(off, after-there)
		}
	}
	slices.Sort(off)
	t.Logf("%s: beeps are %v later after their flashes than a player heard them", name, off)
	if len(off) < 3 || testmedia.Median(off).Abs() > 15*time.Millisecond {
		t.Errorf("%s: sound and picture are %v from where they belong", name, off)
	}
}

// lineUp holds the instants of the manifest against the truth: when the browser
// drew each picture, and when a player had what the phone sent, which has no delay
// of its own.
func (c *deskCall) lineUp(t *testing.T) {
	late, limit := map[string]time.Duration{}, 40*time.Millisecond
	for user, o := range c.sides {
		seen := map[int][]time.Time{}
		for _, p := range testmedia.Decode(t, o.path).Pictures {
			if p.OK {
				seen[p.Counter] = append(seen[p.Counter], o.came[p.PTS.Round(time.Millisecond)])
			}
		}
		var off, way []time.Duration
		quickest := map[int64]time.Duration{} // of each second
		for _, f := range c.files {
			for _, p := range c.decoded[f.Name].Pictures {
				at := f.StartedAt.Add(p.PTS)
				for _, came := range seen[p.Counter] {
					if f.UserID != user || came.Sub(at).Abs() > 5*time.Second {
						continue // from before the player came, or of the clip's next round
					}
					if d := at.Sub(came); quickest[came.Unix()] == 0 || d > quickest[came.Unix()] {
						quickest[came.Unix()] = d
					}
					drawn := c.drawn.Add(time.Duration(p.Counter) * time.Second / 30)
					off, way = append(off, at.Sub(drawn)), append(way, came.Sub(drawn))
				}
			}
		}
		if len(off) < 200 {
			t.Fatalf("%d pictures of %s were both recorded and seen", len(off), user)
		}
		if user == "li" {
			late[user] = testmedia.Median(slices.Collect(maps.Values(quickest)))
			continue
		}
		late[user] = testmedia.Median(off)
		// A browser that is starved stamps and sends its pictures as irregularly as they
		// come; nobody can place them better than that.
		slices.Sort(way)
		spread := way[len(way)*9/10] - way[len(way)/10]
		limit = max(limit, spread)
		t.Logf("the browser's pictures came %v after they were drawn, give or take %v", testmedia.Median(way), spread/2)
	}
	apart := late["agent-anna"] - late["li"]
	t.Logf("by the recording's clock the phone is %v and the browser %v late: %v apart", late["li"], late["agent-anna"], apart)
	if apart.Abs() > limit || late["li"].Abs() > 40*time.Millisecond {
		t.Errorf("the sides are %v apart, the phone %v from its place", apart, late["li"])
	}
}

// proof has the binary check the manifest, and find a byte that was changed.
func (c *deskCall) proof(t *testing.T) {
	verify := func() (string, error) {
		out, err := exec.Command(hutong, "verify", "--key", filepath.Join(filepath.Dir(c.config), "data", "recording_key.pem.pub"),
			filepath.Join(c.dir, "manifest.json"), filepath.Join(filepath.Dir(c.dir), "ledger.jsonl")).CombinedOutput()
		return string(out), err
	}
	if out, err := verify(); err != nil || !strings.Contains(out, "paused") {
		t.Errorf("hutong verify: %v\n%s", err, out)
	}
	path := filepath.Join(c.dir, c.files[0].Name)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o640); err != nil {
		t.Fatal(err)
	}
	if out, err := verify(); err == nil || !strings.Contains(out, c.files[0].Name) {
		t.Errorf("hutong verify of a changed file: %v\n%s", err, out)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o640); err != nil {
		t.Fatal(err)
	}
}
