package config

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// problemsOf loads text without touching the file system and returns the problems as lines.
func problemsOf(t *testing.T, text string, environ ...string) []string {
	t.Helper()
	_, err := parse("c.yaml", text, environ)
	if err == nil {
		return nil
	}
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %T, want *Error: %v", err, err)
	}
	return strings.Split(e.Error(), "\n")
}

func TestDefaultIsValidAndOnLoopback(t *testing.T) {
	t.Chdir(t.TempDir())
	cfg, err := Load("", nil)
	if err != nil {
		t.Fatalf("defaults do not load: %v", err)
	}
	if !reflect.DeepEqual(cfg, Default()) {
		t.Errorf("loading nothing gives %+v, want the defaults", cfg)
	}
	for _, l := range listenersOf(cfg) {
		if l.address != "" && !isLoopback(l.address) {
			t.Errorf("%s is %s by default: access is open, so it must be on loopback", l.path, l.address)
		}
	}
	if files, _ := os.ReadDir("."); len(files) != 0 {
		t.Errorf("loading left %v behind", files)
	}
}

func TestFileOverridesDefaults(t *testing.T) {
	cfg, err := parse("c.yaml", "\uFEFF# comment\nhttp: {address: \":80\", max_body: 1MiB}\r\nrtmp:\r\n  tls:\n  read_timeout: 1m30s\n"+
		"webrtc:\n  external_ips:\n  - 203.0.113.7\n  udp_address: ':8189'\n  loopback: false\n"+
		"  ice_servers: [{urls: ['turn:t.example:3478?transport=tcp'], username: u, credential: \"1\"}]\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.HTTP.Address, want.HTTP.MaxBody = ":80", MiB
	want.RTMP.ReadTimeout = Duration(90 * time.Second)
	want.WebRTC.ExternalIPs, want.WebRTC.UDPAddress, want.WebRTC.Loopback = []string{"203.0.113.7"}, ":8189", LoopbackOff
	want.WebRTC.ICEServers = []ICEServer{{URLs: []string{"turn:t.example:3478?transport=tcp"}, Username: "u", Credential: "1"}}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %+v\nwant %+v", cfg, want)
	}
}

