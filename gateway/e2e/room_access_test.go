package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"hutong/bridge/rtmp"
	"hutong/bridge/testmedia"
	"hutong/gateway/auth"
	"hutong/gateway/config"
)

const (
	backendKey  = "1f0c8d6b5a3e42979d1b7c4f8e2a6053"
	tokenSecret = "0d9b3a5c7e1f42688a6c4e2f0b1d3957"
)

// guarded is a gateway where access is by token, with a room that alice and bob
// have places in.
type guarded struct {
	gw         *gateway
	alice, bob placed
	phone      placed // pushes
	past       string // alice's token, expired
	elsewhere  string // a genuine token of another room
}

type placed struct {
	Token, Stream string
	Push          struct{ RTMP string }
}

// TestRoomAccess has auth.mode token: what shows no token, a wrong, an expired, or
// another stream's is refused by every protocol with its own status, a good one is
// let in; and a person with a link is let in once and for all.
func TestRoomAccess(t *testing.T) {
	a := &guarded{gw: &gateway{}}
	a.gw.run(t, writeConfigAt(t, a.gw, "127.0.0.1", "play_wait: 1s", fmt.Sprintf(
		"auth: {mode: token, token_secret: %s, api_keys: [{name: backend, key: %s}], rate: {per_second: 0}}\nrooms: {grace: 10m}\n", tokenSecret, backendKey)))
	for _, room := range []string{"bank", "court"} {
		a.call(t, "POST", "/api/v1/rooms", backendKey, `{"roomID":"`+room+`"}`, 201, nil)
	}
	place := func(room, user string) (p placed) {
		a.call(t, "POST", "/api/v1/rooms/"+room+"/members", backendKey, `{"userID":"`+user+`","client":"rtmp"}`, 201, &p)
		return p
	}
	a.alice, a.bob, a.elsewhere = place("bank", "alice"), place("bank", "bob"), place("court", "carl").Token
	past, err := auth.New(config.Auth{Mode: config.AuthToken, TokenSecret: tokenSecret, TokenTTL: config.Duration(time.Hour)},
		func() time.Time { return time.Now().Add(-2 * time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	if a.past, err = past.MemberToken(auth.MemberClaims{RoomID: "bank", UserID: "alice", Role: "guest", Stream: a.alice.Stream}); err != nil {
		t.Fatal(err)
	}
	a.phone = place("bank", "phone")
	testmedia.Push(t, testmedia.Clip(t, faceOf(3).spec, testmedia.FLV), a.phone.Push.RTMP)
	t.Run("HTTP", a.http)
	t.Run("RTMP", a.rtmp)
	t.Run("Removed", a.removed)
	t.Run("Page", a.page)
	status, _, body := a.gw.get("/metrics")
	if status != 200 || !strings.Contains(string(body), `reason="expired"`) {
		t.Errorf("metrics (%d) count no refusal of expired tokens", status)
	}
	for _, secret := range []string{a.past, a.elsewhere, a.alice.Token, backendKey, tokenSecret} {
		if a.gw.process.Log().Contains(secret) {
			t.Errorf("the log shows a secret: %.20s...", secret)
		}
	}
}

// call makes a REST call and requires its status.
func (a *guarded) call(t *testing.T, method, path, key, body string, status int, v any) {
	t.Helper()
	got, _, text := a.http1(t, method, path, http.Header{"Authorization": {"Bearer " + key}, "Content-Type": {"application/json"}}, body)
	if got != status {
		t.Fatalf("%s %s: %d %s", method, path, got, text)
	}
	if v != nil {
		if err := json.Unmarshal([]byte(text), v); err != nil {
			t.Fatal(err)
		}
	}
}

func (a *guarded) http1(t *testing.T, method, path string, header http.Header, body string) (int, http.Header, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+a.gw.http+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header, req.Close = header, true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp.StatusCode, resp.Header, ""
	}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // a stream has no end
	return resp.StatusCode, resp.Header, string(text)
}

// http asks everything that HTTP carries with each kind of token.
func (a *guarded) http(t *testing.T) {
	upgrade := http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}, "Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"aHV0b25nIGUyZSB0ZXN0IQ=="}}
	sdp := http.Header{"Content-Type": {"application/sdp"}}
	const good, forbidden = 0, 403
	for _, to := range []struct {
		name, method, path string
		header             http.Header
		alice, elsewhere   int // what a good token of alice, and one of another room, are answered
	}{
		{"REST list", "GET", "/api/v1/rooms", nil, forbidden, forbidden},
		{"REST room", "GET", "/api/v1/rooms/bank", nil, forbidden, forbidden},
		{"REST heartbeat", "POST", "/api/v1/rooms/bank/members/alice/heartbeat", nil, good, forbidden},
		{"REST close", "DELETE", "/api/v1/rooms/bank", nil, forbidden, forbidden},
		{"REST kick", "DELETE", "/api/v1/rooms/bank/members/bob", nil, forbidden, forbidden},
		{"WebSocket", "GET", "/api/v1/ws", upgrade, good, good},
		{"WHIP own", "POST", "/whip/" + a.alice.Stream, sdp, good, forbidden},
		{"WHIP another's", "POST", "/whip/" + a.bob.Stream, sdp, forbidden, forbidden},
		{"WHEP", "POST", "/whep/" + a.bob.Stream, sdp, good, forbidden},
		{"FLV", "GET", "/" + a.bob.Stream + ".flv", nil, good, forbidden},
	} {
		for _, shown := range []struct {
			name, token string
			status      int
		}{
			{"no token", "", 401},
			{"nonsense", "nonsense", 401},
			{"a changed token", a.alice.Token[:len(a.alice.Token)-4] + "AAAA", 401},
			{"an expired token", a.past, 401},
			{"a token of another room", a.elsewhere, to.elsewhere},
			{"a good token", a.alice.Token, to.alice},
		} {
			path := to.path
			if shown.token != "" {
				path += "?token=" + shown.token
			}
			header := to.header.Clone()
			if header == nil {
				header = http.Header{}
			}
			if strings.HasPrefix(to.name, "REST") && shown.token != "" {
				path, header["Authorization"] = to.path, []string{"Bearer " + shown.token}
			}
			status, answer, body := a.http1(t, to.method, path, header, "v=0\r\n")
			refused := status == 401 || status == 403
			if shown.status == good && refused || shown.status != good && status != shown.status {
				t.Errorf("%s with %s: %d %.200s, want %d (0: let in)", to.name, shown.name, status, body, shown.status)
			}
			if status == 401 && answer.Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %s: 401 without WWW-Authenticate", to.name, shown.name)
			}
			if refused && strings.Contains(body, "eyJ") {
				t.Errorf("%s with %s: the answer repeats the token: %s", to.name, shown.name, body)
			}
		}
	}
}

