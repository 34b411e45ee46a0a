package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// other gives, for every option, a value that is not its default: as text and as it should arrive.
func other(t *testing.T, o option) (string, any) {
	t.Helper()
	switch v := o.value.Interface().(type) {
	case bool:
		return fmt.Sprint(!v), !v
	case int:
		if o.path == "state.replicas" || o.path == "weapp.sdk_app_id" {
			return "3", 3
		}
		if o.tag.Get("min") == fmt.Sprint(v) {
			return fmt.Sprint(v + 1), v + 1
		}
		return fmt.Sprint(v - 1), v - 1
	case Duration:
		if v == 0 {
			return "1h", Duration(time.Hour)
		}
		return (v - 1e6).String(), v - 1e6
	case Size:
		return (v - 1).String(), v - 1
	case []string:
		if strings.HasPrefix(o.path, "desk.") {
			return "a,b c", []string{"a", "b c"}
		}
		if o.path == "webrtc.external_ips" {
			return "203.0.113.7,2001:db8::1", []string{"203.0.113.7", "2001:db8::1"}
		}
		if o.path == "weapp.services" {
			return "live_room", []string{"live_room"}
		}
		return "https://a.example, https://b.example:8443", []string{"https://a.example", "https://b.example:8443"}
	case []ICEServer:
		return "[{urls: ['turn:a.example'], username: u, credential: c}]",
			[]ICEServer{{URLs: []string{"turn:a.example"}, Username: "u", Credential: "c"}}
	case []APIKey:
		return "[{name: backend1, key: 0123456789abcdef}]", []APIKey{{Name: "backend1", Key: "0123456789abcdef"}}
	case []Webhook:
		return "[{url: 'http://a.example/events', secret: 0123456789abcdef, events: [muted]}]",
			[]Webhook{{URL: "http://a.example/events", Secret: "0123456789abcdef", Events: []string{"muted"}}}
	case []DeskAgent:
		return "[{name: anna, password: $2a$10$x}]", []DeskAgent{{Name: "anna", Password: "$2a$10$x", Role: RoleAgent}}
	case []Queue:
		return "[{id: support, overflow_after: 0}]", []Queue{{ID: "support", OnReject: OnRejectNext}}
	case []RecordingRule:
		return "[{room: 'lesson-*'}]", []RecordingRule{{Room: "lesson-*", Composite: CompositeNone}}
	case []SignedURL:
		return "[{app: live, key: 0123456789abcdef, play: optional}]",
			[]SignedURL{{App: "live", Key: "0123456789abcdef", Hash: HashMD5, Publish: SignRequired, Play: SignOptional}}
	case string:
		for _, choice := range choicesOf(o.tag) {
			if choice != v {
				return choice, choice
			}
		}
		switch {
		case strings.HasSuffix(o.path, "address"):
			return "192.0.2.1:7000", "192.0.2.1:7000"
		case o.path == "http.public_url":
			return "https://call.example.com", "https://call.example.com"
		case o.path == "desk.timezone":
			return "Asia/Shanghai", "Asia/Shanghai"
		case o.path == "desk.oidc.issuer":
			return "https://login.example.com", "https://login.example.com"
		case o.path == "state.node":
			return "node-2", "node-2"
		case o.path == "recording.store.url":
			return "s3://bucket?region=x", "s3://bucket?region=x"
		case o.path == "weapp.path":
			return "/video/weapp", "/video/weapp"
		case o.path == "weapp.biz_id":
			return "8888", "8888"
		case o.path == "weapp.push_url":
			return "rtmp://a.example", "rtmp://a.example"
		case o.path == "weapp.play_url":
			return "https://a.example", "https://a.example"
		case o.path == "state.url":
			return "nats://a.example:4222,nats://b.example:4222", "nats://a.example:4222,nats://b.example:4222"
		case o.path == "auth.callout.url":
			return "http://10.0.0.1/authorize?v=1", "http://10.0.0.1/authorize?v=1"
		case o.tag.Get("secret") != "":
			return "0123456789abcdef0123456789abcdef", "0123456789abcdef0123456789abcdef"
		}
		return "some/path: [a, b", "some/path: [a, b"
	}
	t.Fatalf("%s is of type %s: teach the test to change it", o.path, o.value.Type())
	return "", nil
}

