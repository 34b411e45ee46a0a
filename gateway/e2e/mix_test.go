package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/cmplx"
	"net/http"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// liveUser is somebody with the mini-program's live room, as the API sees them.
type liveUser struct {
	t      *testing.T
	gw     *gateway
	userID string
	token  string
	stream string // its name without the app
	push   string
}

// newLiveUser logs in and gets an address to push to.
func newLiveUser(t *testing.T, gw *gateway, userID string) *liveUser {
	t.Helper()
	u := &liveUser{t: t, gw: gw, userID: userID}
	_, _, body := gw.get("/weapp/utils/get_login_info?userID=" + userID)
	var info struct{ UserSig, AccType string }
	if err := json.Unmarshal(body, &info); err != nil || info.UserSig == "" {
		t.Fatalf("get_login_info: %s", body)
	}
	q := url.Values{"userID": {userID}, "userSig": {info.UserSig}, "accountType": {info.AccType}, "sdkAppID": {"1400000001"}}
	u.token = u.post("login?"+q.Encode(), map[string]any{})["token"].(string)
	u.push = u.call("get_push_url", map[string]any{})["pushURL"].(string)
	address, _, _ := strings.Cut(u.push, "?")
	u.stream = address[strings.LastIndexByte(address, '/')+1:]
	return u
}

func (u *liveUser) post(command string, body map[string]any) map[string]any {
	u.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		u.t.Fatal(err)
	}
	client := &http.Client{Timeout: time.Minute}
	resp, err := client.Post("http://"+u.gw.http+"/weapp/live_room/"+command, "application/json", bytes.NewReader(raw))
	if err != nil {
		u.t.Fatal(err)
	}
	defer resp.Body.Close()
	var a map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&a); err != nil || a["code"] != 0.0 {
		u.t.Fatalf("%s: %v, %v", strings.SplitN(command, "?", 2)[0], a, err)
	}
	return a
}

func (u *liveUser) call(command string, body map[string]any) map[string]any {
	u.t.Helper()
	return u.post(command+"?userID="+u.userID+"&token="+u.token, body)
}

// camera pushes a colour and a tone, as a phone does.
func (u *liveUser) camera(colour string, width, height, hz int) *testmedia.Process {
	return testmedia.Start(u.t, "ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning",
		"-re", "-f", "lavfi", "-i", fmt.Sprintf("color=%s:size=%dx%d:rate=15", colour, width, height),
		"-re", "-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=%d:sample_rate=48000,volume=2", hz),
		"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-pix_fmt", "yuv420p", "-g", "30",
		"-c:a", "aac", "-aac_coder", "fast", "-ac", "1", "-b:a", "64k", "-f", "flv", u.push)
}

// enter joins the room once the stream is there.
func (u *liveUser) enter(roomID string) {
	u.t.Helper()
	testmedia.Eventually(u.t, waitLong, u.userID+" to be live", func() bool { return u.gw.live(u.stream) })
	u.call("add_pusher", map[string]any{"roomID": roomID, "userName": u.userID, "pushURL": u.push})
}

// merge asks for the mix of everybody, laid out as the mini-program does.
func (u *liveUser) merge(roomID string, linked ...*liveUser) {
	u.t.Helper()
	u.mergeAt(roomID, 240, 400, linked...)
}

// mergeAt says where the first tile is, in pixels of the anchor's picture; the
// others are above it.
func (u *liveUser) mergeAt(roomID string, x, y int, linked ...*liveUser) {
	u.t.Helper()
	inputs := []any{map[string]any{"input_stream_id": u.stream, "layout_params": map[string]any{"image_layer": 1}}}
	for i, l := range linked {
		inputs = append(inputs, map[string]any{"input_stream_id": l.stream, "layout_params": map[string]any{
			"image_layer": i + 2, "image_width": 120, "image_height": 180, "location_x": x, "location_y": y - 180*i}})
	}
	params, err := json.Marshal(map[string]any{"timestamp": time.Now().Unix(), "eventId": 1, "interface": map[string]any{
		"interfaceName": "Mix_StreamV2", "para": map[string]any{"app_id": "1", "interface": "mix_streamv2.start_mix_stream_advanced",
			"mix_stream_session_id": u.stream, "output_stream_id": u.stream, "input_stream_list": inputs}}})
	if err != nil {
		u.t.Fatal(err)
	}
	a := u.call("merge_stream", map[string]any{"roomID": roomID, "mergeParams": string(params)})
	if result, _ := a["result"].(map[string]any); result["code"] != 0.0 {
		u.t.Fatalf("merge_stream: %v", a)
	}
}

// tail is the newest picture and second of sound of a recording that goes on.
type tail struct {
	pix    []byte // RGB, 36 by 64: a tenth of the mixed picture
	levels []float64
}

