package weapp_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzCalls sends whatever to every command: the answer is JSON with a code, and
// nothing is the gateway's own fault.
func FuzzCalls(f *testing.F) {
	g := open(f, nil)
	u := g.login("alice", "live_room")
	u.enter("live_room", "r")
	commands := []string{"live_room/get_push_url", "live_room/get_room_list", "live_room/create_room", "live_room/add_pusher",
		"live_room/delete_pusher", "live_room/pusher_heartbeat", "live_room/get_pushers", "live_room/destroy_room", "live_room/merge_stream",
		"live_room/add_audience", "live_room/delete_audience", "live_room/get_audiences", "live_room/set_custom_field", "live_room/get_custom_info",
		"webrtc_room/get_login_info", "webrtc_room/create_room", "webrtc_room/enter_room", "webrtc_room/quit_room", "webrtc_room/heartbeat",
		"webrtc_room/get_room_list", "webrtc_room/get_room_members", "../v4/openim/jsonvideoapp"}
	for i := range commands {
		f.Add(uint8(i), `{"roomID":"r","userID":"alice","userName":"A","pushURL":"rtmp://h/live/8888_alice_1234?x","index":0,"cnt":1}`)
		f.Add(uint8(i), `{"roomID":1,"roomInfo":"x","fieldName":"f","operation":"set","value":-1,"userInfo":"{}"}`)
	}
	f.Add(uint8(8), `{"roomID":"r","mergeParams":"{\"interface\":{\"para\":{\"input_stream_list\":[{\"layout_params\":{\"image_layer\":\"1e9\"}}]}}}"}`)
	f.Add(uint8(0), "[")
	f.Fuzz(func(t *testing.T, n uint8, body string) {
		resp, err := http.Post(g.base+"/"+commands[int(n)%len(commands)]+"?userID=alice&token="+u.token, "application/json", strings.NewReader(body))
		check(t, err)
		defer resp.Body.Close()
		data, err := io.ReadAll(resp.Body)
		check(t, err)
		if resp.StatusCode >= 500 || !utf8.Valid(data) || !strings.Contains(string(data), `"code":`) || strings.Contains(string(data), `"code":-1`) {
			t.Fatalf("%s %q: %d %s", commands[int(n)%len(commands)], body, resp.StatusCode, data)
		}
	})
}

// FuzzQueries sends whatever as credentials.
func FuzzQueries(f *testing.F) {
	g := open(f, nil)
	sig := g.sig("alice")
	f.Add("accountType=1&sdkAppID=1400000001&userID=alice&userSig=" + sig)
	f.Add("userID=alice&token=%zz&userSig=eJx")
	f.Add("&&==;")
	f.Fuzz(func(t *testing.T, query string) {
		if _, err := url.Parse(g.base + "?" + query); err != nil {
			return
		}
		for _, path := range []string{"/multi_room/login", "/multi_room/get_pushers", "/v4/openim/jsonvideoapp"} {
			req, err := http.NewRequest("POST", g.base+path, strings.NewReader(`{"roomID":"r"}`))
			check(t, err)
			req.URL.RawQuery = strings.Map(func(r rune) rune {
				if r <= ' ' || r > '~' || r == '#' {
					return -1
				}
				return r
			}, query)
			req.Header.Set("Content-Type", "application/json")
			resp, err := http.DefaultClient.Do(req)
			check(t, err)
			data, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			check(t, err)
			good := strings.Contains(req.URL.RawQuery, sig)
			if resp.StatusCode >= 500 || !strings.Contains(string(data), `"code":`) || !good && strings.Contains(string(data), `"code":0`) {
				t.Fatalf("%s?%s: %d %s", path, query, resp.StatusCode, data)
			}
		}
	})
}
