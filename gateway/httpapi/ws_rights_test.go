package httpapi

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"hutong/gateway/auth"
	"hutong/gateway/config"
)

// TestCalloutOverWebSocket has a back end that lets bob publish and eve watch him,
// and nothing else.
func TestCalloutOverWebSocket(t *testing.T) {
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q struct{ Action, Stream, Protocol, RoomID, UserID string }
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Protocol != "ws" || q.RoomID != "r" {
			t.Errorf("asked %+v, %v", q, err)
		}
		if q.Action == "publish" && q.UserID == "bob" || q.Action == "play" && q.UserID == "eve" && q.Stream == "live/r_bob" {
			return
		}
		w.WriteHeader(http.StatusForbidden)
		w.Write([]byte(`{"message":"not this one"}`))
	}))
	defer back.Close()
	_, base := serve(t, func(c *config.Config) {
		c.Auth.Callout = config.Callout{URL: back.URL, Secret: "0123456789abcdef", Timeout: config.Duration(3 * time.Second)}
	})
	createRoom(t, base, "r")
	bob, _ := join(t, base, "r", "bob", "webrtc")
	eve, _ := join(t, base, "r", "eve", "webrtc")
	mallory, _ := join(t, base, "r", "mallory", "webrtc")
	eve.publish()
	if e := eve.has("type", "error", "id", 7); e["code"] != "callout_denied" || !strings.Contains(e["message"].(string), "not this one") {
		t.Errorf("eve was told %v", e)
	}
	bob.publish()
	bob.has("type", "ack", "id", 7)
	eve.receives("bob video")
	if n := mallory.count("bob video"); n != 0 {
		t.Errorf("mallory got %d packets", n)
	}
}

// TestTokenThatPublishesNothing has a back end's own token, of a guest who may
// only watch.
func TestTokenThatPublishesNothing(t *testing.T) {
	srv, base := serve(t, closed)
	key := []string{"Authorization", "Bearer back-end-key-1234567890"}
	want[any](t, 201, "POST", base+"/api/v1/rooms", `{"roomID":"r"}`, key...)
	token, err := srv.Auth.MemberToken(auth.MemberClaims{RoomID: "r", UserID: "a", Role: "guest", Stream: "live/r_a", Publish: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	a := connect(t, "ws"+strings.TrimPrefix(base, "http")+"/api/v1/ws?token="+token, "a")
	a.has("type", "welcome")
	a.publish()
	a.has("type", "error", "id", 7, "code", "no_right")
}
