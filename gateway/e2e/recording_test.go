package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

type recordingFile struct {
	Name       string
	UserID     string
	StartedAt  time.Time
	DurationMS int
}

type recorded struct {
	RecordingID, State string
	Files              []recordingFile
}

// A phone and a browser in one room are recorded by rule, both whole, and paused
// and found again by REST.
func TestRecording(t *testing.T) {
	gw := &gateway{}
	config := writeConfigAt(t, gw, "127.0.0.1", "publisher_grace: 1s", `recording: {linger: 2s, rules: [{room: "*"}], disk: {min_free: 1MiB, alarm_free: 1MiB}}`)
	gw.run(t, config)
	var room struct{ RoomID string }
	gw.post(t, "/api/v1/rooms", `{"roomID": "bank"}`, &room)
	streams := map[string]string{}
	for user, client := range map[string]string{"phone": "rtmp", "chrome": "webrtc"} {
		var joined struct{ Stream string }
		gw.post(t, "/api/v1/rooms/bank/members", fmt.Sprintf(`{"userID": %q, "client": %q}`, user, client), &joined)
		streams[user] = filepath.Base(joined.Stream)
	}
	flashing := testmedia.Spec{FlashBeep: true, Duration: 30 * time.Second}
	push := gw.push(t, streams["phone"], flashing)
	b := testmedia.NewBrowser(t, testmedia.BrowserOptions{Video: testmedia.Clip(t, camera, testmedia.Y4M), Audio: testmedia.Clip(t, microphone, testmedia.WAV)})
	page := browserPage(t, b, gw)
	publish(t, page, streams["chrome"], nil)
	var list struct{ Recordings []recorded }
	list.Recordings = nil
	testmedia.Eventually(t, waitLong, "a recording", func() bool {
		_, _, body := gw.get("/api/v1/recordings?roomID=bank")
		return json.Unmarshal(body, &list) == nil && len(list.Recordings) == 1
	})
	id := list.Recordings[0].RecordingID
	dir := filepath.Join(filepath.Dir(config), "data", "recordings", id)
	testmedia.Eventually(t, waitLong, "some seconds of both", func() bool {
		paths, err := filepath.Glob(filepath.Join(dir, "*.mp4"))
		if err != nil || len(paths) < 2 {
			return false
		}
		for _, p := range paths {
			if info, err := os.Stat(p); err != nil || info.Size() < 600_000 {
				return false
			}
		}
		return true
	})
	page.Eval(fmt.Sprintf("e2e.unpublish(%q)", streams["chrome"]), nil)
	push.Kill()
	testmedia.Eventually(t, waitLong, "the end", func() bool {
		_, _, body := gw.get("/api/v1/recordings?roomID=bank&state=finished")
		return json.Unmarshal(body, &list) == nil && len(list.Recordings) == 1
	})
	if out, err := exec.Command(hutong, "verify", filepath.Join(dir, "manifest.json"), filepath.Join(filepath.Dir(dir), "ledger.jsonl")).CombinedOutput(); err != nil {
		t.Errorf("hutong verify: %v\n%s", err, out)
	}
	sides := map[string]int{}
	for _, f := range list.Recordings[0].Files {
		status, header, body := gw.get("/api/v1/recordings/" + id + "/files/" + f.Name)
		if status != http.StatusOK || header.Get("Content-Type") != "video/mp4" {
			t.Fatalf("%s: %d %v", f.Name, status, header)
		}
		path := filepath.Join(t.TempDir(), f.Name)
		if err := os.WriteFile(path, body, 0o600); err != nil {
			t.Fatal(err)
		}
		if f.DurationMS < 2000 {
			continue // before the browser had settled on a size
		}
		media := testmedia.Decode(t, path)
		sides[f.UserID]++
		if media.Errors != "" {
			t.Errorf("%s: the decoder complains:\n%.600s", f.Name, media.Errors)
		}
		if f.UserID == "chrome" {
			requireAdvance(t, pictureStrips(media.Pictures), camera, camera.Frames()-1)
			requireSomewhere(t, media.Sound, 880)
			continue
		}
		requireAdvance(t, pictureStrips(media.Pictures), flashing, 1)
		if d := testmedia.Median(media.LipSync()); d > 40*time.Millisecond || d < -40*time.Millisecond {
			t.Errorf("the phone's beep is %v after its flash", d)
		}
	}
	if sides["phone"] == 0 || sides["chrome"] == 0 {
		t.Errorf("files of %v", list.Recordings[0].Files)
	}
	gw.rangeOf(t, "/api/v1/recordings/"+id+"/files/manifest.json")
}

// requireSomewhere wants a second of a tone: a busy machine's Chromium has clicks
// in its own sound.
func requireSomewhere(t *testing.T, sound *testmedia.Sound, hz float64) {
	t.Helper()
	var heard []testmedia.Tone
	for from := time.Second; sound.Len() > 0 && from < time.Duration(sound.Len())*time.Second/time.Duration(sound.Rate)-time.Second; from += time.Second / 2 {
		tone := testmedia.MeasureTone(sound.Slice(0, from, from+time.Second), sound.Rate)
		if math.Abs(tone.Hz-hz) < 2 && tone.Level > 0.05 {
			return
		}
		heard = append(heard, tone)
	}
	t.Errorf("nowhere in the sound are %v Hz: %+v", hz, heard)
}

// rangeOf reads a part, and a part that is not there.
func (gw *gateway) rangeOf(t *testing.T, path string) {
	t.Helper()
	_, _, whole := gw.get(path)
	for spec, want := range map[string]string{"bytes=2-5": string(whole[2:6]), "bytes=-4": string(whole[len(whole)-4:]), "bytes=999999-": ""} {
		req, err := http.NewRequest(http.MethodGet, "http://"+gw.http+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Range", spec)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if want == "" && resp.StatusCode != http.StatusRequestedRangeNotSatisfiable || want != "" && (resp.StatusCode != http.StatusPartialContent || string(body) != want) || err != nil {
			t.Errorf("%s: %s %q, %v", spec, resp.Status, body, err)
		}
	}
}
