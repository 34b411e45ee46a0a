package auth

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// FuzzAllow asks with hostile words. Nobody without a secret gets in, and no
// refusal gives one away.
func FuzzAllow(f *testing.F) {
	a, err := New(production(), at(start))
	if err != nil {
		f.Fatal(err)
	}
	m, err := a.MemberToken(alice)
	if err != nil {
		f.Fatal(err)
	}
	good, _ := a.Sign(Play, "live/alice", start.Add(time.Hour))
	f.Add("publish", "live/r42_alice", "rtmp", "token="+m, "")
	f.Add("play", "live/alice", "flv", good, "")
	f.Add("play", "show/alice", "flv", "path=live", "")
	f.Add("admin", "", "rest", "", backendKey)
	f.Add("room", "", "ws", "token="+m, m)
	f.Add("publish", "live/a/b", "whip", "txTime=FFFFFFFF&txSecret=&txSecret=x&token", "a.b.c")
	f.Add("play", "//\x00%", "whep", "txTime=ffffffffffffffffffff&txSecret=%00", ".")
	f.Add("", strings.Repeat("é", 200), "", ";&=%zz&token=..", "Bearer x")
	f.Fuzz(func(t *testing.T, action, stream, protocol, query, bearer string) {
		q, _ := url.ParseQuery(query)
		r := Request{Action: Action(action), Stream: stream, Protocol: protocol, Query: q, Bearer: bearer, Remote: query}
		g, err := a.Allow(t.Context(), r)
		if err != nil {
			if DenialOf(err) == nil || len(err.Error()) > 1500 {
				t.Fatalf("refused with %v", err)
			}
			for _, secret := range secrets {
				if strings.Contains(err.Error(), secret) && !strings.Contains(stream, secret) {
					t.Fatalf("the error tells a secret: %v", err)
				}
			}
			return
		}
		knows := strings.HasPrefix(g.Subject, "key:") && (bearer == backendKey || bearer == hashedKey) ||
			g.Subject == "url" && (q.Get("txSecret") == txSecretOf("md5", liveKey, afterSlash(stream), q.Get("txTime"))) ||
			g.Subject == "anonymous" && action == "play" && strings.HasPrefix(stream, "show/") && g.Path == PathStandard ||
			strings.HasPrefix(g.Subject, "member:") && (bearer == m || q.Get("token") == m)
		if !knows {
			t.Fatalf("%+v was granted %+v", r, g)
		}
	})
}

func afterSlash(s string) string {
	_, after, _ := strings.Cut(s, "/")
	return after
}

// FuzzToken gives any claims a genuine signature: a back end's mistake is refused
// or understood, and never brings the gateway down.
func FuzzToken(f *testing.F) {
	a, err := New(production(), at(start))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(`{"alg":"HS256"}`, `{"iss":"hutong","sub":"u","room":"r","exp":1900000000}`)
	f.Add(`{"alg":"HS256","crit":["x"]}`, `{"iss":["hutong"],"sub":"u","room":"r","exp":1e300,"publish":["a/b"]}`)
	f.Add(`{"alg":"none"}`, `{"exp":null,"nbf":-1e308}`)
	f.Add(`{"alg":1}`, `null`)
	f.Add(``, `{"exp":1900000000,"exp":0,"room":"r","Room":"s","sub":"u","iss":"hutong"}`)
	f.Fuzz(func(t *testing.T, header, payload string) {
		text := (&jwt.Token{}).EncodeSegment([]byte(header)) + "." +
			(&jwt.Token{}).EncodeSegment([]byte(payload))
		sum, err := jwt.SigningMethodHS256.Sign(text, []byte(tokenSecret))
		if err != nil {
			t.Fatal(err)
		}
		token := text + "." + (&jwt.Token{}).EncodeSegment(sum)
		m, err := a.VerifyMember(token)
		switch {
		case err != nil && DenialOf(err) == nil:
			t.Fatalf("refused with %v", err)
		case err == nil && (m.RoomID == "" || m.UserID == "" || !m.Expires.After(start) || algOf(header) != "HS256"):
			t.Fatalf("header %q, claims %q gave %+v", header, payload, m)
		}
	})
}

func algOf(header string) any {
	var h map[string]any
	_ = json.Unmarshal([]byte(header), &h)
	return h["alg"]
}
