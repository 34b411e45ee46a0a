package httpapi

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"hutong/gateway/config"
)

// TestRecordingsByREST records a stream, a room and a call, and finds them again.
func TestRecordingsByREST(t *testing.T) {
	s := openStudio(t, nil)
	began := time.Now()
	for _, bad := range []struct {
		body, code string
		status     int
	}{
		{`{}`, "bad_request", 400}, {`{"stream":"live/a","roomID":"b"}`, "bad_request", 400}, {`{"roomID":"b","mixed":true}`, "bad_request", 400},
		{`{"stream":"nonsense"}`, "bad_request", 400}, {`{"stream":"live/none"}`, "stream_not_found", 404}, {`{"roomID":"none"}`, "room_not_found", 404},
		{`{"stream":"live/cam","keepDays":-1}`, "bad_request", 400}, {`{"stream":"live/cam","composite":"round"}`, "bad_request", 400},
	} {
		s.refuses(bad.status, bad.code, "POST", "", bad.body)
	}

	// A stream, with a pause.
	s.push("live/cam")
	cam := s.ask(201, "POST", "", `{"stream":"live/cam","keepDays":30}`)["recordingID"].(string)
	if again := s.ask(200, "POST", "", `{"stream":"live/cam"}`); again["recordingID"] != cam {
		t.Errorf("asked again: %v", again)
	}
	s.passes("live/cam", 40)
	if r := s.ask(200, "POST", "/"+cam+"/pause", ""); r["state"] != "paused" {
		t.Errorf("paused: %v", r)
	}
	s.passes("live/cam", 25)
	if r := s.ask(200, "POST", "/"+cam+"/resume", ""); r["state"] != "recording" {
		t.Errorf("resumed: %v", r)
	}
	s.passes("live/cam", 60)
	s.refuses(409, "wrong_state", "DELETE", "/"+cam, "")
	ended := s.ask(200, "POST", "/"+cam+"/stop", "")
	if ended["state"] != "finished" || ended["gaps"] != 1.0 || len(ended["files"].([]any)) != 2 || ended["keepUntil"] == nil {
		t.Errorf("stopped: %v", ended)
	}
	s.refuses(409, "wrong_state", "POST", "/"+cam+"/stop", "")
	manifest := s.ask(200, "GET", "/"+cam, "")["manifest"].(map[string]any)
	gap, pause := manifest["gaps"].([]any)[0].(map[string]any), manifest["pauses"].([]any)[0].(map[string]any)
	if gap["reason"] != "paused" || pause["by"] != "key:shop" || manifest["complete"] != true {
		t.Errorf("the manifest has %v and %v", gap, pause)
	}

	// A room, and a call of the desk, which its agent may record.
	want[any](t, 201, "POST", s.base+"/api/v1/rooms", `{"roomID":"r1"}`, shop...)
	teacher := want[joinJSON](t, 201, "POST", s.base+"/api/v1/rooms/r1/members", `{"userID":"teacher","nickName":"王老师","client":"rtmp"}`, shop...)
	lesson := s.push(teacher.Stream)
	room := s.ask(201, "POST", "", `{"roomID":"r1"}`)["recordingID"].(string)
	anna, ben, sam := login(t, s.base, "anna"), login(t, s.base, "ben"), login(t, s.base, "sam")
	anna.open("ready")
	placed := want[struct {
		Room struct{ Stream string }
		Call struct{ CallID string }
	}](t, 201, "POST", s.base+"/api/v1/queues/support/calls", `{"userID":"li","nickName":"李娜","client":"rtmp"}`, shop...)
	callID := placed.Call.CallID
	li := s.push("live/" + callID + "_li")
	anna.sees(callID, "ringing")
	anna.act(200, callID, "answer", "")
	ben.do(403, "POST", "/recordings", `{"callID":"`+callID+`"}`)
	talk := anna.do(201, "POST", "/recordings", `{"callID":"`+callID+`"}`)["recordingID"].(string)
	ben.do(403, "POST", "/recordings/"+talk+"/pause", "")
	anna.do(200, "POST", "/recordings/"+talk+"/pause", "")
	anna.do(200, "POST", "/recordings/"+talk+"/resume", "")
	anna.do(403, "GET", "/recordings", "")
	anna.do(403, "DELETE", "/recordings/"+talk, "")
	s.passes("live/"+callID+"_li", 40)
	li.Kill()
	lesson.Kill()
	waitFor(t, "they do not end by themselves", func() bool { return len(s.ids("state=finished")) == 3 })

	middle := url.QueryEscape(ended["startedAt"].(string))
	soon := url.QueryEscape(time.Now().Add(time.Minute).Format(time.RFC3339))
	for query, want := range map[string][]string{
		"": {talk, room, cam}, "callID=" + callID: {talk}, "roomID=r1": {room}, "userID=li": {talk}, "userID=teacher": {room}, "agentID=anna": {talk},
		"agentID=ben": nil, "queue=support": {talk}, "stream=live/cam": {cam}, "state=recording": nil, "to=" + middle: nil, "from=" + middle: {talk, room, cam},
		"from=" + soon: nil, "to=" + soon + "&queue=support&userID=li": {talk}, "from=" + url.QueryEscape(began.Add(-time.Hour).UTC().Format(time.RFC3339)) + "&roomID=r1": {room},
	} {
		if got := s.ids(query); !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v", query, got, want)
		}
	}
	first := s.ask(200, "GET", "?limit=2", "")
	second := s.ask(200, "GET", "?limit=2&cursor="+first["next"].(string), "")
	if first["total"] != 3.0 || second["next"] != "" || len(second["recordings"].([]any)) != 1 {
		t.Errorf("pages are %v and %v", first, second)
	}
	s.refuses(400, "bad_request", "GET", "?from=yesterday", "")
	s.refuses(400, "bad_limit", "GET", "?limit=0", "")
	s.refuses(400, "bad_request", "GET", "?cursor=gone", "")
	if total := sam.do(200, "GET", "/recordings", "")["total"]; total != 3.0 {
		t.Errorf("a supervisor sees %v", total)
	}
	if v := s.ask(200, "POST", "/"+talk+"/verify", ""); v["verified"] != true {
		t.Errorf("%v", v)
	}
	if st := s.ask(200, "GET", "/status", ""); st["recordings"] != 0.0 || !strings.Contains(st["publicKey"].(string), "PUBLIC KEY") {
		t.Errorf("status: %v", st)
	}
	s.refuses(404, "recording_not_found", "GET", "/none", "")
	s.refuses(404, "recording_not_found", "DELETE", "/none", "")
	want[any](t, 401, "GET", s.api, "")
}

