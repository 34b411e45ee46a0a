package config

import (
	"reflect"
	"strings"
	"testing"
)

const (
	key1 = "0123456789abcdef"
	key2 = "fedcba9876543210"
	sum1 = "sha256:9f9f5111f7b27a781f1f1ddde5ebc2dd2b796bfc7365c9c28b548e564176929f"
)

func TestAuthIsRead(t *testing.T) {
	cfg, err := parse("c.yaml", `
auth:
  mode: token
  api_keys:
  - {name: backend1, key: `+key1+`}
  - {name: backend2, key: "`+sum1+`"}
  token_secret: `+key1+key2+`
  token_ttl: 1h
  signed_urls:
  - {app: live, key: `+key1+`, backup_key: `+key2+`, hash: sha256, publish: required, play: "off"}
  - app: live
    key: `+key2+`
    publish: "off"
    play: optional
  - {app: vod, key: `+key1+`}
  callout: {url: "https://backend.example/authorize", timeout: 1s, secret: `+key1+`}
  rate: {per_second: 0, burst: 1}
`, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Auth{
		Mode:        AuthToken,
		APIKeys:     []APIKey{{"backend1", key1}, {"backend2", sum1}},
		TokenSecret: key1 + key2,
		TokenTTL:    seconds(3600),
		SignedURLs: []SignedURL{
			{App: "live", Key: key1, BackupKey: key2, Hash: HashSHA256, Publish: SignRequired, Play: SignOff},
			{App: "live", Key: key2, Hash: HashMD5, Publish: SignOff, Play: SignOptional},
			{App: "vod", Key: key1, Hash: HashMD5, Publish: SignRequired, Play: SignRequired},
		},
		Callout: Callout{URL: "https://backend.example/authorize", Timeout: seconds(1), Secret: key1},
		Rate:    Rate{PerSecond: 0, Burst: 1},
	}
	if !reflect.DeepEqual(cfg.Auth, want) {
		t.Errorf("got\n  %+v\nwant\n  %+v", cfg.Auth, want)
	}
}

func TestOffNeedsNoQuotes(t *testing.T) {
	cfg, err := parse("c.yaml", "auth: {signed_urls: [{app: live, key: "+key1+", play: off}]}", nil)
	if err != nil || cfg.Auth.SignedURLs[0].Play != SignOff {
		t.Errorf("got %+v, %v", cfg, err)
	}
}

func TestAuthProblems(t *testing.T) {
	const secret = "token_secret: " + key1 + key2
	tests := []struct{ name, text, want string }{
		{"token without keys", "{mode: token, " + secret + "}", `c.yaml:1:14: auth.mode: needs auth.api_keys, or no back end could call REST (value "token"): add - name`},
		{"token without secret", "{mode: token, api_keys: [{name: a, key: " + key1 + "}]}", `c.yaml:1:14: auth.mode: needs auth.token_secret, which signs members' tokens (value "token"): set it to what openssl`},
		{"no mode", "{mode: jwt}", `auth.mode: is not one of the possible values (value "jwt"): write open or token`},
		{"short secret", "{token_secret: " + key1 + "}", `c.yaml:1:22: auth.token_secret: is 16 bytes long, shorter than 32: set it`},
		{"lifetime too short", "{token_ttl: 1s}", `auth.token_ttl: is too small (value "1s")`},
		{"lifetime too long", "{token_ttl: 169h}", `auth.token_ttl: is too large (value "169h")`},
		{"key without name", "{api_keys: [{key: " + key1 + "}]}", `auth.api_keys[0].name: is not a name: write who`},
		{"name with space", "{api_keys: [{name: a b, key: " + key1 + "}]}", `c.yaml:1:26: auth.api_keys[0].name: is not a name`},
		{"name twice", "{api_keys: [{name: a, key: " + key1 + "}, {name: a, key: " + key2 + "}]}", `auth.api_keys[1].name: is the name of auth.api_keys[0] too`},
		{"key twice", "{api_keys: [{name: a, key: " + key1 + "}, {name: b, key: " + key1 + "}]}", `auth.api_keys[1].key: is the key of auth.api_keys[0] too`},
		{"no key", "{api_keys: [{name: a}]}", `c.yaml:1:18: auth.api_keys[0].key: is 0 bytes long, shorter than 16`},
		{"short key", "{api_keys: [{name: a, key: abcdef}]}", `auth.api_keys[0].key: is 6 bytes long, shorter than 16`},
		{"key with space", "{api_keys: [{name: a, key: 'abcdef abcdef abcdef'}]}", `auth.api_keys[0].key: has a space`},
		{"key not ASCII", "{api_keys: [{name: a, key: 'abcdefabcdefabcdé'}]}", `auth.api_keys[0].key: has a space or another character that is not printable ASCII`},
		{"number as key", "{api_keys: [{name: a, key: 1234567890123456}]}", `auth.api_keys[0].key: is not text: put it in quotes`},
		{"hash too short", "{api_keys: [{name: a, key: 'sha256:abcd'}]}", `auth.api_keys[0].key: is not sha256: and 64 hex digits`},
		{"no app", "{signed_urls: [{key: " + key1 + "}]}", `auth.signed_urls[0].app: is not the name of an app`},
		{"app with slash", "{signed_urls: [{app: live/a, key: " + key1 + "}]}", `auth.signed_urls[0].app: is not the name of an app`},
		{"no signing key", "{signed_urls: [{app: live}]}", `auth.signed_urls[0].key: is 0 bytes long`},
		{"short backup", "{signed_urls: [{app: live, key: " + key1 + ", backup_key: abc}]}", `auth.signed_urls[0].backup_key: is 3 bytes long`},
		{"same backup", "{signed_urls: [{app: live, key: " + key1 + ", backup_key: " + key1 + "}]}", `auth.signed_urls[0].backup_key: is the same as key`},
		{"no hash", "{signed_urls: [{app: live, key: " + key1 + ", hash: sha1}]}", `auth.signed_urls[0].hash: is not one of the possible values: write md5 or sha256`},
		{"optional publish", "{signed_urls: [{app: live, key: " + key1 + ", publish: optional}]}", `auth.signed_urls[0].publish: is not one of the possible values: write required or off`},
		{"for nothing", "{signed_urls: [{app: live, key: " + key1 + ", publish: off, play: off}]}", `auth.signed_urls[0]: is for neither publishing nor playing`},
		{"app twice", "{signed_urls: [{app: live, key: " + key1 + ", publish: off}, {app: live, key: " + key2 + ", publish: off}]}",
			`auth.signed_urls[1]: decides on play of an app that auth.signed_urls[0] decides on: set play: off in one of them`},
		{"callout is no URL", "{callout: {url: backend, secret: " + key1 + "}}", `auth.callout.url: is not an http or https URL: write it like`},
		{"callout with password", "{callout: {url: 'http://u:p@a/', secret: " + key1 + "}}", `auth.callout.url: has a user name or password in it: write`},
		{"callout with fragment", "{callout: {url: 'http://a/#b', secret: " + key1 + "}}", `auth.callout.url: has a fragment`},
		{"callout without secret", "{callout: {url: 'http://a/'}}", `auth.callout.url: is set without auth.callout.secret`},
		{"callout with short secret", "{callout: {url: 'http://a/', secret: abc}}", `auth.callout.secret: is 3 bytes long`},
		{"secret without callout", "{callout: {secret: " + key1 + "}}", `auth.callout.secret: is set, but auth.callout.url is empty`},
		{"negative rate", "{rate: {per_second: -1}}", `auth.rate.per_second: is too small (value "-1"): write a whole number from 0 to 100000`},
		{"no burst", "{rate: {burst: 0}}", `auth.rate.burst: is too small (value "0")`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := problemsOf(t, "auth: "+test.text)
			if len(got) != 1 || !strings.Contains(got[0], test.want) {
				t.Errorf("of %q got\n  %s\nwant one line with\n  %s", test.text, strings.Join(got, "\n  "), test.want)
			}
		})
	}
}