func tailOf(t *testing.T, path string, tones ...float64) tail {
	t.Helper()
	decode := func(args ...string) []byte {
		// The file's end may be cut; what comes before it is decoded all the same.
		out, _ := exec.Command("ffmpeg", append([]string{"-hide_banner", "-nostdin", "-loglevel", "quiet", "-i", path}, args...)...).Output()
		return out
	}
	frames := decode("-an", "-vf", "scale=36:64:flags=area", "-pix_fmt", "rgb24", "-f", "rawvideo", "pipe:1")
	tl := tail{levels: make([]float64, len(tones))}
	if n := len(frames) / (36 * 64 * 3); n > 0 {
		tl.pix = frames[(n-1)*36*64*3:]
	}
	const rate = 8000
	pcm := decode("-vn", "-ac", "1", "-ar", fmt.Sprint(rate), "-f", "s16le", "pipe:1")
	if len(pcm) < 2*rate {
		return tl
	}
	pcm = pcm[len(pcm)-2*rate:]
	for i, hz := range tones {
		for off := -2.0; off <= 2; off++ { // a clock may be followed
			var sum complex128
			for n := range rate {
				x := float64(int16(uint16(pcm[2*n])|uint16(pcm[2*n+1])<<8)) / 32768
				w := 0.5 - 0.5*math.Cos(2*math.Pi*float64(n)/rate)
				sum += complex(x*w, 0) * cmplx.Rect(1, 2*math.Pi*(hz+off/2)*float64(n)/rate)
			}
			tl.levels[i] = max(tl.levels[i], 4*cmplx.Abs(sum)/rate)
		}
	}
	return tl
}

// at names the colour around a pixel of the mixed picture.
func (tl tail) at(x, y int) string {
	i := (y/10*36 + x/10) * 3
	if i+3 > len(tl.pix) {
		return "none"
	}
	high := func(v byte) bool { return v > 128 }
	switch r, g, b := high(tl.pix[i]), high(tl.pix[i+1]), high(tl.pix[i+2]); {
	case r && !g && !b:
		return "red"
	case g && !r && !b:
		return "lime"
	case b && !r && !g:
		return "blue"
	}
	return "another"
}

// TestLiveRoomIsMixedForItsAudience has an anchor and two linked viewers, one of
// them in a browser, and one of the audience who was there before them and never
// reconnects.
func TestLiveRoomIsMixedForItsAudience(t *testing.T) {
	gw := &gateway{}
	gw.run(t, writeConfigAt(t, gw, "127.0.0.1", "publisher_grace: 0s",
		`weapp: {enabled: true, any_user: true, sdk_app_id: 1400000001, key: "0123456789abcdef0123456789abcdef"}`))
	anchor, phone, browser := newLiveUser(t, gw, "anchor"), newLiveUser(t, gw, "phone"), newLiveUser(t, gw, "browser")

	anchor.camera("red", 360, 640, 440)
	roomID := anchor.call("create_room", map[string]any{"roomInfo": "live"})["roomID"].(string)
	anchor.enter(roomID)
	mixed, _ := anchor.call("get_pushers", map[string]any{"roomID": roomID})["mixedPlayURL"].(string)
	if !strings.HasSuffix(mixed, "/live/"+anchor.stream+".flv") {
		t.Fatalf("mixedPlayURL is %q", mixed)
	}
	audience, path := testmedia.Play(t, testmedia.Curl, mixed)
	testmedia.WaitLength(t, audience, path, time.Second)

	phoneCamera := phone.camera("lime", 240, 320, 1000)
	phone.enter(roomID)
	chrome := testmedia.NewBrowser(t, testmedia.BrowserOptions{
		Video: testmedia.Clip(t, camera, testmedia.Y4M), Audio: testmedia.Clip(t, microphone, testmedia.WAV)})
	publish(t, browserPage(t, chrome, gw), browser.stream, nil)
	browser.enter(roomID)
	anchor.merge(roomID, phone, browser)

	until := func(what string, ok func(tail) bool) {
		t.Helper()
		var last tail
		testmedia.Eventually(t, 3*waitLong, what, func() bool {
			select {
			case <-audience.Done():
				t.Fatalf("the player's connection ended: %s", audience.Log().Tail(500))
			default:
			}
			last = tailOf(t, path, 440, 1000, 880)
			return ok(last)
		})
		t.Logf("%s: levels %.3f", what, last.levels)
	}
	loud := func(l float64) bool { return l > 0.1 }
	until("all three to be seen and heard", func(tl tail) bool {
		return tl.at(100, 300) == "red" && tl.at(300, 490) == "lime" && tl.at(300, 100) == "red" &&
			slices.Contains([]string{"another", "blue", "none"}, tl.at(300, 310)) &&
			loud(tl.levels[0]) && loud(tl.levels[1]) && loud(tl.levels[2])
	})
	_, _, metrics := gw.get("/metrics")
	if !bytes.Contains(metrics, []byte(`hutong_mixes{picture="mixed"} 1`)) {
		t.Errorf("metrics do not know of the mix:\n%s", mixLines(metrics))
	}

	// The anchor's signed address, which those who speak play, stays the anchor's.
	own := anchor.call("get_pushers", map[string]any{"roomID": roomID})["pushers"].([]any)[0].(map[string]any)["accelerateURL"].(string)
	if tl := tailOf(t, testmedia.Record(t, testmedia.FFmpeg, own, 2*time.Second), 440, 1000); tl.at(300, 490) != "red" || loud(tl.levels[1]) {
		t.Errorf("the signed address shows %s in the first tile's place, 1 kHz at %.3f", tl.at(300, 490), tl.levels[1])
	}

	if tl := tailOf(t, testmedia.Record(t, testmedia.FFmpeg, gw.rtmpURL(anchor.stream), 2*time.Second), 440); tl.at(300, 490) != "lime" {
		t.Errorf("unsigned RTMP shows %s in the first tile's place", tl.at(300, 490))
	}

	phoneCamera.Stop()
	until("the phone to be gone", func(tl tail) bool {
		return tl.at(300, 490) == "red" && tl.at(300, 310) != "red" && loud(tl.levels[0]) && !loud(tl.levels[1]) && loud(tl.levels[2])
	})
	anchor.merge(roomID)
	until("the anchor to be alone", func(tl tail) bool {
		return tl.at(300, 310) == "red" && loud(tl.levels[0]) && !loud(tl.levels[1]) && !loud(tl.levels[2])
	})
	testmedia.Eventually(t, waitLong, "every ffmpeg to have ended", func() bool {
		_, _, metrics := gw.get("/metrics")
		return bytes.Contains(metrics, []byte("hutong_mix_processes 0"))
	})
}

