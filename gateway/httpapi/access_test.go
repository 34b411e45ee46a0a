package httpapi

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"

	"hutong/gateway/auth"
	"hutong/gateway/config"
)

// closed makes every access need a right: a member's token, or a URL signed with
// the key of design.md.
func closed(c *config.Config) {
	c.Auth.Mode = config.AuthToken
	c.Auth.TokenSecret = strings.Repeat("s", config.MinTokenSecret)
	c.Auth.APIKeys = []config.APIKey{{Name: "back", Key: "back-end-key-1234567890"}}
	c.Auth.SignedURLs = []config.SignedURL{{App: "live", Key: "e12c46f2612d5106e2034781ab261ca3", Hash: config.HashMD5,
		Publish: config.SignRequired, Play: config.SignRequired}}
}

func TestAccessByProtocol(t *testing.T) {
	srv, base := serve(t, closed)
	_, publish := client(t, webrtc.RTPTransceiverDirectionSendonly)
	_, play := client(t, webrtc.RTPTransceiverDirectionRecvonly)
	token, err := srv.Auth.MemberToken(auth.MemberClaims{RoomID: "r", UserID: "alice", Role: "guest", Stream: "live/r_alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	yesterday, err := auth.New(srv.Config.Auth, func() time.Time { return time.Now().Add(-24 * time.Hour) })
	if err != nil {
		t.Fatal(err)
	}
	expired, err := yesterday.MemberToken(auth.MemberClaims{RoomID: "r", UserID: "alice", Role: "guest", Stream: "live/r_alice", TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	signed, ok := srv.Auth.(*auth.Authority).Sign(auth.Play, "live/r_alice", time.Now().Add(time.Hour))
	if !ok {
		t.Fatal("the app is not signed")
	}
	for _, tc := range []struct {
		name, method, path, body, bearer string
		want                             int
	}{
		{"WHIP without a token", http.MethodPost, "/whip/live/r_alice", publish, "", http.StatusUnauthorized},
		{"WHIP for another stream", http.MethodPost, "/whip/live/r_bob", publish, token, http.StatusForbidden},
		{"WHIP with an expired token", http.MethodPost, "/whip/live/r_alice", publish, expired, http.StatusUnauthorized},
		{"WHIP with a forged token", http.MethodPost, "/whip/live/r_alice", publish, token + "x", http.StatusUnauthorized},
		{"WHIP with the token", http.MethodPost, "/whip/live/r_alice", publish, token, http.StatusCreated},
		{"WHEP without a token", http.MethodPost, "/whep/live/r_alice", play, "", http.StatusUnauthorized},
		{"WHEP with the token", http.MethodPost, "/whep/live/r_alice", play, token, http.StatusCreated},
		{"FLV without a signature", http.MethodGet, "/live/r_alice.flv", "", "", http.StatusUnauthorized},
		{"FLV with a wrong signature", http.MethodGet, "/live/r_alice.flv?txTime=7FFFFFFF&txSecret=" + strings.Repeat("0", 32), "", "", http.StatusUnauthorized},
		{"FLV of another stream", http.MethodGet, "/live/r_bob.flv?" + signed, "", "", http.StatusUnauthorized},
	} {
		header := []string{"Content-Type", "application/sdp"}
		if tc.bearer != "" {
			header = append(header, "Authorization", "Bearer "+tc.bearer)
		}
		resp, body := request(t, tc.method, base+tc.path, tc.body, header...)
		if resp.StatusCode != tc.want {
			t.Errorf("%s: %s %s, want %d", tc.name, resp.Status, body, tc.want)
		}
		if resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") != "Bearer" {
			t.Errorf("%s: WWW-Authenticate is %q", tc.name, resp.Header.Get("WWW-Authenticate"))
		}
		if strings.Contains(body, token) || strings.Contains(body, "e12c46f2") {
			t.Errorf("%s: the answer holds a secret", tc.name)
		}
	}
	if resp, body := request(t, http.MethodHead, base+"/live/r_alice.flv?"+signed, ""); resp.StatusCode != http.StatusOK {
		t.Errorf("FLV with the signature: %s %s", resp.Status, body)
	}
	_, page := request(t, http.MethodGet, base+"/metrics", "")
	if !strings.Contains(page, `hutong_refused_total{protocol="whip"`) || !strings.Contains(page, `hutong_refused_total{protocol="flv"`) {
		t.Error("refusals are not counted")
	}
}