// TestAuthSecretsAreNotQuoted puts a secret into every place where a person may put it by mistake.
func TestAuthSecretsAreNotQuoted(t *testing.T) {
	const hunter = "hunter2345"
	for _, text := range []string{
		"auth: {token_secret: hunter2345}",
		"auth: {token_secret: [hunter2345]}",
		"auth: {tokensecret: hunter2345}",
		"auth: {api_keys: hunter2345}",
		"auth: {api_keys: [hunter2345]}",
		"auth: {api_keys: [{backend1: hunter2345}]}",
		"auth: {api_keys: [{name: backend1, key: hunter2345}]}",
		"auth: {api_keys: [{name: hunter2345 0, key: a}]}",
		"auth: {api_keys: [{name: a, name: hunter2345}]}",
		"auth: {api_keys: [{key: [hunter2345], name: {hunter2345: a}}]}",
		"auth: {api_keys: [{key: a, name: 'hunter2345\t'}]}",
		"auth: {api_keys: {key: hunter2345}}",
		"auth: {signed_urls: [{app: live, key: hunter2345, backup_key: hunter2345}]}",
		"auth: {signed_urls: [{app: live, key: a, hash: hunter2345, play: hunter2345}]}",
		"auth: {signed_urls: hunter2345}",
		"auth: {callout: {url: 'http://u:hunter2345@a', secret: hunter2345}}",
		"auth: {callout: {url: 'hunter2345'}}",
		"token_secret: hunter2345",
		"api_key: hunter2345",
	} {
		got := problemsOf(t, text)
		// The name of an unknown option is quoted: without it nobody would find the line.
		if len(got) == 0 || strings.Contains(strings.Join(got, "\n"), hunter) {
			t.Errorf("of %q got %q: want problems that do not name the secret", text, got)
		}
	}
	for _, variable := range []string{
		"HUTONG_AUTH_TOKEN_SECRET=hunter2345",
		"HUTONG_AUTH_TOKEN_SECRET=hunter2345\n",
		"HUTONG_AUTH_API_KEYS=hunter2345",
		"HUTONG_AUTH_API_KEYS=[hunter2345]",
		"HUTONG_AUTH_API_KEYS=[{name: a, key: hunter2345",
		"HUTONG_AUTH_API_KEYS=[{name: a, key: hunter2345}]",
		"HUTONG_AUTH_API_KEYS=[{name: a, key: 'hunter2345}]",
		"HUTONG_AUTH_API_KEYS=[{name: a key: hunter2345}]",
		"HUTONG_AUTH_API_KEYS=\thunter2345: - {",
		"HUTONG_AUTH_SIGNED_URLS=[{app: live, key: *hunter2345}]",
		"HUTONG_AUTH_CALLOUT_SECRET=hunter2345",
		"HUTONG_AUTH_TOKENSECRET=hunter2345",
	} {
		got := problemsOf(t, "", variable)
		if len(got) == 0 || strings.Contains(strings.Join(got, "\n"), hunter) {
			t.Errorf("of %q got %q: want problems that do not name the secret", variable, got)
		}
	}
}

func TestReadLooksAtNoFiles(t *testing.T) {
	t.Chdir(t.TempDir())
	cfg, err := Read("", []string{"HUTONG_HTTP_TLS_CERT=nope.pem", "HUTONG_HTTP_TLS_KEY=nope.key", "HUTONG_DATA_DIR=/proc/nope"})
	if err != nil || cfg.HTTP.TLS.Cert != "nope.pem" {
		t.Errorf("got %v, %v", cfg, err)
	}
	if _, err := Read("nope.yaml", nil); err == nil {
		t.Error("a missing file was read")
	}
	if _, err := Read("", []string{"HUTONG_LOG_LEVEL=loud"}); err == nil {
		t.Error("a bad value was read")
	}
}
