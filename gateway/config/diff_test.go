package config

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// kinds says of every option whether a reload is enough for it. Whoever adds an option decides.
var kinds = map[string]string{
	"data_dir": "restart",

	"log.level":  "live",
	"log.format": "restart",

	"http.address":         "restart",
	"http.public_url":      "restart",
	"http.tls.cert":        "restart",
	"http.tls.key":         "restart",
	"http.cors_origins":    "live",
	"http.max_connections": "restart",
	"http.read_timeout":    "restart",
	"http.write_timeout":   "restart",
	"http.max_body":        "restart",

	"rtmp.address":                "restart",
	"rtmp.tls.address":            "restart",
	"rtmp.tls.cert":               "restart",
	"rtmp.tls.key":                "restart",
	"rtmp.max_connections":        "restart",
	"rtmp.max_connections_per_ip": "restart",
	"rtmp.read_timeout":           "restart",
	"rtmp.write_timeout":          "restart",
	"rtmp.max_message":            "restart",

	"webrtc.udp_address":  "restart",
	"webrtc.tcp_address":  "restart",
	"webrtc.external_ips": "restart",
	"webrtc.ice_lite":     "restart",
	"webrtc.ice_servers":  "live",
	"webrtc.simulcast":    "live",
	"webrtc.loopback":     "restart",
	"webrtc.max_peers":    "restart",

	"stream.takeover":         "live",
	"stream.publisher_grace":  "live",
	"stream.play_wait":        "restart",
	"stream.crossing_linger":  "restart",
	"stream.max_lag":          "restart",
	"stream.gop_max_bytes":    "restart",
	"stream.gop_max_duration": "restart",
	"stream.max_streams":      "live",
	"stream.max_players":      "live",
	"stream.path":             "restart",
	"stream.standard_merge":   "restart",

	"audio.opus_bitrate": "restart",
	"audio.aac_bitrate":  "restart",

	"auth.mode":            "live",
	"auth.api_keys":        "live",
	"auth.token_secret":    "live",
	"auth.token_ttl":       "live",
	"auth.signed_urls":     "live",
	"auth.callout.url":     "live",
	"auth.callout.timeout": "live",
	"auth.callout.secret":  "live",
	"auth.rate.per_second": "live",
	"auth.rate.burst":      "live",

	"rooms.grace":         "restart",
	"rooms.empty_timeout": "restart",
	"rooms.max_rooms":     "restart",
	"rooms.webhooks":      "live",

	"desk.ring_timeout":       "live",
	"desk.retry_after":        "live",
	"desk.max_wait":           "live",
	"desk.max_waiting":        "live",
	"desk.caller_grace":       "live",
	"desk.agent_grace":        "live",
	"desk.transfer_timeout":   "live",
	"desk.wrap_up":            "live",
	"desk.missed_break":       "live",
	"desk.quality_every":      "live",
	"desk.service_level":      "live",
	"desk.timezone":           "live",
	"desk.history_days":       "live",
	"desk.outcomes":           "live",
	"desk.quick_replies":      "live",
	"desk.session_ttl":        "live",
	"desk.agents":             "live",
	"desk.oidc.issuer":        "live",
	"desk.oidc.client_id":     "live",
	"desk.oidc.client_secret": "live",
	"desk.oidc.scopes":        "live",
	"desk.oidc.name_claim":    "live",
	"desk.oidc.role_claim":    "live",
	"desk.oidc.queues_claim":  "live",
	"desk.oidc.skills_claim":  "live",
	"desk.webhooks":           "live",
	"queues":                  "live",

	"weapp.enabled":             "restart",
	"weapp.path":                "restart",
	"weapp.services":            "restart",
	"weapp.sdk_app_id":          "restart",
	"weapp.account_type":        "restart",
	"weapp.key":                 "restart",
	"weapp.backup_key":          "restart",
	"weapp.private_key":         "restart",
	"weapp.public_keys":         "restart",
	"weapp.login_info":          "restart",
	"weapp.any_user":            "restart",
	"weapp.user_sig_ttl":        "restart",
	"weapp.map_key_ttl":         "restart",
	"weapp.map_key":             "restart",
	"weapp.token_ttl":           "restart",
	"weapp.biz_id":              "restart",
	"weapp.push_url":            "restart",
	"weapp.play_url":            "restart",
	"weapp.url_ttl":             "restart",
	"weapp.expiry":              "restart",
	"weapp.idle_room":           "restart",
	"weapp.max_double":          "restart",
	"weapp.max_multi":           "restart",
	"weapp.max_live":            "restart",
	"weapp.max_webrtc":          "restart",
	"weapp.max_audience":        "restart",
	"weapp.max_room_info":       "restart",
	"weapp.history":             "restart",
	"weapp.messages.per_second": "restart",
	"weapp.messages.burst":      "restart",
	"weapp.calls.per_second":    "restart",
	"weapp.calls.burst":         "restart",
	"weapp.max_sockets":         "restart",

	"mix.ffmpeg":         "restart",
	"mix.max_mixes":      "restart",
	"mix.preset":         "restart",
	"mix.video_bitrate":  "restart",
	"mix.max_frame_rate": "restart",
	"mix.threads":        "restart",
	"mix.max_cpu":        "restart",
	"mix.nice":           "restart",
	"mix.memory":         "restart",

	"recording.directory":         "restart",
	"recording.rules":             "live",
	"recording.keep":              "live",
	"recording.linger":            "restart",
	"recording.split_after":       "restart",
	"recording.split_bytes":       "restart",
	"recording.max_lag":           "restart",
	"recording.signing_key":       "restart",
	"recording.link_ttl":          "restart",
	"recording.notice":            "live",
	"recording.disk.alarm_free":   "restart",
	"recording.disk.min_free":     "restart",
	"recording.disk.when_full":    "restart",
	"recording.store.url":         "restart",
	"recording.store.access_key":  "restart",
	"recording.store.secret_key":  "restart",
	"recording.store.prefix":      "restart",
	"recording.store.keep_local":  "restart",
	"recording.store.uploads":     "restart",
	"recording.store.timeout":     "restart",
	"recording.composite.ffmpeg":  "restart",
	"recording.composite.threads": "restart",
	"recording.composite.jobs":    "restart",
	"recording.composite.nice":    "restart",
	"recording.composite.width":   "restart",
	"recording.composite.height":  "restart",
	"recording.composite.fps":     "restart",
	"recording.composite.bitrate": "restart",
	"recording.composite.burn":    "restart",
	"recording.composite.font":    "restart",
	"recording.webhooks":          "live",

	"state.node":        "restart",
	"state.url":         "restart",
	"state.credentials": "restart",
	"state.replicas":    "restart",
	"state.sync":        "restart",

	"metrics.enabled": "live",
	"pprof.enabled":   "live",

	"drain.mode":    "live",
	"drain.timeout": "live",
}

