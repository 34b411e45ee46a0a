package httpapi

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"

	"hutong/gateway/config"
)

// TestADayAtTheDesk has a call go through everything that a call can go through,
// with pictures.
func TestADayAtTheDesk(t *testing.T) {
	base := serveDesk(t, nil)
	anna, ben, sam := login(t, base, "anna"), login(t, base, "ben"), login(t, base, "sam")
	li := placeCall(t, base, "li")
	first := li.line.sees(li.callID, "waiting")
	if first["position"] != 1.0 || first["notice"] != "One moment." || first["expectedWait"] != nil {
		t.Errorf("the caller was told %v", first)
	}
	sam.open("")
	anna.open("ready")
	if c := anna.sees(li.callID, "ringing"); c["caller"].(map[string]any)["userData"].(map[string]any)["order"] != 4711.0 {
		t.Errorf("the agent sees %v", c)
	}
	sam.sees(li.callID, "ringing")
	ben.open("ready")
	ben.act(409, li.callID, "answer", "")
	anna.act(200, li.callID, "reject", "")
	anna.hears("call_gone", func(v map[string]any) bool { return v["callID"] == li.callID })
	ben.sees(li.callID, "ringing")
	ben.enter(ben.act(200, li.callID, "answer", ""))
	if c := li.line.sees(li.callID, "answered"); c["agent"].(map[string]any)["nickName"] != "BEN" {
		t.Errorf("the caller sees %v", c)
	}
	li.receives("agent-ben video")
	ben.room.receives("li video")

	ben.act(200, li.callID, "hold", "")
	if c := li.line.sees(li.callID, "held"); c["notice"] != "Please hold." {
		t.Errorf("on hold the caller is told %v", c)
	}
	li.misses("agent-ben video")
	ben.room.misses("li video")
	ben.act(200, li.callID, "resume", "")
	li.receives("agent-ben video")
	ben.room.receives("li video")

	ben.act(200, li.callID, "mute", `{"userID":"li","video":true}`)
	ben.room.misses("li video")
	ben.act(200, li.callID, "mute", `{"userID":"li","video":false}`)
	ben.room.receives("li video")

	// Who listens is seen by the agent alone, and heard by nobody.
	anna.act(403, li.callID, "supervise", `{"mode":"listen"}`)
	sam.enter(sam.act(200, li.callID, "supervise", `{"mode":"listen"}`))
	sam.room.receives("li video")
	sam.room.receives("agent-ben video")
	ben.room.has("type", "event", "event", "publish_started", "userID", "agent-sam")
	ben.room.misses("agent-sam video")
	sam.act(200, li.callID, "supervise", `{"mode":"whisper"}`)
	ben.room.receives("agent-sam video")
	if li.count("agent-sam video") != 0 {
		t.Error("the caller gets the whispering supervisor's picture")
	}
	li.mu.Lock()
	told, _ := json.Marshal(li.got)
	li.mu.Unlock()
	if strings.Contains(string(told), "agent-sam") {
		t.Errorf("the caller was told of the supervisor: %s", told)
	}
	sam.act(200, li.callID, "supervise", `{"mode":"join"}`)
	li.receives("agent-sam video")
	sam.act(200, li.callID, "leave", "")
	li.misses("agent-sam video")

	// A warm transfer: both agents talk while the caller waits.
	anna.do(200, "PUT", "/agent/state", `{"state":"ready"}`)
	ben.act(200, li.callID, "transfer", `{"agentID":"anna","warm":true}`)
	anna.sees(li.callID, "transferring")
	anna.enter(anna.act(200, li.callID, "answer", ""))
	ben.room.receives("agent-anna video")
	anna.room.receives("agent-ben video")
	li.misses("agent-ben video")
	anna.room.misses("li video")
	ben.act(200, li.callID, "transfer/complete", "")
	anna.room.receives("li video")
	li.receives("agent-anna video")
	li.misses("agent-ben video")
	ben.hears("call_gone", func(v map[string]any) bool { return v["callID"] == li.callID })
	ben.act(409, li.callID, "hold", "")

	// A witness, by a link.
	invited := anna.act(200, li.callID, "invite", `{"nickName":"Witness","role":"witness"}`)
	witness := connect(t, invited["room"].(map[string]any)["ws"].(string), "witness")
	witness.receives("li video")
	anna.act(200, li.callID, "remove", `{"userID":"guest-1"}`)
	witness.misses("li video")

	anna.do(200, "PUT", "/calls/"+li.callID+"/notes", `{"notes":"her card is lost"}`)
	li.line.c.WriteJSON(map[string]any{"type": "hangup"})
	ended := anna.sees(li.callID, "ended")
	if ended["reason"] != "completed" || ended["endedBy"] != "caller" {
		t.Errorf("it ended %v by %v", ended["reason"], ended["endedBy"])
	}
	// Who is told has been written down.
	record := anna.do(200, "GET", "/history/"+li.callID, "")
	if notes := record["call"].(map[string]any)["notes"]; notes != "her card is lost" {
		t.Errorf("the notes are %q", notes)
	}
	li.line.sees(li.callID, "ended")
	li.line.hears("closed", func(v map[string]any) bool { return v["reason"] == "ended" })
	anna.do(200, "PUT", "/calls/"+li.callID+"/notes", `{"outcome":"=solved"}`)
	want[any](t, 204, "POST", base+"/api/v1/calls/"+li.callID+"/rating", `{"stars":5,"comment":"quick"}`, "Authorization", "Bearer "+li.token)
	anna.hears("agent", func(v map[string]any) bool {
		a := v["agent"].(map[string]any)
		return a["agentID"] == "anna" && a["state"] == "wrap_up"
	})

	found := sam.do(200, "GET", "/history?caller=li&agent=ben&queue=support&reason=completed&outcome=%3Dsolved", "")
	if records := found["records"].([]any); found["total"] != 1.0 || len(records) != 1 || records[0].(map[string]any)["stars"] != 5.0 {
		t.Errorf("found %v", found)
	}
	anna.do(403, "GET", "/history?caller=somebody", "")
	day := sam.do(200, "GET", "/desk/stats", "")
	if day["calls"] != 1.0 || day["answered"] != 1.0 || day["serviceLevel"] != 1.0 {
		t.Errorf("the day: %v", day)
	}
	anna.do(403, "GET", "/audit", "")
	log, _ := json.Marshal(sam.do(200, "GET", "/audit", ""))
	for _, action := range []string{"login", "search", "view", "supervise"} {
		if !strings.Contains(string(log), `"`+action+`"`) {
			t.Errorf("the audit log has no %s: %s", action, log)
		}
	}
	status, table, _ := call(t, "GET", base+"/api/v1/history.csv", "", "Cookie", sam.cookie)
	rows, err := csv.NewReader(strings.NewReader(strings.TrimPrefix(table, "\uFEFF"))).ReadAll()
	if err != nil || status != 200 || len(rows) != 2 || rows[1][3] != "'=李娜" || rows[1][9] != "'=solved" {
		t.Errorf("the table: %d %v %q", status, err, rows)
	}
}