// TestProblems shows each kind of mistake with the line that an operator reads.
func TestProblems(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"misspelt", "http:\n  adress: a:1", `c.yaml:2:3: http.adress: unknown option (value "a:1"): did you mean address?`},
		{"capital", "HTTP: {}", `c.yaml:1:1: HTTP: unknown option: did you mean http?`},
		{"elsewhere", "max_message: 1MiB", `c.yaml:1:1: max_message: unknown option (value "1MiB"): did you mean rtmp.max_message?`},
		{"nothing near", "drain:\n  colour: red", `c.yaml:2:3: drain.colour: unknown option (value "red"): remove it; the options here are mode, timeout`},
		{"unprintable key", "\"a\\nb\": 1", `c.yaml:1:1: "a\nb": unknown option (value "1"): remove it`},
		{"number as key", "1: 2", `c.yaml:1:1: 1: unknown option (value "2")`},
		{"null as key", "~: 2", `c.yaml:1:1: "?": unknown option (value "2")`},
		{"twice", "drain: {timeout: 1s,\n timeout: 2s}", `c.yaml:2:2: drain.timeout: is set twice (value "2s"): keep one of them; the first is on line 1`},
		{"section twice", "log: {level: info}\nlog: {format: json}", `c.yaml:2:1: log: is set twice: keep one of them; the first is on line 1`},
		{"section is scalar", "log: debug", `c.yaml:1:6: log: is a section with options of its own (value "debug"): write NAME: VALUE lines for level, format`},
		{"file is a list", "- a", `c.yaml:1:1: holds no options: write NAME: VALUE lines for data_dir`},
		{"scalar is section", "data_dir: {a: b}", `c.yaml:1:11: data_dir: is not a single value: write text`},
		{"no value", "rtmp:\n  read_timeout:\nlog: {}", `c.yaml:2:3: rtmp.read_timeout: has no value: write a number and a unit`},
		{"not text", "data_dir: 5", `c.yaml:1:11: data_dir: is not text (value "5"): put it in quotes`},
		{"not a number", "webrtc: {max_peers: lots}", `c.yaml:1:21: webrtc.max_peers: is not a whole number (value "lots"): write a whole number from 1 to 1000000`},
		{"fraction", "webrtc: {max_peers: 1.5}", `webrtc.max_peers: is not a whole number (value "1.5")`},
		{"quoted number", `webrtc: {max_peers: "5"}`, `webrtc.max_peers: is text (value "5"): write a whole number from 1 to 1000000, without quotes`},
		{"not a bool", "metrics: {enabled: yes}", `c.yaml:1:20: metrics.enabled: is not true or false (value "yes"): write true or false`},
		{"too small", "webrtc: {max_peers: 0}", `webrtc.max_peers: is too small (value "0")`},
		{"too large", "rtmp: {max_message: 1GiB}", `rtmp.max_message: is too large (value "1GiB"): write a number and a unit (B, KiB, MiB, GiB), such as 4MiB, from 64KiB to 64MiB`},
		{"duration without unit", "rtmp: {read_timeout: 10}", `rtmp.read_timeout: has no unit (value "10"): write a number and a unit (ms, s, m, h), such as 10s, from 1s to 10m`},
		{"no duration", "rtmp: {read_timeout: soon}", `rtmp.read_timeout: is not a duration (value "soon")`},
		{"negative duration", "stream: {play_wait: -1s}", `stream.play_wait: is negative (value "-1s")`},
		{"size without unit", "http: {max_body: 65536}", `http.max_body: has no unit (value "65536")`},
		{"size with wrong unit", "http: {max_body: 64k}", `http.max_body: is not a size (value "64k")`},
		{"no choice", "stream: {path: fast}", `c.yaml:1:16: stream.path: is not one of the possible values (value "fast"): write live or standard`},
		{"colon in brackets", "webrtc: {ice_servers: [{urls: [stun:a]}]}", `webrtc.ice_servers[0].urls[0]: is not a single value: write text in quotes`},
		{"not a list", "http: {cors_origins: \"*\"}", `http.cors_origins: is not a list (value "*"): write it in brackets: [a, b], or [] for none`},
		{"list in list", "http: {cors_origins: [[a]]}", `http.cors_origins[0]: is not a single value: write text`},
		{"not an origin", "http: {cors_origins: [https://a.example/x]}", `c.yaml:1:23: http.cors_origins[0]: is not an origin (value "https://a.example/x")`},
		{"star and others", "http: {cors_origins: [https://a.example, \"*\"]}", `http.cors_origins[1]: allows every origin`},
		{"no port", "http: {address: localhost}", `c.yaml:1:17: http.address: is not HOST:PORT (value "localhost"): write HOST:PORT, such as 127.0.0.1:8080, or :8080`},
		{"port too large", "rtmp: {address: ':70000'}", `rtmp.address: has no port from 0 to 65535 (value ":70000"): write HOST:PORT, such as 127.0.0.1:1935`},
		{"address is a URL", "rtmp: {address: 'rtmp://a:1'}", `rtmp.address: is not HOST:PORT`},
		{"IPv6 without brackets", "http: {address: '::1:8080'}", `(value "::1:8080"): put the IPv6 address in brackets, as in [::1]:8080`},
		{"IPv6 without a port", "rtmp: {address: '2001:db8::5'}", `put the IPv6 address in brackets, as in [2001:db8::5]:1935`},
		{"address is empty", "http: {address: ''}", `c.yaml:1:17: http.address: is empty: write HOST:PORT`},
		{"same port", "rtmp: {address: ':8080'}", `c.yaml:1:17: rtmp.address: needs the same TCP port as http.address (127.0.0.1:8080) (value ":8080"): give one of them another port`},
		{"same port, default blamed never", "http: {address: 'localhost:8189'}", `http.address: needs the same TCP port as webrtc.tcp_address (127.0.0.1:8189) (value "localhost:8189")`},
		{"public URL", "http: {public_url: call.example.com}", `http.public_url: is not an http or https URL (value "call.example.com")`},
		{"public URL with slash", "http: {public_url: https://call.example.com/}", `http.public_url: ends in a slash`},
		{"public URL with password", "http: {public_url: 'https://u:hunter2@a.example'}", `http.public_url: has a user name or password in it: write`},
		{"key alone", "http: {tls: {key: k.pem}}", `http.tls.key: is set without its certificate (value "k.pem"): set http.tls.cert`},
		{"certificate alone", "rtmp: {tls: {address: ':1936', cert: c.pem}}", `rtmp.tls.cert: is set without its key (value "c.pem"): set rtmp.tls.key`},
		{"RTMPS without certificate", "rtmp: {tls: {address: ':1936'}}", `rtmp.tls.address: RTMPS needs a certificate (value ":1936")`},
		{"certificate without RTMPS", "rtmp: {tls: {cert: c.pem, key: k.pem}}", `rtmp.tls.cert: is set, but RTMPS has no address (value "c.pem")`},
		{"no data_dir", "data_dir: ''", `c.yaml:1:11: data_dir: is empty`},
		{"not an IP", "webrtc: {udp_address: ':8189', external_ips: [call.example.com]}", `webrtc.external_ips[0]: is not an IP address (value "call.example.com")`},
		{"IP of nobody", "webrtc: {udp_address: ':8189', external_ips: [0.0.0.0]}", `webrtc.external_ips[0]: is not an address that a peer can send to`},
		{"public IP on loopback", "webrtc: {external_ips: [203.0.113.7]}", `webrtc.external_ips: is set, but webrtc.udp_address is 127.0.0.1:8189, where no other machine reaches it`},
		{"not a STUN address", "webrtc: {ice_servers: [{urls: ['http://a']}]}", `webrtc.ice_servers[0].urls[0]: is not a STUN or TURN address (value "http://a")`},
		{"TURN without user", "webrtc: {ice_servers: [{urls: ['turn:a']}]}", `webrtc.ice_servers[0]: is a TURN server without username and credential`},
		{"ICE server without urls", "webrtc: {ice_servers: [{username: a}]}", `webrtc.ice_servers[0]: has no urls`},
		{"ICE server is empty", "webrtc:\n  ice_servers:\n  -\n", `webrtc.ice_servers[0]: has no value`},
		{"merge larger than lag", "stream: {path: standard, max_lag: 200ms}", `c.yaml:1:35: stream.max_lag: stream.standard_merge (350ms) is not below stream.max_lag (200ms)`},
		{"anchor", "log: &a {level: info}\nhttp: *a", `c.yaml:1:6: YAML anchors, aliases and merge keys are not supported: write the value out`},
		{"merge key", "log:\n  <<: {level: info}", `c.yaml:2:3: YAML anchors, aliases and merge keys are not supported`},
		{"tag", "data_dir: !!str 5", `c.yaml:1:11: YAML tags and directives are not supported`},
		{"two documents", "log: {}\n---\nhttp: {}\n", `a second YAML document: keep one document in the file`},
		{"bracket left open", "http: {address: 'a:1'\nrtmp: {}", `is not YAML`},
		{"tab", "http:\n\taddress: 'a:1'", `c.yaml:2:1: is not YAML`},
		{"not UTF-8", "data_dir: data\nlog: \xff", `c.yaml:2:6: is not UTF-8 text: save the file as UTF-8`},
		{"line break in a value", "data_dir: |\n  a\n  b\n", `data_dir: has a line break or control character in it (value "a\nb\n")`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := problemsOf(t, test.text)
			if len(got) != 1 || !strings.Contains(got[0], test.want) {
				t.Errorf("of %q got\n  %s\nwant one line with\n  %s", test.text, strings.Join(got, "\n  "), test.want)
			}
		})
	}
}