// TestEveryOptionFromTheEnvironment sets each option alone and expects it, and nothing else, to change.
func TestEveryOptionFromTheEnvironment(t *testing.T) {
	needs := map[string][]string{ // what has to be set with an option to make sense
		"http.tls.cert":              {"HUTONG_HTTP_TLS_KEY=k"},
		"http.tls.key":               {"HUTONG_HTTP_TLS_CERT=c"},
		"rtmp.tls.address":           {"HUTONG_RTMP_TLS_CERT=c", "HUTONG_RTMP_TLS_KEY=k"},
		"rtmp.tls.cert":              {"HUTONG_RTMP_TLS_ADDRESS=:1", "HUTONG_RTMP_TLS_KEY=k"},
		"rtmp.tls.key":               {"HUTONG_RTMP_TLS_ADDRESS=:1", "HUTONG_RTMP_TLS_CERT=c"},
		"webrtc.external_ips":        {"HUTONG_WEBRTC_UDP_ADDRESS=:1"},
		"auth.mode":                  {"HUTONG_AUTH_API_KEYS=[{name: a, key: 0123456789abcdef}]", "HUTONG_AUTH_TOKEN_SECRET=0123456789abcdef0123456789abcdef"},
		"auth.callout.url":           {"HUTONG_AUTH_CALLOUT_SECRET=0123456789abcdef"},
		"auth.callout.secret":        {"HUTONG_AUTH_CALLOUT_URL=http://a"},
		"weapp.enabled":              {"HUTONG_WEAPP_KEY=0123456789abcdef", "HUTONG_WEAPP_SDK_APP_ID=1"},
		"desk.oidc.issuer":           {"HUTONG_DESK_OIDC_CLIENT_ID=c", "HUTONG_HTTP_PUBLIC_URL=https://a"},
		"recording.store.access_key": {"HUTONG_RECORDING_STORE_URL=s3://b", "HUTONG_RECORDING_STORE_SECRET_KEY=0123456789abcdef"},
		"recording.store.secret_key": {"HUTONG_RECORDING_STORE_URL=s3://b", "HUTONG_RECORDING_STORE_ACCESS_KEY=a"},
		"state.credentials":          {"HUTONG_STATE_URL=nats://a"},
		"state.replicas":             {"HUTONG_STATE_URL=nats://a"},
	}
	names := map[string]string{}
	for i, o := range options(Default()) {
		t.Run(o.path, func(t *testing.T) {
			name := EnvName(o.path)
			if twin, taken := names[name]; taken {
				t.Fatalf("%s sets both %s and %s", name, o.path, twin)
			}
			names[name] = o.path
			text, want := other(t, o)
			cfg, err := parse("", "", append(needs[o.path], name+"="+text, "PATH=/bin", "HUTONGX=1"))
			if err != nil {
				t.Fatal(err)
			}
			if got := options(cfg)[i].value.Interface(); !reflect.DeepEqual(got, want) {
				t.Errorf("%s=%s gives %v, want %v", name, text, got, want)
			}
			changed := 0
			for j, before := range options(Default()) {
				if !reflect.DeepEqual(options(cfg)[j].value.Interface(), before.value.Interface()) {
					changed++
				}
			}
			if changed != 1+len(needs[o.path]) {
				t.Errorf("%s changed %d options", name, changed)
			}
		})
	}
	if got := EnvName("rtmp.tls.cert"); got != "HUTONG_RTMP_TLS_CERT" {
		t.Errorf("EnvName(rtmp.tls.cert) is %s", got)
	}
}

