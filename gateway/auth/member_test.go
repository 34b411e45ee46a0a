package auth

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hutong/gateway/config"
)

func token(t *testing.T, a *Authority, m MemberClaims) string {
	t.Helper()
	s, err := a.MemberToken(m)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var alice = MemberClaims{RoomID: "r42", UserID: "alice", Role: "host", Stream: "live/r42_alice"}

func TestMemberTokenSaysWhatItWasGiven(t *testing.T) {
	a := authority(t, production(), at(start))
	for _, m := range []MemberClaims{
		{RoomID: "r", UserID: "u"},
		{RoomID: "r", UserID: "u", Role: "audience", NickName: "李 & Ann", Stream: "live/r_u", Publish: []string{"live/r_u"}, Play: []string{"live/x", "live/y"}},
	} {
		s := token(t, a, m)
		if url.QueryEscape(s) != s || strings.Contains(s, "/") {
			t.Errorf("token %s is not fit for a URL", s)
		}
		got, err := a.VerifyMember(s)
		want := m
		want.Expires = start.Add(time.Hour)
		if !got.Expires.Equal(want.Expires) {
			t.Errorf("expires %v, want %v", got.Expires, want.Expires)
		}
		if !got.Issued.Equal(start) {
			t.Errorf("issued %v, want %v", got.Issued, start)
		}
		got.Expires, got.Issued = want.Expires, want.Issued
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	got, err := a.VerifyMember(token(t, a, MemberClaims{RoomID: "r", UserID: "u", Stream: "live/s", TTL: time.Minute}))
	if err != nil || !got.Expires.Equal(start.Add(time.Minute)) || !reflect.DeepEqual(got.Publish, []string{"live/s"}) {
		t.Errorf("got %+v, %v: want the own stream to publish, for a minute", got, err)
	}
	got, err = a.VerifyMember(token(t, a, MemberClaims{RoomID: "r", UserID: "u", Stream: "live/s", Publish: []string{}}))
	if err != nil || len(got.Publish) != 0 {
		t.Errorf("got %+v, %v: want nothing to publish", got, err)
	}
}

func TestMemberTokenRefusesNonsense(t *testing.T) {
	a := authority(t, production(), at(start))
	for name, m := range map[string]MemberClaims{
		"no room":   {UserID: "u"},
		"no user":   {RoomID: "r"},
		"negative":  {RoomID: "r", UserID: "u", TTL: -time.Hour},
		"too short": {RoomID: "r", UserID: "u", TTL: time.Millisecond},
		"too long":  {RoomID: "r", UserID: "u", Play: []string{strings.Repeat("x", maxToken)}},
	} {
		if s, err := a.MemberToken(m); err == nil || s != "" {
			t.Errorf("%s: got %q, %v", name, s, err)
		}
	}
}

func TestMemberRights(t *testing.T) {
	a := authority(t, production(), at(start))
	all := token(t, a, alice)
	mute := token(t, a, MemberClaims{RoomID: "r42", UserID: "viewer", Stream: "live/r42_viewer", Publish: []string{}, Play: []string{"show/ad"}})
	tests := []struct {
		name, token string
		r           Request
		denied      *Denial
	}{
		{"publish the own stream", all, Request{Action: Publish, Stream: "live/r42_alice"}, nil},
		{"play the own stream", all, Request{Action: Play, Stream: "live/r42_alice"}, nil},
		{"play the room's", all, Request{Action: Play, Stream: "live/r42_bob"}, nil},
		{"play the room's by WHEP", all, Request{Action: Play, Stream: "live/r42_bob", Protocol: "whep"}, nil},
		{"play one named", mute, Request{Action: Play, Stream: "show/ad"}, nil},
		{"play the own stream that may not be published", mute, Request{Action: Play, Stream: "live/r42_viewer"}, nil},
		{"be in the room", all, Request{Action: Room, Protocol: "ws"}, nil},
		{"be in the room, mute", mute, Request{Action: Room, Protocol: "ws"}, nil},
		{"speak for oneself", all, Request{Action: Member, RoomID: "r42", UserID: "alice"}, nil},

		{"publish another's", all, Request{Action: Publish, Stream: "live/r42_bob"}, ErrOtherStream},
		{"publish in another app", all, Request{Action: Publish, Stream: "show/r42_alice"}, ErrOtherStream},
		{"publish a longer name", all, Request{Action: Publish, Stream: "live/r42_alice2"}, ErrOtherStream},
		{"publish without the right", mute, Request{Action: Publish, Stream: "live/r42_viewer"}, ErrNoRight},
		{"play another room's", all, Request{Action: Play, Stream: "live/r43_bob"}, ErrOtherStream},
		{"play a stream of no room", all, Request{Action: Play, Stream: "show/ad"}, ErrOtherStream},
		{"speak for another", all, Request{Action: Member, RoomID: "r42", UserID: "bob"}, ErrNoRight},
		{"speak in another room", all, Request{Action: Member, RoomID: "r43", UserID: "alice"}, ErrNoRight},
		{"do something else", all, Request{Action: "rule", Stream: "live/r42_alice"}, ErrNoRight},
	}
	for _, test := range tests {
		for _, by := range []string{"query", "header"} {
			t.Run(test.name+" by "+by, func(t *testing.T) {
				r := test.r
				if by == "query" {
					r.Query = url.Values{"token": {test.token}}
				} else {
					r.Bearer = test.token
				}
				g, err := a.Allow(t.Context(), r)
				if test.denied != nil {
					checkDenied(t, err, test.denied, test.token)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				m, _ := a.VerifyMember(test.token)
				if g.Subject != "member:r42/"+m.UserID || g.RoomID != "r42" || g.UserID != m.UserID || g.Role != m.Role || !g.Expires.Equal(m.Expires) {
					t.Errorf("granted %+v", g)
				}
				if wantPath := map[Action]string{Member: ""}; r.Action != Member && g.Path != PathLive || r.Action == Member && g.Path != wantPath[Member] {
					t.Errorf("path is %q", g.Path)
				}
			})
		}
	}
	g, err := a.Allow(t.Context(), Request{Action: Play, Stream: "live/r42_bob", Bearer: all, Query: url.Values{"path": {"standard"}}})
	if err != nil || g.Path != PathStandard {
		t.Errorf("the standard path by wish: %+v, %v", g, err)
	}
	a.RoomOf = nil
	_, err = a.Allow(t.Context(), Request{Action: Play, Stream: "live/r42_bob", Bearer: all})
	checkDenied(t, err, ErrOtherStream, all)
}

func TestTokenExpiresAtTheSecond(t *testing.T) {
	now := start
	a := authority(t, production(), func() time.Time { return now })
	s := token(t, a, alice)
	now = start.Add(time.Hour - time.Nanosecond)
	if _, err := a.VerifyMember(s); err != nil {
		t.Errorf("refused a moment before its end: %v", err)
	}
	now = start.Add(time.Hour)
	_, err := a.VerifyMember(s)
	checkDenied(t, err, ErrExpired, s)
	if !strings.Contains(err.Error(), "2026-01-02T04:04:05Z") {
		t.Errorf("%v does not say until when it was good", err)
	}
}

// forge signs claims of any shape with any method.
func forge(t *testing.T, method jwt.SigningMethod, key any, c jwt.Claims) string {
	t.Helper()
	s, err := jwt.NewWithClaims(method, c).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestBadTokens(t *testing.T) {
	a := authority(t, production(), at(start))
	secret := []byte(tokenSecret)
	good := token(t, a, alice)
	parts := strings.Split(good, ".")
	part := func(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }
	with := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{"iss": "hutong", "sub": "alice", "room": "r42", "publish": []string{"live/r42_alice"}, "exp": start.Unix() + 60}
		change(c)
		return c
	}
	hs256 := func(change func(jwt.MapClaims)) string { return forge(t, jwt.SigningMethodHS256, secret, with(change)) }
	unchanged := func(jwt.MapClaims) {}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, token string
		denied      *Denial
	}{
		{"made by a back end", hs256(unchanged), nil},
		{"nbf now", hs256(func(c jwt.MapClaims) { c["nbf"] = start.Unix() }), nil},
		{"empty", ".", ErrWrong},
		{"not a JWT", "hello.world.again", ErrWrong},
		{"two parts", parts[0] + "." + parts[1], ErrWrong},
		{"four parts", good + ".x", ErrWrong},
		{"many dots", strings.Repeat(".", maxToken), ErrWrong},
		{"too long", good + strings.Repeat("a", maxToken), ErrWrong},
		{"line break", good + "\n", ErrWrong},
		{"claims changed", parts[0] + "." + part(`{"iss":"hutong","sub":"bob","room":"r42","exp":1900000000}`) + "." + parts[2], ErrWrong},
		{"signature changed", parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2])), ErrWrong},
		{"no signature", parts[0] + "." + parts[1] + ".", ErrWrong},
		{"alg none", forge(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, with(unchanged)), ErrWrong},
		{"alg none with a signature", part(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + "." + parts[2], ErrWrong},
		{"alg None", part(`{"alg":"None"}`) + "." + parts[1] + ".", ErrWrong},
		{"no alg", part(`{"typ":"JWT"}`) + "." + parts[1] + "." + parts[2], ErrWrong},
		{"HS384", forge(t, jwt.SigningMethodHS384, secret, with(unchanged)), ErrWrong},
		{"HS512", forge(t, jwt.SigningMethodHS512, secret, with(unchanged)), ErrWrong},
		{"RS256", forge(t, jwt.SigningMethodRS256, rsaKey, with(unchanged)), ErrWrong},
		{"another secret", forge(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 32)), with(unchanged)), ErrWrong},
		{"empty secret", forge(t, jwt.SigningMethodHS256, []byte{}, with(unchanged)), ErrWrong},
		{"payload null", part(`{"alg":"HS256"}`) + "." + part("null") + "." + parts[2], ErrWrong},
		{"other issuer", hs256(func(c jwt.MapClaims) { c["iss"] = "other" }), ErrWrong},
		{"no issuer", hs256(func(c jwt.MapClaims) { delete(c, "iss") }), ErrWrong},
		{"no exp", hs256(func(c jwt.MapClaims) { delete(c, "exp") }), ErrWrong},
		{"exp is text", hs256(func(c jwt.MapClaims) { c["exp"] = "later" }), ErrWrong},
		{"exp now", hs256(func(c jwt.MapClaims) { c["exp"] = start.Unix() }), ErrExpired},
		{"expired long ago", hs256(func(c jwt.MapClaims) { c["exp"] = 0 }), ErrExpired},
		{"expired of another issuer", hs256(func(c jwt.MapClaims) { c["exp"] = 1; c["iss"] = "other" }), ErrWrong},
		{"future nbf", hs256(func(c jwt.MapClaims) { c["nbf"] = start.Unix() + 1 }), ErrNotYet},
		{"no room", hs256(func(c jwt.MapClaims) { delete(c, "room") }), ErrWrong},
		{"no user", hs256(func(c jwt.MapClaims) { delete(c, "sub") }), ErrWrong},
		{"room is a number", hs256(func(c jwt.MapClaims) { c["room"] = 42 }), ErrWrong},
		{"publish is text", hs256(func(c jwt.MapClaims) { c["publish"] = "live/r42_alice" }), ErrWrong},
		{"no publish", hs256(func(c jwt.MapClaims) { delete(c, "publish") }), ErrNoRight},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := Request{Action: Publish, Stream: "live/r42_alice", Query: url.Values{"token": {test.token}}}
			g, err := a.Allow(t.Context(), r)
			if test.denied == nil {
				if err != nil || g.UserID != "alice" {
					t.Errorf("got %+v, %v", g, err)
				}
				return
			}
			checkDenied(t, err, test.denied, test.token)
			// A good signature beside it does not help.
			query, _ := a.Sign(Publish, "live/r42_alice", start.Add(time.Hour))
			r.Query, _ = url.ParseQuery(query + "&token=" + url.QueryEscape(test.token))
			_, err = a.Allow(t.Context(), r)
			checkDenied(t, err, test.denied, test.token)
		})
	}
}

func TestOpenModeMakesItsOwnSecret(t *testing.T) {
	cfg := config.Auth{Mode: config.AuthOpen, TokenTTL: config.Duration(time.Hour)}
	a, b := authority(t, cfg, at(start)), authority(t, cfg, at(start))
	s := token(t, a, alice)
	if _, err := a.VerifyMember(s); err != nil {
		t.Error(err)
	}
	_, err := b.VerifyMember(s)
	checkDenied(t, err, ErrWrong, s)
	cfg.Mode = config.AuthToken
	if _, err := New(cfg, at(start)); err == nil {
		t.Error("mode token without a secret was accepted")
	}
	cfg.TokenSecret = "short"
	if _, err := New(cfg, at(start)); err == nil || strings.Contains(err.Error(), "short\"") {
		t.Errorf("a short secret: %v", err)
	}
}
