package weapp_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"hutong/gateway/config"
	"hutong/gateway/weapp/usersig"
)

var services = []string{"double_room", "multi_room", "live_room"}

func TestTransport(t *testing.T) {
	g := open(t, nil)
	const json = "application/json"
	for name, tc := range map[string]struct {
		method, path, contentType, body string
		status                          int
	}{
		"an unknown command":      {"POST", "/multi_room/nothing", json, "{}", 404},
		"an unknown service":      {"POST", "/other_room/login", json, "{}", 404},
		"a live command":          {"POST", "/multi_room/merge_stream", json, "{}", 404},
		"GET of a POST":           {"GET", "/multi_room/login", "", "", 404},
		"POST of a GET":           {"POST", "/utils/get_login_info", json, "{}", 404},
		"nothing below":           {"GET", "/", "", "", 404},
		"no JSON":                 {"POST", "/multi_room/login", json, "x", 400},
		"an empty body":           {"POST", "/multi_room/login", json, "", 400},
		"an array":                {"POST", "/multi_room/login", json, "[]", 400},
		"two objects":             {"POST", "/multi_room/login", json, "{}{}", 400},
		"a text":                  {"POST", "/webrtc_room/create_room", json, `"{}"`, 400},
		"a form":                  {"POST", "/multi_room/login", "application/x-www-form-urlencoded", "a=1", 415},
		"no content type":         {"POST", "/multi_room/login", "", "{}", 415},
		"more than 1 MiB":         {"POST", "/multi_room/login", json, `{"a":"` + strings.Repeat("x", 1<<20) + `"}`, 413},
		"deep":                    {"POST", "/webrtc_room/create_room", json, strings.Repeat(`{"a":`, 20000) + "1" + strings.Repeat("}", 20000), 400},
		"the signature, no JSON":  {"POST", "/v4/openim/jsonvideoapp", json, "x", 400},
		"the WebSocket by GET":    {"GET", "/ws", "", "", 426},
		"large, but not too much": {"POST", "/multi_room/login", json, `{"a":"` + strings.Repeat("x", 900<<10) + `"}`, 200},
	} {
		status, a, header := g.raw(tc.method, g.base+tc.path, tc.contentType, tc.body)
		if status != tc.status || a.code(t) == 0 || !strings.HasPrefix(header.Get("Content-Type"), json) {
			t.Errorf("%s: %d %v %v; want %d and a code", name, status, a, header, tc.status)
		}
	}
	if status, a, _ := g.raw("POST", g.base+"/webrtc_room/get_room_list", "application/json; charset=utf-8", `{"unknown":[1]}`); status != 200 || a.code(t) != 0 {
		t.Errorf("with a charset and an unknown field: %d %v", status, a)
	}
}

func TestCORS(t *testing.T) {
	g := open(t, nil)
	status, header := g.options(g.base+"/multi_room/login", "https://app.example", "POST")
	if status != 204 || header.Get("Access-Control-Allow-Origin") == "" || !strings.Contains(header.Get("Access-Control-Allow-Methods"), "POST") ||
		!strings.Contains(header.Get("Access-Control-Allow-Methods"), "GET") || !strings.Contains(header.Get("Access-Control-Allow-Headers"), "Content-Type") {
		t.Errorf("%d %v", status, header)
	}
}

func TestLoginInfo(t *testing.T) {
	g := open(t, nil)
	_, a, _ := g.raw("GET", g.base+"/utils/get_login_info?userIDPrefix=weixin&code=c", "", "")
	if a.code(t) != 0 || !regexp.MustCompile(`^user_[0-9a-f]{8}_[0-9a-f]{4}$`).MatchString(a.text("userID")) ||
		a["sdkAppID"] != float64(appID) || a.text("accType") != "36862" {
		t.Errorf("%v", a)
	}
	c, err := usersig.Verifier{Shared: []string{key}}.Verify(a.text("userSig"), g.clock.now())
	if err != nil || c.UserID != a.text("userID") || c.SDKAppID != appID || c.TTL != 720*time.Hour {
		t.Errorf("its userSig says %+v, %v", c, err)
	}
	_, named, _ := g.raw("GET", g.base+"/utils/get_login_info?code=c&userID=alice", "", "")
	if named.text("userID") != "alice" {
		t.Errorf("named: %v", named)
	}
	_, bad, _ := g.raw("GET", g.base+"/utils/get_login_info?userID=a.b", "", "")
	if bad.code(t) != 7 {
		t.Errorf("a bad userID: %v", bad)
	}
	w := g.post("webrtc_room/get_login_info", "{}")
	if w.code(t) != 0 || w["sdkAppID"] != float64(appID) || w.text("accountType") != "36862" || w.text("userSig") == "" || w.text("userID") == "" {
		t.Errorf("webrtc_room: %v", w)
	}
}

