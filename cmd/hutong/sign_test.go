package main

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"hutong/gateway/auth"
	"hutong/gateway/config"
)

const signConfig = `
http: {address: ":8080"}
rtmp: {address: ":1935"}
auth:
  mode: token
  api_keys: [{name: backend1, key: 0123456789abcdef0123456789abcdef}]
  token_secret: token-secret-0123456789-0123456789
  signed_urls:
  - {app: live, key: e12c46f2612d5106e2034781ab261ca3}
  - {app: show, key: push-key-0123456789, hash: sha256, play: "off"}
  - {app: show, key: play-key-0123456789, hash: sha256, publish: "off", play: optional}
  - {app: vod, key: play-key-0123456789, publish: "off"}
`

// authorityOf is what a gateway with the same file decides by.
func authorityOf(t *testing.T, path string) *auth.Authority {
	t.Helper()
	cfg, err := config.Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := auth.New(cfg.Auth, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

func TestSignURL(t *testing.T) {
	tests := []struct {
		name, extra string // extra: more of the configuration
		args        []string
		want        []string // the lines, without their queries
	}{
		{"both", "", []string{"--stream", "alice"}, []string{"push rtmp://127.0.0.1/live/alice", "play rtmp://127.0.0.1/live/alice", "play http://127.0.0.1:8080/live/alice.flv"}},
		{"two keys", "", []string{"--app", "show", "--stream", "alice"}, []string{"push rtmp://127.0.0.1/show/alice", "play rtmp://127.0.0.1/show/alice", "play http://127.0.0.1:8080/show/alice.flv"}},
		{"playing only", "", []string{"--app", "vod", "--stream", "a/b"}, []string{"play rtmp://127.0.0.1/vod/a/b", "play http://127.0.0.1:8080/vod/a/b.flv"}},
		{"host", "", []string{"--stream", "a", "--host", "2001:db8::1"}, []string{"push rtmp://[2001:db8::1]/live/a", "play rtmp://[2001:db8::1]/live/a", "play http://[2001:db8::1]:8080/live/a.flv"}},
		{"public URL", "HUTONG_HTTP_PUBLIC_URL=https://call.example.com", []string{"--stream", "a"}, []string{"push rtmp://call.example.com/live/a", "play rtmp://call.example.com/live/a", "play https://call.example.com/live/a.flv"}},
		{"other ports", "HUTONG_RTMP_ADDRESS=192.0.2.1:1999", []string{"--stream", "a"}, []string{"push rtmp://192.0.2.1:1999/live/a", "play rtmp://192.0.2.1:1999/live/a", "play http://127.0.0.1:8080/live/a.flv"}},
	}
	path := write(t, signConfig)
	a := authorityOf(t, path)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			environ := []string{}
			if test.extra != "" {
				environ = append(environ, test.extra)
			}
			before := time.Now()
			got := hutong(t, environ, append([]string{"sign", "url", "--config", path, "--ttl", "10m"}, test.args...)...)
			if got.code != exitOK || got.err != "" {
				t.Fatalf("got %+v", got)
			}
			lines := strings.Split(strings.TrimSpace(got.out), "\n")
			last := strings.Fields(lines[len(lines)-1])
			until, err := time.Parse(time.RFC3339, last[1])
			if last[0] != "until" || err != nil || until.Before(before.Add(9*time.Minute)) || until.After(time.Now().Add(11*time.Minute)) {
				t.Errorf("the last line is %v", last)
			}
			var places []string
			for _, line := range lines[:len(lines)-1] {
				words := strings.Fields(line)
				address, query, _ := strings.Cut(words[1], "?")
				places = append(places, words[0]+" "+address)
				u, err := url.Parse(address)
				if err != nil {
					t.Fatal(err)
				}
				q, _ := url.ParseQuery(query)
				action := map[string]auth.Action{"push": auth.Publish, "play": auth.Play}[words[0]]
				name := strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), ".flv")
				if g, err := a.Allow(t.Context(), auth.Request{Action: action, Stream: name, Query: q}); err != nil || g.Subject != "url" || !g.Expires.Equal(until) {
					t.Errorf("%s is not what the gateway takes: %+v, %v", line, g, err)
				}
			}
			if !slices.Equal(places, test.want) {
				t.Errorf("got %q, want %q", places, test.want)
			}
		})
	}
}