// alter gives an option another value.
func alter(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), v.Len()+1, v.Len()+1))
	}
}

func TestEveryOptionIsLiveOrNeedsARestart(t *testing.T) {
	for i, o := range options(Default()) {
		kind, known := kinds[o.path]
		if !known {
			t.Errorf("%s is neither live nor restart", o.path)
			continue
		}
		running, next := Default(), Default()
		alter(options(next)[i].value)
		got := Diff(running, next)
		if want := []Change{{o.path, kind == "live"}}; !slices.Equal(got, want) {
			t.Errorf("%s changed, and the difference is %v, want %v", o.path, got, want)
		}
		adopted := Adopt(running, next)
		if left := Diff(adopted, next); (kind == "live") != (len(left) == 0) {
			t.Errorf("%s (%s): after a reload there remains %v", o.path, kind, left)
		}
		if !reflect.DeepEqual(running, Default()) {
			t.Fatalf("%s: the configuration that runs was changed in place", o.path)
		}
	}
	for path := range kinds {
		if !slices.ContainsFunc(options(Default()), func(o option) bool { return o.path == path }) {
			t.Errorf("%s is no option", path)
		}
	}
	for _, path := range live {
		if !slices.ContainsFunc(options(Default()), func(o option) bool { return o.path == path || strings.HasPrefix(o.path, path+".") }) {
			t.Errorf("%s is live, and is no option", path)
		}
	}
}

func TestNoDifference(t *testing.T) {
	next := Default()
	next.WebRTC.ICEServers = nil
	if got := Diff(Default(), next); len(got) > 0 {
		t.Errorf("a list that is missing differs from an empty one: %v", got)
	}
}

func TestDrain(t *testing.T) {
	tests := []struct{ text, want string }{
		{"drain: {timeout: 10m}", ""},
		{"drain: {mode: finish, timeout: 24h}", ""},
		{"drain: {mode: cut, timeout: 11m}", "c.yaml:1:29: drain.timeout: is longer than 10m, which only drain.mode finish needs (value \"11m\")"},
		{"drain: {timeout: 25h, mode: finish}", "drain.timeout: is too large"},
		{"drain: {mode: never}", "drain.mode: is not one of the possible values"},
	}
	for _, test := range tests {
		cfg, err := parse("c.yaml", test.text, nil)
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.text, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s gives %v, want %s", test.text, err, test.want)
		case err == nil && cfg.Drain.Timeout.Std() < 10*time.Minute:
			t.Errorf("%s: the timeout is %v", test.text, cfg.Drain.Timeout)
		}
	}
}

func TestManualNamesWhatIsLive(t *testing.T) {
	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range live {
		if !strings.Contains(string(manual), "`"+path+"`") {
			t.Errorf("docs/operations.md does not say that %s changes live", path)
		}
	}
}