func TestNobodyBecomesAnotherByLoginInfo(t *testing.T) {
	g := open(t, func(c *config.Config) { c.Weapp.AnyUser = false })
	if _, a, _ := g.raw("GET", g.base+"/utils/get_login_info?userID=alice", "", ""); a.code(t) != 7 || a.text("userSig") != "" {
		t.Errorf("utils: %v", a)
	}
	if a := g.post("webrtc_room/get_login_info", object{"userID": "alice"}); a.code(t) != 0 || a.text("userID") == "alice" {
		t.Errorf("webrtc_room gave a name it has not made up: %v", a)
	}
	mine := g.post("webrtc_room/get_login_info", "{}").text("userID")
	if a := g.post("webrtc_room/get_login_info", object{"userID": mine}); a.text("userID") != mine {
		t.Errorf("webrtc_room does not give %s again: %v", mine, a)
	}
	off := open(t, func(c *config.Config) { c.Weapp.LoginInfo = false })
	for _, path := range []string{"get_login_info", "get_test_pushurl", "get_test_rtmpaccurl"} {
		if _, a, _ := off.raw("GET", off.base+"/utils/"+path, "", ""); a.code(t) != 7 {
			t.Errorf("%s, switched off: %v", path, a)
		}
	}
}

func TestLogin(t *testing.T) {
	g := open(t, nil)
	now := g.clock.now()
	claims := usersig.Claims{UserID: "alice", SDKAppID: appID, Issued: now, TTL: time.Hour}
	sign := func(change func(*usersig.Claims)) string {
		c := claims
		change(&c)
		sig, err := usersig.SignHMAC(key, c)
		check(t, err)
		return sig
	}
	good := sign(func(*usersig.Claims) {})
	other, err := usersig.SignHMAC("another-key-than-the-gateway's", claims)
	check(t, err)
	ec, err := usersig.SignECDSA(usersig.Derived(key), claims)
	check(t, err)
	for name, tc := range map[string]struct {
		query string
		ok    bool
	}{
		"good":             {"accountType=36862&sdkAppID=1400000001&userSig=" + good + "&userID=alice", true},
		"the form of 2018": {"accountType=36862&sdkAppID=1400000001&userSig=" + ec + "&userID=alice", true},
		"no accountType":   {"sdkAppID=1400000001&userSig=" + good + "&userID=alice", false},
		"no sdkAppID":      {"accountType=36862&userSig=" + good + "&userID=alice", false},
		"no userSig":       {"accountType=36862&sdkAppID=1400000001&userID=alice", false},
		"no userID":        {"accountType=36862&sdkAppID=1400000001&userSig=" + good, false},
		"another user":     {"accountType=36862&sdkAppID=1400000001&userSig=" + good + "&userID=bob", false},
		"another app":      {"accountType=36862&sdkAppID=1400000002&userSig=" + good + "&userID=alice", false},
		"signed for another app": {"accountType=36862&sdkAppID=1400000001&userID=alice&userSig=" +
			sign(func(c *usersig.Claims) { c.SDKAppID++ }), false},
		"expired":   {"accountType=36862&sdkAppID=1400000001&userID=alice&userSig=" + sign(func(c *usersig.Claims) { c.Issued = now.Add(-2 * time.Hour) }), false},
		"malformed": {"accountType=36862&sdkAppID=1400000001&userID=alice&userSig=eJx", false},
		"wrong key": {"accountType=36862&sdkAppID=1400000001&userID=alice&userSig=" + other, false},
		"a bad userID": {"accountType=36862&sdkAppID=1400000001&userID=a.b&userSig=" +
			sign(func(c *usersig.Claims) { c.UserID = "a.b" }), false},
	} {
		for _, service := range services {
			a := g.post(service+"/login?"+tc.query, "{}")
			if (a.code(t) == 0) != tc.ok {
				t.Errorf("%s, %s: %v", service, name, a)
			}
			if tc.ok && (!regexp.MustCompile(`^[A-Za-z0-9*_.~=-]+$`).MatchString(a.text("token")) || a.text("userID") != "alice") {
				t.Errorf("%s, %s: %v", service, name, a)
			}
		}
	}
}