// TestABrowserIsMixedAsAnchor has the anchor in a browser and a phone linked: the
// audience sees and hears both.
func TestABrowserIsMixedAsAnchor(t *testing.T) {
	gw := &gateway{}
	gw.run(t, writeConfigAt(t, gw, "127.0.0.1", "publisher_grace: 0s",
		`weapp: {enabled: true, any_user: true, sdk_app_id: 1400000001, key: "0123456789abcdef0123456789abcdef"}`))
	anchor, phone := newLiveUser(t, gw, "anchor"), newLiveUser(t, gw, "phone")
	chrome := testmedia.NewBrowser(t, testmedia.BrowserOptions{
		Video: testmedia.Clip(t, camera, testmedia.Y4M), Audio: testmedia.Clip(t, microphone, testmedia.WAV)})
	publish(t, browserPage(t, chrome, gw), anchor.stream, nil)
	testmedia.Eventually(t, waitLong, "the anchor to be live", func() bool { return gw.live(anchor.stream) })
	roomID := anchor.call("create_room", map[string]any{"roomInfo": "live"})["roomID"].(string)
	anchor.enter(roomID)
	mixed, _ := anchor.call("get_pushers", map[string]any{"roomID": roomID})["mixedPlayURL"].(string)
	audience, path := testmedia.Play(t, testmedia.Curl, mixed)
	testmedia.WaitLength(t, audience, path, time.Second)
	phone.camera("lime", 240, 320, 1000)
	phone.enter(roomID)
	anchor.mergeAt(roomID, 400, 100, phone)
	tile := func(tl tail) string { // Chrome sends 640 by 480, and tails are 36 by 64
		return tl.at((400+60)*360/640, (100+90)*640/480)
	}
	var last tail
	testmedia.Eventually(t, 3*waitLong, "both to be seen and heard", func() bool {
		last = tailOf(t, path, 880, 1000)
		return tile(last) == "lime" && last.at(100, 300) != "lime" && last.at(100, 300) != "none" && last.levels[0] > 0.1 && last.levels[1] > 0.1
	})
	t.Logf("levels %.3f", last.levels)
	select {
	case <-audience.Done():
		t.Errorf("the player's connection ended: %s", audience.Log().Tail(500))
	default:
	}
}

// mixLines are the metrics of mixes.
func mixLines(metrics []byte) string {
	var lines bytes.Buffer
	for line := range bytes.Lines(metrics) {
		if bytes.HasPrefix(line, []byte("hutong_mix")) {
			_, _ = io.Copy(&lines, bytes.NewReader(line))
		}
	}
	return lines.String()
}