// TestWhoReturns has callers and agents come back.
func TestWhoReturns(t *testing.T) {
	base := serveDesk(t, nil)
	anna := login(t, base, "anna")
	anna.open("ready")
	li := placeCall(t, base, "li")
	anna.sees(li.callID, "ringing")
	anna.enter(anna.act(200, li.callID, "answer", ""))
	// The caller's page is loaded again: the same call, the same place.
	again := want[map[string]any](t, 200, "POST", base+"/api/v1/queues/support/calls", `{"userID":"li","client":"webrtc"}`)
	if again["call"].(map[string]any)["callID"] != li.callID || again["room"].(map[string]any)["stream"] != "live/"+li.callID+"_li" {
		t.Errorf("the caller returned to %v", again)
	}
	// So is the agent's.
	anna.c.Close()
	second := &worker{t: t, base: base, id: "anna", cookie: anna.cookie, csrf: anna.csrf}
	second.open("")
	if c := second.do(200, "GET", "/calls", "")["calls"].([]any); len(c) != 1 {
		t.Errorf("after a reload the agent has %v", c)
	}
	room := second.act(200, li.callID, "join", "")
	if room["room"].(map[string]any)["stream"] != "live/"+li.callID+"_agent-anna" {
		t.Errorf("the agent returned to %v", room)
	}
	// A second window replaces the first.
	third := &worker{t: t, base: base, id: "anna", cookie: anna.cookie, csrf: anna.csrf}
	third.open("")
	second.hears("closed", func(v map[string]any) bool { return v["reason"] == "replaced" })
	third.act(200, li.callID, "hangup", "")
	want[map[string]any](t, 404, "GET", base+"/api/v1/calls/"+li.callID, "")
	third.do(204, "POST", "/agent/logout", "")
	third.hears("closed", func(v map[string]any) bool { return v["reason"] == "logged_out" })
	third.do(401, "GET", "/agent/me", "")
}