func TestSignToken(t *testing.T) {
	path := write(t, signConfig)
	got := hutong(t, nil, "sign", "token", "--config", path, "--room", "r42", "--user", "alice", "--role", "host", "--ttl", "10m", "--stream", "r42_alice", "--play", "show/ad, x")
	if got.code != exitOK || got.err != "" || strings.Count(got.out, "\n") != 1 {
		t.Fatalf("got %+v", got)
	}
	m, err := authorityOf(t, path).VerifyMember(strings.TrimSpace(got.out))
	if err != nil || m.RoomID != "r42" || m.UserID != "alice" || m.Role != "host" || m.Stream != "live/r42_alice" ||
		!slices.Equal(m.Publish, []string{"live/r42_alice"}) || !slices.Equal(m.Play, []string{"show/ad", "live/x"}) || time.Until(m.Expires) > 10*time.Minute {
		t.Errorf("got %+v, %v", m, err)
	}
	got = hutong(t, []string{"HUTONG_AUTH_TOKEN_SECRET=token-secret-0123456789-0123456789"}, "sign", "token", "--room", "r42", "--user", "bob")
	m, err = authorityOf(t, path).VerifyMember(strings.TrimSpace(got.out))
	if err != nil || m.UserID != "bob" || m.Role != "guest" || len(m.Publish)+len(m.Play) != 0 {
		t.Errorf("with the secret from the environment: %+v gave %+v, %v", got, m, err)
	}
}

func TestSignRefusals(t *testing.T) {
	path, short := write(t, signConfig), write(t, "auth: {token_secret: hunter2}")
	tests := []struct {
		name string
		args []string
		code int
		want string
	}{
		{"nothing to sign", []string{"sign"}, exitUsage, "say first what to sign"},
		{"unknown thing", []string{"sign", "cheque", "--room", "r"}, exitUsage, "say first what to sign"},
		{"flags first", []string{"sign", "--config", path, "url"}, exitUsage, `unexpected argument "url"`},
		{"no stream", []string{"sign", "url", "--config", path}, exitUsage, "--stream is missing"},
		{"bad stream", []string{"sign", "url", "--config", path, "--stream", "a.flv"}, exitUsage, `character '.' in "a.flv"`},
		{"no room", []string{"sign", "token", "--config", path, "--user", "u"}, exitUsage, "roomID: it is empty"},
		{"bad user", []string{"sign", "token", "--config", path, "--room", "r", "--user", "a b"}, exitUsage, `userID "a b"`},
		{"no role", []string{"sign", "token", "--config", path, "--room", "r", "--user", "u", "--role", "king"}, exitUsage, `--role "king" is no role`},
		{"bad stream to play", []string{"sign", "token", "--config", path, "--room", "r", "--user", "u", "--play", "a/b,c?d"}, exitUsage, `character '?'`},
		{"no time", []string{"sign", "url", "--config", path, "--stream", "a", "--ttl", "0s"}, exitUsage, "--ttl 0s is too short"},
		{"app without keys", []string{"sign", "url", "--config", path, "--stream", "a", "--app", "x"}, exitFailure, "auth.signed_urls has no entry for app x"},
		{"no keys at all", []string{"sign", "url", "--stream", "a"}, exitFailure, "auth.signed_urls has no entry for app live"},
		{"no secret", []string{"sign", "token", "--room", "r", "--user", "u"}, exitFailure, "auth.token_secret is not set"},
		{"short secret", []string{"sign", "token", "--config", short, "--room", "r", "--user", "u"}, exitFailure, "auth.token_secret: is 7 bytes long"},
		{"no file", []string{"sign", "url", "--config", "nope.yaml", "--stream", "a"}, exitFailure, "nope.yaml: cannot be read"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(test.args, &out, &errs)
			if code != test.code || out.Len() != 0 || !strings.Contains(errs.String(), test.want) || strings.Contains(errs.String(), "hunter2") {
				t.Errorf("code %d, standard output %q, standard error %q; want code %d and %q", code, out.String(), errs.String(), test.code, test.want)
			}
		})
	}
}