func TestTokens(t *testing.T) {
	g := open(t, nil)
	first := g.login("alice", "multi_room")
	list := object{"index": 0, "cnt": 10}
	if a := first.call("live_room/get_room_list", list); a.code(t) != 0 {
		t.Errorf("a token is not good in another service: %v", a)
	}
	second := g.login("alice", "double_room")
	if a := first.call("multi_room/get_room_list", list); a.code(t) != 7 {
		t.Errorf("the token before the last login: %v", a)
	}
	for name, query := range map[string]string{"none": "", "no token": "?userID=alice", "no user": "?token=" + second.token,
		"another's": "?userID=bob&token=" + second.token, "wrong": "?userID=alice&token=0", "a bad userID": "?userID=a.b&token=" + second.token} {
		for path := range map[string]int{"multi_room/get_room_list": 0, "live_room/merge_stream": 0, "double_room/logout": 0, "multi_room/add_pusher": 0} {
			if a := g.post(path+query, list); a.code(t) != 7 {
				t.Errorf("%s with %s: %v", path, name, a)
			}
		}
	}
	if a := second.call("live_room/logout", "{}"); a.code(t) != 0 {
		t.Errorf("logout: %v", a)
	}
	if a := second.call("double_room/get_room_list", list); a.code(t) != 7 {
		t.Errorf("the token after the logout: %v", a)
	}
}

// TestFields tries each field of each command without, and of other types.
func TestFields(t *testing.T) {
	g := open(t, nil)
	u := g.login("alice", "live_room")
	for _, service := range services {
		u.enter(service, "r-"+service)
	}
	for _, tc := range []struct {
		path string
		body object // all that are wanted
		miss int
	}{
		{"*/get_room_list", object{"index": 0, "cnt": 1}, 1},
		{"*/create_room", object{"roomInfo": "x"}, 1},
		{"*/add_pusher", object{"roomID": "x", "userName": "n", "pushURL": "rtmp://h/live/s"}, 1},
		{"*/delete_pusher", object{"roomID": "x"}, 1},
		{"*/pusher_heartbeat", object{"roomID": "x"}, 1},
		{"*/get_pushers", object{"roomID": "x"}, 1},
		{"*/destroy_room", object{"roomID": "x"}, 1},
		{"live_room/merge_stream", object{"roomID": "r-live_room", "mergeParams": "{}"}, 1},
		{"live_room/add_audience", object{"roomID": "x", "userInfo": "{}"}, 1},
		{"live_room/delete_audience", object{"roomID": "x"}, 1},
		{"live_room/get_audiences", object{"roomID": "x"}, 1},
		{"live_room/set_custom_field", object{"roomID": "x", "fieldName": "f", "operation": "inc"}, 1},
		{"live_room/get_custom_info", object{"roomID": "x"}, 1},
		{"webrtc_room/create_room", object{"userID": "alice", "roomInfo": "x"}, 2},
		{"webrtc_room/enter_room", object{"userID": "alice", "roomID": "1"}, 2},
		{"webrtc_room/quit_room", object{"userID": "alice", "roomID": "1"}, 2},
		{"webrtc_room/heartbeat", object{"userID": "alice", "roomID": "1"}, 2},
		{"webrtc_room/get_room_members", object{"roomID": "1"}, 2},
	} {
		paths := []string{tc.path}
		if _, name, all := strings.Cut(tc.path, "*"); all {
			paths = nil
			for _, s := range services {
				paths = append(paths, s+name)
			}
		}
		for _, path := range paths {
			for field := range tc.body {
				for _, value := range []any{nil, true, object{}, []int{1}, 1.5, "delete"} {
					body := object{}
					for f, v := range tc.body {
						body[f] = v
					}
					if body[field] = value; value == "delete" {
						delete(body, field)
					}
					if field == "mergeParams" && value != nil && value != "delete" {
						continue // of any type, and refused by what is in it
					}
					status, a, _ := g.raw("POST", g.base+"/"+path+"?userID="+u.id+"&token="+u.token, "application/json", text(t, body))
					missing := value == nil || value == "delete"
					if a.code(t) == 0 || status >= 500 || missing && a.code(t) != tc.miss {
						t.Errorf("%s with %s %v: %d %v", path, field, value, status, a)
					}
				}
			}
		}
	}
	for _, body := range []string{`{"index":-1,"cnt":1}`, `{"index":0,"cnt":1e300}`, `{"index":"0","cnt":1}`} {
		if a := u.call("multi_room/get_room_list", body); a.code(t) == 0 {
			t.Errorf("%s: %v", body, a)
		}
	}
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	check(t, err)
	return string(b)
}