func TestTheDoorOfTheDesk(t *testing.T) {
	base := serveDesk(t, func(c *config.Config) {
		c.Queues = append(c.Queues, config.Queue{ID: "full", MaxWaiting: 1, FullMessage: "All lines are busy."}, config.Queue{ID: "flows", ClosedDays: c.Queues[1].ClosedDays, Overflow: "support"})
	})
	api := base + "/api/v1"
	place := func(status int, queue, body string) map[string]any {
		t.Helper()
		return want[map[string]any](t, status, "POST", api+"/queues/"+queue+"/calls", body)
	}
	if q := place(409, "closed", `{"userID":"a","client":"rtmp"}`)["queue"].(map[string]any); q["message"] != "We are closed." || q["open"] != false {
		t.Errorf("closed: %v", q)
	}
	place(201, "full", `{"userID":"a","client":"rtmp"}`)
	if q := place(409, "full", `{"userID":"b","client":"rtmp"}`)["queue"].(map[string]any); q["message"] != "All lines are busy." {
		t.Errorf("full: %v", q)
	}
	if c := place(201, "flows", `{"userID":"c","client":"rtmp"}`)["call"].(map[string]any); c["queue"] != "support" {
		t.Errorf("it flowed to %v", c["queue"])
	}
	place(404, "none", `{"userID":"d","client":"rtmp"}`)
	place(409, "support", `{"userID":"a","client":"rtmp"}`)
	for _, bad := range []string{`{"client":"rtmp"}`, `{"userID":"x"}`, `{"userID":"agent-x","client":"rtmp"}`, `{"userID":"x","client":"rtmp","priority":1000}`, `{`} {
		place(400, "support", bad)
	}
	b := want[map[string]any](t, 201, "POST", api+"/queues/support/callbacks", `{"nickName":"Li","contact":"13800000000","userData":[1]}`)
	want[map[string]any](t, 409, "POST", api+"/queues/closed/callbacks", `{"contact":"1"}`)
	anna := login(t, base, "anna")
	if all := anna.do(200, "GET", "/callbacks?state=open", "")["callbacks"].([]any); len(all) != 1 {
		t.Errorf("requests: %v", all)
	}
	if done := anna.do(200, "PUT", "/callbacks/"+b["callbackID"].(string), `{"state":"done","note":"reached"}`); done["settledBy"] != "agent:anna" {
		t.Errorf("settled: %v", done)
	}
	want[map[string]any](t, 404, "GET", api+"/history/nothing", "")
	want[map[string]any](t, 400, "GET", api+"/history?cursor=x", "")
	want[map[string]any](t, 400, "GET", api+"/history?from=yesterday", "")
	queues := want[map[string]any](t, 200, "GET", api+"/queues", "")["queues"].([]any)
	if len(queues) != 4 {
		t.Errorf("queues: %v", queues)
	}
	// What another site's page could have its visitor's browser send is refused.
	want[map[string]any](t, 403, "PUT", api+"/agent/state", `{"state":"ready"}`, "Cookie", anna.cookie)
	want[map[string]any](t, 401, "PUT", api+"/agent/state", `{"state":"ready"}`)
	want[map[string]any](t, 403, "POST", api+"/agent/login", `{"name":"anna","password":"secret"}`, "Origin", "https://evil.example")
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(base, "http")+"/api/v1/agent/ws", http.Header{"Cookie": {anna.cookie}, "Origin": {"https://evil.example"}})
	if err == nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("a console for another site's page: %v", err)
	}
	anna.do(400, "PUT", "/agent/state", `{"state":"asleep"}`)
	anna.do(403, "PUT", "/agents/ben/state", `{"state":"break"}`)
	sam := login(t, base, "sam")
	sam.do(404, "PUT", "/agents/nobody/state", `{"state":"break"}`)
	if a := sam.do(200, "PUT", "/agents/ben/state", `{"state":"break","note":"lunch"}`); a["state"] != "break" || a["note"] != "lunch" {
		t.Errorf("ben is %v", a)
	}
	sam.do(200, "GET", "/rooms", "")
	for range 10 {
		want[map[string]any](t, 401, "POST", api+"/agent/login", `{"name":"ben","password":"wrong"}`)
	}
	want[map[string]any](t, 429, "POST", api+"/agent/login", `{"name":"ben","password":"secret"}`)
}