func TestEnvironmentWinsOverTheFile(t *testing.T) {
	cfg, err := parse("c.yaml", "log: {level: loud}\nhttp: {cors_origins: [https://a.example]}\n", []string{"HUTONG_LOG_LEVEL=warn"})
	if err == nil {
		t.Fatalf("a wrong value in the file was hidden by the environment: %+v", cfg)
	}
	cfg, err = parse("c.yaml", "log: {level: debug}\nhttp: {cors_origins: [https://a.example]}\n",
		[]string{"HUTONG_LOG_LEVEL=warn", "HUTONG_HTTP_CORS_ORIGINS="})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Log.Level != LevelWarn || len(cfg.HTTP.CORSOrigins) != 0 {
		t.Errorf("got level %s and origins %q, want warn and none", cfg.Log.Level, cfg.HTTP.CORSOrigins)
	}
}

func TestEnvironmentProblems(t *testing.T) {
	tests := []struct{ variable, want string }{
		{"HUTONG_HTP_ADDRESS=:1", "environment: HUTONG_HTP_ADDRESS: unknown variable: did you mean HUTONG_HTTP_ADDRESS?"},
		{"HUTONG_RTMP=x", "environment: HUTONG_RTMP: unknown variable"},
		{"HUTONG_FOO_BAR_BAZ=x", "environment: HUTONG_FOO_BAR_BAZ: unknown variable: remove it; names are HUTONG_ and an option's path"},
		{"HUTONG_SERVICE_HOST=10.0.0.1", "enableServiceLinks"},
		{"HUTONG_PORT_1935_TCP_ADDR=10.0.0.1", "enableServiceLinks"},
		{"HUTONG_RTMP_ADDRESS=nope", `environment: HUTONG_RTMP_ADDRESS: is not HOST:PORT (value "nope")`},
		{"HUTONG_RTMP_READ_TIMEOUT=10", `environment: HUTONG_RTMP_READ_TIMEOUT: has no unit (value "10")`},
		{"HUTONG_RTMP_READ_TIMEOUT=", `environment: HUTONG_RTMP_READ_TIMEOUT: is not a duration`},
		{"HUTONG_METRICS_ENABLED=1", `environment: HUTONG_METRICS_ENABLED: is not true or false (value "1")`},
		{"HUTONG_HTTP_CORS_ORIGINS=a", `environment: HUTONG_HTTP_CORS_ORIGINS[0]: is not an origin (value "a")`},
		{"HUTONG_HTTP_CORS_ORIGINS=[a", `environment: HUTONG_HTTP_CORS_ORIGINS: is not YAML`},
		{"HUTONG_HTTP_CORS_ORIGINS=[1]", `environment: HUTONG_HTTP_CORS_ORIGINS[0]: is not text (value "1")`},
		{"HUTONG_WEBRTC_ICE_SERVERS=stun:a", `environment: HUTONG_WEBRTC_ICE_SERVERS: is not a list (value "stun:a")`},
		{"HUTONG_WEBRTC_ICE_SERVERS=[{url: a}]", `environment: HUTONG_WEBRTC_ICE_SERVERS[0].url: unknown option: did you mean urls?`},
		{"HUTONG_WEBRTC_ICE_SERVERS=[{urls: [a]}]", `environment: HUTONG_WEBRTC_ICE_SERVERS[0].urls[0]: is not a STUN or TURN address (value "a")`},
		{"HUTONG_WEBRTC_ICE_SERVERS=[{urls: ['stun:a'], credential: 1}]", `environment: HUTONG_WEBRTC_ICE_SERVERS[0].credential: is not text: put`},
	}
	for _, test := range tests {
		t.Run(test.variable, func(t *testing.T) {
			got := problemsOf(t, "", test.variable)
			if len(got) != 1 || !strings.Contains(got[0], test.want) {
				t.Errorf("got\n  %s\nwant one line with\n  %s", strings.Join(got, "\n  "), test.want)
			}
		})
	}
}