// fetch reads a file without the description's help.
func fetch(t *testing.T, method, address string, header ...string) (int, string, http.Header) {
	t.Helper()
	resp, body := request(t, method, address, "", header...)
	return resp.StatusCode, body, resp.Header
}

// TestRecordingFiles reads what was recorded, in parts and by links, holds, makes
// one file of it, and deletes it.
func TestRecordingFiles(t *testing.T) {
	s := openStudio(t, func(c *config.Config) { c.Recording.LinkTTL = config.Duration(3 * time.Second) })
	s.push("live/cam")
	id := s.ask(201, "POST", "", `{"stream":"live/cam"}`)["recordingID"].(string)
	s.passes("live/cam", 60)
	name := s.ask(200, "POST", "/"+id+"/stop", "")["files"].([]any)[0].(map[string]any)["name"].(string)
	path := s.api + "/" + id + "/files/" + name
	whole, err := os.ReadFile(filepath.Join(s.dir, id, name))
	ok(t, err)
	size := strconv.Itoa(len(whole))

	for _, r := range []struct {
		spec   string
		status int
		body   string
		ranged string
	}{
		{"", 200, string(whole), ""}, {"bytes=4-7", 206, "ftyp", "bytes 4-7/" + size}, {"bytes=-16", 206, string(whole[len(whole)-16:]), "bytes " + strconv.Itoa(len(whole)-16) + "-" + strconv.Itoa(len(whole)-1) + "/" + size},
		{"bytes=" + strconv.Itoa(len(whole)-1) + "-", 206, string(whole[len(whole)-1:]), "bytes " + strconv.Itoa(len(whole)-1) + "-" + strconv.Itoa(len(whole)-1) + "/" + size},
		{"bytes=0-" + size + "0", 206, string(whole), "bytes 0-" + strconv.Itoa(len(whole)-1) + "/" + size}, {"bytes=" + size + "-", 416, "", "bytes */" + size},
		{"bytes=-0", 416, "", "bytes */" + size}, {"bytes=1-2,4-5", 200, string(whole), ""}, {"bytes=7-4", 200, string(whole), ""}, {"bytes=a-", 200, string(whole), ""}, {"lines=1-2", 200, string(whole), ""},
	} {
		status, body, head := fetch(t, "GET", path, append([]string{"Range", r.spec}, shop...)...)
		if status != r.status || status < 300 && body != r.body || head.Get("Content-Range") != r.ranged {
			t.Errorf("Range %q: %d, %d bytes, Content-Range %q", r.spec, status, len(body), head.Get("Content-Range"))
		}
	}
	status, body, head := fetch(t, "HEAD", path, shop...)
	if status != 200 || body != "" || head.Get("Content-Length") != size || head.Get("Content-Type") != "video/mp4" || head.Get("Accept-Ranges") != "bytes" {
		t.Errorf("HEAD: %d %v", status, head)
	}
	if _, _, head := fetch(t, "GET", path+"?download=1", shop...); head.Get("Content-Disposition") != `attachment; filename="`+id+`-`+name+`"` {
		t.Errorf("a download is called %q", head.Get("Content-Disposition"))
	}
	for _, other := range []string{"other.mp4", "..%2f..%2fledger.jsonl", "%2e%2e", "."} {
		if status, body, _ := fetch(t, "GET", s.api+"/"+id+"/files/"+other, shop...); status < 400 {
			t.Errorf("%s: %d %.100s", other, status, body)
		}
	}

	// A link opens one file, for a while, and no other.
	if status, _, _ := fetch(t, "GET", path); status != 401 {
		t.Errorf("without a key: %d", status)
	}
	s.refuses(404, "recording_not_found", "POST", "/"+id+"/links", `{"names":["other.mp4"]}`)
	links := s.ask(200, "POST", "/"+id+"/links", "")["links"].([]any)
	link := links[0].(map[string]any)["url"].(string)
	if status, body, _ := fetch(t, "GET", link); status != 200 || body != string(whole) || len(links) != 1 {
		t.Errorf("%v: %d, %d bytes", links, status, len(body))
	}
	u, err := url.Parse(link)
	ok(t, err)
	for _, forged := range []string{
		s.api + "/" + id + "/files/manifest.json?" + u.RawQuery, path + "?expires=9999999999&signature=" + u.Query().Get("signature"),
		path + "?expires=" + u.Query().Get("expires") + "&signature=" + strings.Repeat("0", 64), path + "?expires=" + u.Query().Get("expires"),
	} {
		if status, _, _ := fetch(t, "GET", forged); status != 401 {
			t.Errorf("%s opens with %d", forged, status)
		}
	}
	waitFor(t, "the link does not expire", func() bool { status, _, _ := fetch(t, "GET", link); return status == 401 })

	// A byte is flipped, and is flipped back.
	flip := func() {
		whole[len(whole)/2] ^= 1
		ok(t, os.WriteFile(filepath.Join(s.dir, id, name), whole, 0o640))
	}
	flip()
	if v := s.ask(200, "POST", "/"+id+"/verify", ""); v["verified"] != false || !strings.Contains(v["problems"].([]any)[0].(string), name) {
		t.Errorf("a changed file: %v", v)
	}
	flip()

	s.refuses(400, "bad_request", "POST", "/"+id+"/composites", `{"layout":"round"}`)
	made := s.ask(202, "POST", "/"+id+"/composites", `{"layout":"side_by_side"}`)["id"].(string)
	var done map[string]any
	waitFor(t, "the composite is not made", func() bool {
		done = s.ask(200, "GET", "/"+id, "")["recording"].(map[string]any)["composites"].([]any)[0].(map[string]any)
		return done["state"] == "done"
	})
	if status, body, _ := fetch(t, "GET", s.api+"/"+id+"/files/"+done["name"].(string), shop...); status != 200 || body[4:8] != "ftyp" {
		t.Errorf("the composite: %d", status)
	}
	want[any](t, 204, "DELETE", s.api+"/"+id+"/composites/"+made, "", shop...)
	s.refuses(404, "recording_not_found", "DELETE", "/"+id+"/composites/"+made, "")

	s.refuses(400, "bad_request", "POST", "/"+id+"/hold", `{"reason":"x"}`)
	if r := s.ask(200, "POST", "/"+id+"/hold", `{"hold":true,"reason":"case 7"}`); r["hold"] != true || r["holdReason"] != "case 7" || r["holdBy"] != "key:shop" {
		t.Errorf("held: %v", r)
	}
	s.refuses(409, "held", "DELETE", "/"+id, "")
	s.ask(200, "POST", "/"+id+"/hold", `{"hold":false}`)
	want[any](t, 204, "DELETE", s.api+"/"+id+"?reason=asked+for", "", shop...)
	if status, _, _ := fetch(t, "GET", path, shop...); status != 404 {
		t.Errorf("deleted, the file answers with %d", status)
	}
	var trail []string
	for _, e := range s.ask(200, "GET", "/"+id+"/audit?limit=500", "")["entries"].([]any) {
		e := e.(map[string]any)
		if e["action"] != "read" {
			trail = append(trail, e["action"].(string))
		}
		if e["by"] != "key:shop" && (e["by"] != "link" || e["action"] != "read") {
			t.Errorf("%v by %v", e["action"], e["by"])
		}
		if e["action"] == "delete" && e["detail"] != "asked for" {
			t.Errorf("it was deleted because %v", e["detail"])
		}
	}
	if got := strings.Join(trail, ", "); got != "start, stop, link, composite, delete composite, hold, release, delete" {
		t.Errorf("the audit has %s", got)
	}
}

// Where ffmpeg is missing, that is said before anything else.
func TestRecordingsWithoutFFmpeg(t *testing.T) {
	s := openStudio(t, func(c *config.Config) { c.Recording.Composite.FFmpeg = "no-such-program" })
	s.refuses(503, "no_ffmpeg", "POST", "/any/composites", `{"layout":"grid"}`)
	if why := s.ask(200, "GET", "/status", "")["ffmpeg"].(string); !strings.Contains(why, "apt install ffmpeg") {
		t.Errorf("the status says %q", why)
	}
	resp, err := http.Get(s.api + "/status")
	ok(t, err)
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 401 {
		t.Errorf("a stranger's status: %s", resp.Status)
	}
}
