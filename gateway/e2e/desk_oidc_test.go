package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"hutong/bridge/testmedia"
)

// provider is one of OpenID Connect (Core 1.0 §3.1) that asks in the browser who it is.
type provider struct {
	*httptest.Server
	key    *rsa.PrivateKey
	people map[string]map[string]any // claims by the name of who logs in

	mu    sync.Mutex
	asked map[string]url.Values // requests for a code, by code
}

func newProvider(t *testing.T, people map[string]map[string]any) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key, people: people, asked: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token",
			"jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	})
	mux.HandleFunc("GET /auth", p.ask)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// ask shows who may log in; each is a way back with a code.
func (p *provider) ask(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	fmt.Fprint(w, "<!doctype html><title>provider</title>")
	p.mu.Lock()
	defer p.mu.Unlock()
	for name := range p.people {
		code := name + "-" + rand.Text()
		p.asked[code] = r.URL.Query()
		back := r.FormValue("redirect_uri") + "?" + url.Values{"code": {code}, "state": {r.FormValue("state")}}.Encode()
		fmt.Fprintf(w, `<a data-testid="%s" href="%s">%s</a> `, name, strings.ReplaceAll(back, "&", "&amp;"), name)
	}
	fmt.Fprintf(w, `<a data-testid="nobody" href="%s?error=access_denied&amp;state=%s">cancel</a>`, r.FormValue("redirect_uri"), url.QueryEscape(r.FormValue("state")))
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	asked, known := p.asked[r.FormValue("code")]
	delete(p.asked, r.FormValue("code"))
	p.mu.Unlock()
	if id, secret, _ := r.BasicAuth(); !known || id != "desk" || secret != "s" || r.FormValue("redirect_uri") != asked.Get("redirect_uri") {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	name, _, _ := strings.Cut(r.FormValue("code"), "-")
	claims := jwt.MapClaims{"iss": p.URL, "aud": "desk", "sub": name, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "nonce": asked.Get("nonce")}
	maps.Copy(claims, p.people[name])
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = "k"
	signed, err := token.SignedString(p.key)
	if err != nil {
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "a", "token_type": "Bearer", "id_token": signed})
}

// TestDeskByProvider has agents log in with the accounts of their company, at
// another site. Whoever has no role there, or thinks better of it, is told so.
func TestDeskByProvider(t *testing.T) {
	p := newProvider(t, map[string]map[string]any{
		"lina": {"preferred_username": "li.na@example.com", "name": "李娜", "roles": []string{"staff", "agent"}, "queues": "support"},
		"cook": {"preferred_username": "cook@example.com", "roles": "cook"},
	})
	o := &office{gw: &gateway{}}
	o.config = writeConfigAt(t, o.gw, "127.0.0.1", "", fmt.Sprintf(deskConfig, midday())+fmt.Sprintf("  oidc: {issuer: %q, client_id: desk, client_secret: s, role_claim: roles, queues_claim: queues}\n", p.URL))
	site := "http://localhost:" + o.gw.http[strings.LastIndexByte(o.gw.http, ':')+1:]
	text, err := os.ReadFile(o.config)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), "http: {", fmt.Sprintf("http: {public_url: %q, ", site), 1))
	if err := os.WriteFile(o.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	o.open(t)
	browser := faceOf(1).browser(t, testmedia.BrowserOptions{Init: auditScript})
	agent := &guest{face: faceOf(1), name: "Li Na", page: browser.Open(t, site+"/agent")}
	agent.page.Eval(`localStorage.setItem('hutong.language', 'en')`, nil)
	agent.page.Run(chromedp.Navigate(site + "/agent"))
	comesAs := func(who string) {
		t.Helper()
		agent.press(t, "login-oidc")
		agent.press(t, who)
	}
	comesAs("cook")
	agent.reading(t, "login-failed", "no role at this desk")
	comesAs("nobody")
	agent.reading(t, "login-failed", "was not let in")

	comesAs("lina")
	present(t, agent.page, "console")
	agent.choose(t, "ready")
	o.gw.post(t, "/api/v1/queues/support/calls", `{"userID":"wang","nickName":"Wang","client":"rtmp"}`, &struct{}{})
	agent.press(t, "answer")
	agent.becomes(t, "call", "part", "talks")
	var agents struct {
		Agents []struct{ AgentID, NickName, State string }
	}
	_, _, body := o.gw.get("/api/v1/agents")
	if err := json.Unmarshal(body, &agents); err != nil {
		t.Fatal(err)
	}
	for _, a := range agents.Agents {
		if a.AgentID == "li-na-example-com" && a.NickName == "李娜" && a.State == "busy" {
			return
		}
	}
	t.Errorf("the agents are %+v, want 李娜 busy among them", agents.Agents)
}
