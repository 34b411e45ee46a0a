package desk

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"

	"hutong/gateway/config"
)

// provider is one of OpenID Connect that lets in whom a test says.
type provider struct {
	*httptest.Server
	t         *testing.T
	key       *rsa.PrivateKey
	claims    map[string]any // of the next token
	nonce     string         // as asked for
	challenge string
}

func newProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	ok(t, err)
	p := &provider{t: t, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token",
			"jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("code") != "good" || oauth2.S256ChallengeFromVerifier(r.FormValue("code_verifier")) != p.challenge {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		claims := jwt.MapClaims{"iss": p.URL, "aud": "desk", "sub": "1", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": p.nonce}
		maps.Copy(claims, p.claims)
		token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
		token.Header["kid"] = "k"
		signed, err := token.SignedString(key)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": signed})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return p
}

func TestLoggingInByAProvider(t *testing.T) {
	p := newProvider(t)
	h := newHouse(t, func(o *Options) {
		o.Now = time.Now
		o.Desk.OIDC = config.OIDC{Issuer: p.URL, ClientID: "desk", ClientSecret: "s", NameClaim: "preferred_username", RoleClaim: "roles", QueuesClaim: "queues", SkillsClaim: "skills"}
	})
	begin := func() (cookie, state string) {
		t.Helper()
		redirect, cookie, err := h.OIDCBegin(t.Context(), "https://desk.example")
		ok(t, err)
		u, err := url.Parse(redirect)
		ok(t, err)
		q := u.Query()
		if q.Get("redirect_uri") != "https://desk.example"+OIDCCallback || q.Get("code_challenge_method") != "S256" || !strings.Contains(q.Get("scope"), "openid") {
			t.Errorf("sent to %s", redirect)
		}
		p.nonce, p.challenge = q.Get("nonce"), q.Get("code_challenge")
		return cookie, q.Get("state")
	}
	end := func(cookie, state, code string) (Login, string, error) {
		c, l, err := h.OIDCEnd(t.Context(), "https://desk.example", cookie, state, code, "192.0.2.1:1")
		return l, c, err
	}
	p.claims = map[string]any{"preferred_username": "li.na@example.com", "name": "李娜", "roles": []string{"staff", "supervisor"}, "queues": "q other", "skills": []string{"english"}}
	cookie, state := begin()
	l, admitted, err := end(cookie, state, "good")
	ok(t, err)
	if l.AgentID != "li-na-example-com" || l.NickName != "李娜" || !l.Supervises() || !slices.Equal(l.Queues, []string{"q"}) || !slices.Equal(l.Skills, []string{"english"}) {
		t.Errorf("logged in %+v", l)
	}
	if back, err := h.LoggedIn(t.Context(), admitted); err != nil || back.AgentID != l.AgentID || back.CheckCSRF(l.CSRF) != nil {
		t.Errorf("the cookie stands for %+v, %v", back, err)
	}
	for name, refuse := range map[string]struct {
		do   func() error
		want error
	}{
		"another browser": {func() error { cookie, _ := begin(); _, _, err := end(cookie, "x", "good"); return err }, ErrProvider},
		"no cookie":       {func() error { _, state := begin(); _, _, err := end("", state, "good"); return err }, ErrProvider},
		"a bad code":      {func() error { cookie, state := begin(); _, _, err := end(cookie, state, "bad"); return err }, ErrProvider},
		"another log-in": {func() error {
			cookie, state := begin()
			p.nonce = "x"
			_, _, err := end(cookie, state, "good")
			return err
		}, ErrProvider},
		"for another client": {func() error {
			cookie, state := begin()
			p.claims["aud"] = "other"
			defer delete(p.claims, "aud")
			_, _, err := end(cookie, state, "good")
			return err
		}, ErrProvider},
		"no role": {func() error {
			cookie, state := begin()
			was := p.claims["roles"]
			p.claims["roles"] = "cook"
			defer func() { p.claims["roles"] = was }()
			_, _, err := end(cookie, state, "good")
			return err
		}, ErrNoRight},
		"an account of the configuration": {func() error {
			cookie, state := begin()
			p.claims["preferred_username"] = "anna"
			_, _, err := end(cookie, state, "good")
			return err
		}, ErrNoRight},
	} {
		if err := refuse.do(); !errors.Is(err, refuse.want) {
			t.Errorf("%s: %v; want %v", name, err, refuse.want)
		}
	}
	_, _, err = newHouse(t, nil).OIDCBegin(t.Context(), "https://desk.example")
	if !errors.Is(err, ErrNoProvider) {
		t.Errorf("without a provider: %v", err)
	}
}