// rtmp publishes and plays with each kind of token.
func (a *guarded) rtmp(t *testing.T) {
	try := func(stream, token string, do func(*rtmp.Client, context.Context) error) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		url := "rtmp://" + a.gw.rtmp + "/" + stream
		if token != "" {
			url += "?token=" + token
		}
		c, err := rtmp.Dial(ctx, url, rtmp.ClientOptions{Timeout: 30 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		var refusal *rtmp.StatusError
		if err := do(c, ctx); err != nil && !errors.As(err, &refusal) {
			t.Fatalf("%s: %v, want a status", stream, err)
		}
		if refusal == nil {
			return ""
		}
		if strings.Contains(refusal.Description, "eyJ") {
			t.Errorf("%s: the refusal repeats the token: %s", stream, refusal.Description)
		}
		return refusal.Code
	}
	publish := func(c *rtmp.Client, ctx context.Context) error { return c.Publish(ctx) }
	play := func(c *rtmp.Client, ctx context.Context) error {
		if err := c.Play(ctx); err != nil {
			return err
		}
		_, err := c.Read() // a refusal may come after the start
		return err
	}
	const denied, failed = "NetStream.Publish.Denied", "NetStream.Play.Failed"
	for _, test := range []struct {
		name, stream, token string
		publish, play       string
	}{
		{"no token", a.alice.Stream, "", denied, failed},
		{"nonsense", a.alice.Stream, "nonsense", denied, failed},
		{"an expired token", a.alice.Stream, a.past, denied, failed},
		{"a token of another room", a.alice.Stream, a.elsewhere, denied, failed},
		{"another member's stream", a.bob.Stream, a.alice.Token, denied, "NetStream.Play.StreamNotFound"},
		{"a good token", a.alice.Stream, a.alice.Token, "", "NetStream.Play.StreamNotFound"},
	} {
		if got := try(test.stream, test.token, play); got != test.play {
			t.Errorf("playing with %s: %q, want %q", test.name, got, test.play)
		}
		if got := try(test.stream, test.token, publish); got != test.publish {
			t.Errorf("publishing with %s: %q, want %q", test.name, got, test.publish)
		}
	}

	// What is let in is there, for RTMP and FLV alike.
	for _, url := range []string{"rtmp://" + a.gw.rtmp + "/" + a.phone.Stream, "http://" + a.gw.http + "/" + a.phone.Stream + ".flv"} {
		testmedia.Eventually(t, waitLong, "the phone's stream", func() bool {
			var room struct{ Members []person }
			a.call(t, "GET", "/api/v1/rooms/bank", backendKey, "", 200, &room)
			for _, m := range room.Members {
				if m.UserID == "phone" && m.Publishing {
					return true
				}
			}
			return false
		})
		media := testmedia.Decode(t, testmedia.Record(t, testmedia.FFmpeg, url+"?token="+a.alice.Token, time.Second))
		requireAdvance(t, pictureStrips(media.Pictures), faceOf(3).spec, 1)
	}
}

// page opens the call page without a link, with one whose time is over, and with a
// good one: its bearer is in the call, and stays the same person when the page is
// loaded again.
func (a *guarded) page(t *testing.T) {
	f := faceOf(0)
	b := f.browser(t, testmedia.BrowserOptions{})
	for name, test := range map[string]struct{ address, problem string }{
		"no link":         {a.gw.roomPage("bank", "Mallory"), "no-invitation"},
		"an expired link": {a.gw.roomPage("bank", "Alice") + "&token=" + a.past, "token-expired"},
	} {
		g := &guest{name: name, page: b.Open(t, test.address)}
		g.press(t, "room-join")
		present(t, g.page, "room-end")
		var problem string
		g.page.Eval(`document.querySelector('[data-testid="room-end"]').dataset.problem`, &problem)
		if problem != test.problem {
			t.Errorf("with %s the page says %q, want %q", name, problem, test.problem)
		}
		g.page.Close()
	}
	alice := join(t, b, f, a.gw.roomPage("bank", "Alice")+"&token="+a.alice.Token, "Alice")
	if alice.userID != "alice" {
		t.Errorf("the bearer of alice's token is %q", alice.userID)
	}
	var address string
	if alice.page.Eval(`location.href`, &address); strings.Contains(address, "token") {
		t.Errorf("the address still carries the token: %s", address)
	}
	alice.sees(t, "phone", faceOf(3))
	alice.page.Run(chromedp.Reload())
	alice.arrive(t)
	alice.sees(t, "phone", faceOf(3))
	if alice.userID != "alice" {
		t.Errorf("after loading the page again, alice is %q", alice.userID)
	}
}
