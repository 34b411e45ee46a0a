package e2e

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
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
	// What a player hears of the browser says when there is enough: a busy machine's
	// Chromium has clicks in its own sound, which nobody can hold against a recording.
	_, heard := testmedia.Play(t, testmedia.Curl, gw.flvURL(streams["chrome"]))
	testmedia.Eventually(t, 2*waitLong, "some seconds of both", func() bool {
		paths, err := filepath.Glob(filepath.Join(dir, "*.mp4"))
		long := map[string]bool{}
		for _, p := range paths {
			for user, stream := range streams {
				info, err := os.Stat(p)
				long[user] = long[user] || err == nil && strings.HasSuffix(p, stream+".mp4") && info.Size() > 600_000
			}
		}
		return err == nil && long["phone"] && long["chrome"] && pureIn(testmedia.Decode(t, wholeTags(t, heard)), 880)
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
	sides, pure := map[string]int{}, false
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
			pure = pure || pureIn(media, 880)
			continue
		}
		requireAdvance(t, pictureStrips(media.Pictures), flashing, 1)
		if d := testmedia.Median(media.LipSync()); d > 40*time.Millisecond || d < -40*time.Millisecond {
			t.Errorf("the phone's beep is %v after its flash", d)
		}
		requireBeeps(t, media)
	}
	if !pure {
		t.Errorf("nowhere in the browser's sound are two seconds of 880 Hz without a click, though a player heard them")
	}
	if sides["phone"] == 0 || sides["chrome"] == 0 {
		t.Errorf("files of %v", list.Recordings[0].Files)
	}
	_, _, metrics := gw.get("/metrics")
	for _, want := range []string{`hutong_recordings 0\n`, `hutong_recording_streams 0\n`, `hutong_recording_files_total [1-9]`, `hutong_recording_bytes_total [1-9]\S{6}`,
		`hutong_recording_frames_dropped_total 0\n`, `hutong_recording_trouble_total 0\n`, `hutong_recording_disk_low 0\n`, `hutong_recording_disk_free_bytes [1-9]`} {
		if !regexp.MustCompile(want).Match(metrics) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	gw.rangeOf(t, "/api/v1/recordings/"+id+"/files/manifest.json")
}

// pureIn tells whether two seconds in a row are a tone without a click.
func pureIn(media *testmedia.Media, hz float64) bool {
	if media.Sound.Len() == 0 {
		return false
	}
	pcm, rate := media.Sound.Channels[0], media.Sound.Rate
	for from := 0; from+2*rate <= len(pcm); from += rate / 4 {
		part := pcm[from : from+2*rate]
		if tone := testmedia.MeasureTone(part, rate); math.Abs(tone.Hz-hz) <= 1 && tone.Residual < residualLimit && tone.Level > testmedia.Amplitude/2 && len(testmedia.Clicks(part, rate, clickLimit)) == 0 {
			return true
		}
	}
	return false
}

// wholeTags is a copy of an FLV file that is being written, up to its last whole tag.
func wholeTags(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	end := 13
	for end+15 <= len(b) {
		next := end + 15 + int(binary.BigEndian.Uint32(b[end:])&0xffffff)
		if next > len(b) {
			break
		}
		end = next
	}
	copied := filepath.Join(t.TempDir(), "heard.flv")
	if err := os.WriteFile(copied, b[:min(end, len(b))], 0o600); err != nil {
		t.Fatal(err)
	}
	return copied
}

// requireBeeps wants a beep each second and nothing between, as the clip has them.
func requireBeeps(t *testing.T, media *testmedia.Media) {
	t.Helper()
	beeps := media.Beeps()
	if len(beeps) < 3 {
		t.Fatalf("%d beeps", len(beeps))
	}
	seams := int(beeps[len(beeps)-1]/(30*time.Second)) + 1 // the clip begins anew, a second before its first beep
	for i := 1; i < len(beeps); i++ {
		d := beeps[i] - beeps[i-1] - time.Second
		if seams > 0 && (d-time.Second).Abs() < 50*time.Millisecond {
			seams--
			continue
		}
		if d.Abs() > 25*time.Millisecond {
			t.Errorf("from beep %d at %v to the next are %v", i, beeps[i-1], d+time.Second)
		}
	}
	if jumps := media.Sound.Jumps(30 * time.Millisecond); len(jumps) > 0 {
		t.Errorf("the sound's time jumps at %v", jumps)
	}
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