// TestTheDeskBehindKeys: where access is not open, back ends place calls, and
// callers have their own token alone.
func TestTheDeskBehindKeys(t *testing.T) {
	const key = "0123456789abcdef0123456789abcdef"
	base := serveDesk(t, func(c *config.Config) {
		c.Auth.Mode, c.Auth.TokenSecret, c.Auth.APIKeys = config.AuthToken, key, []config.APIKey{{Name: "shop", Key: key}}
	})
	api, bearer := base+"/api/v1", "Bearer "+key
	body := `{"userID":"li","client":"webrtc"}`
	want[any](t, 401, "POST", api+"/queues/support/calls", body)
	p := want[struct {
		Token string
		Call  struct{ CallID string }
	}](t, 201, "POST", api+"/queues/support/calls", body, "Authorization", bearer)
	other := want[struct{ Token string }](t, 201, "POST", api+"/queues/support/calls", `{"userID":"wu","client":"webrtc"}`, "Authorization", bearer)
	path := api + "/calls/" + p.Call.CallID
	if c := want[map[string]any](t, 200, "GET", path, "", "Authorization", "Bearer "+p.Token); c["queueName"] != "Support" || c["caller"] != nil {
		t.Errorf("the caller sees %v", c)
	}
	if c := want[map[string]any](t, 200, "GET", path, "", "Authorization", bearer); c["caller"] == nil {
		t.Errorf("the back end sees %v", c)
	}
	for _, header := range [][]string{nil, {"Authorization", "Bearer " + other.Token}} {
		for _, path := range []string{path, api + "/calls", api + "/history", api + "/agents", api + "/history.csv", api + "/audit"} {
			status, answer, _ := call(t, "GET", path, "", header...)
			if status != 401 && status != 403 {
				t.Errorf("%v GET %s: %d %s", header, path, status, answer)
			}
		}
		if status, answer, _ := call(t, "POST", path+"/hangup", "", header...); status != 401 && status != 403 {
			t.Errorf("a stranger hung up: %d %s", status, answer)
		}
	}
	_, resp, err := websocket.DefaultDialer.Dial("ws"+strings.TrimPrefix(path, "http")+"/ws?token="+other.Token, nil)
	if err == nil || resp.StatusCode != http.StatusNotFound {
		t.Errorf("another caller's WebSocket: %v", err)
	}
	if c := want[map[string]any](t, 200, "POST", path+"/hangup", "", "Authorization", "Bearer "+p.Token); c["reason"] != "abandoned" {
		t.Errorf("it ended %v", c)
	}
	if resp, err := http.Get(base + "/api/v1/agent/ws"); err != nil || resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("no WebSocket: %v", err)
	} else {
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}