func TestAllProblemsAtOnceInOrderOfTheFile(t *testing.T) {
	got := problemsOf(t, "data_dir: 5\nhttp:\n  read_timeout: 10\n  adress: x\nrtmp: {address: nope}\nzzz: 1\nlog: {level: loud}\n",
		"HUTONG_NOPE=1", "HUTONG_DRAIN_TIMEOUT=1")
	want := []string{"c.yaml:1:11", "c.yaml:3:17", "c.yaml:4:3", "c.yaml:5:17", "c.yaml:6:1", "c.yaml:7:14",
		"environment: HUTONG_DRAIN_TIMEOUT", "environment: HUTONG_NOPE"}
	if len(got) != len(want) {
		t.Fatalf("got %d problems, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
	for _, w := range want {
		if !strings.Contains(strings.Join(got, "\n"), w+": ") {
			t.Errorf("no problem at %s in\n%s", w, strings.Join(got, "\n"))
		}
	}
	for i := range 6 {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("problem %d is %s, want the one at %s", i, got[i], want[i])
		}
	}
}

func TestSecretsAreNotQuoted(t *testing.T) {
	for _, text := range []string{
		"webrtc: {ice_servers: [{urls: ['turn:a'], username: u, credential: 12345}]}",
		"webrtc: {ice_servers: [{urls: ['turn:a'], credntial: hunter12345}]}",
		"webrtc: {ice_servers: [{credential: a, credential: hunter12345}]}",
		"webrtc: {ice_servers: [{urls: ['turn:u:hunter12345@a']}]}",
		"webrtc: {ice_servers: [{urls: ['turn:a'], username: u, credential: \"a\\n12345\"}]}",
		"api_token: hunter12345",
	} {
		got := problemsOf(t, text)
		if len(got) == 0 || strings.Contains(strings.Join(got, "\n"), "12345") {
			t.Errorf("of %q got %q: want problems that do not name the secret", text, got)
		}
	}
}

func TestMissingFile(t *testing.T) {
	got := Check(filepath.Join(t.TempDir(), "nope.yaml"))
	if len(got) != 1 || !strings.Contains(got[0].String(), "nope.yaml: cannot be read: no such file or directory: check the path") {
		t.Errorf("got %v", got)
	}
	if got := Check(t.TempDir()); len(got) != 1 || !strings.Contains(got[0].String(), "is a directory") {
		t.Errorf("of a directory got %v", got)
	}
}

func TestEmptyFileIsTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing\n", "---\n", "http:\nrtmp:\n  tls:\n", "{}"} {
		cfg, err := parse("c.yaml", text, nil)
		if err != nil || !reflect.DeepEqual(cfg, Default()) {
			t.Errorf("%q gives %+v, %v", text, cfg, err)
		}
	}
}
