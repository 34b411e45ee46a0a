package e2e

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// A config that cannot work is refused with its place and the fix, by check and
// by serve, before anything listens.
func TestConfigRefused(t *testing.T) {
	for name, test := range map[string]struct{ yaml, want string }{
		"unknown key":   {"http:\n  adress: 127.0.0.1:0\n", `2:3.*adress`},
		"wrong type":    {"rtmp:\n  max_connections: many\n", `2:20.*many`},
		"impossible":    {"stream:\n  takeover: perhaps\n", `2:13.*perhaps`},
		"missing file":  {"http:\n  tls: {cert: /nowhere/cert.pem, key: /nowhere/key.pem}\n", `2:\d+.*/nowhere/cert.pem`},
		"no YAML":       {"http: [\n", `1:\d+|2:\d+`},
		"bad address":   {"rtmp:\n  address: nowhere\n", `2:12.*nowhere`},
		"bad duration":  {"stream:\n  publisher_grace: 5 parsecs\n", `2:20.*parsecs`},
		"out of bounds": {"stream:\n  max_lag: 1ms\n", `2:12.*1ms`},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "hutong.yaml")
			if err := os.WriteFile(path, []byte(test.yaml), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"check", path}, {"serve", "--config", path}} {
				p := testmedia.Start(t, hutong, args...)
				if err := p.Wait(30 * time.Second); err == nil {
					t.Errorf("%v: accepted", args)
				}
				said := p.Log().String()
				if !regexp.MustCompile(test.want).MatchString(said) {
					t.Errorf("%v says %q, want a match of %s", args, said, test.want)
				}
				if strings.Contains(said, "goroutine") {
					t.Errorf("%v ends in a trace:\n%s", args, said)
				}
			}
		})
	}
}

// A port in use is one line and a failure, whichever port it is.
func TestPortInUse(t *testing.T) {
	for _, which := range []string{"HUTONG_HTTP_ADDRESS", "HUTONG_RTMP_ADDRESS", "HUTONG_WEBRTC_TCP_ADDRESS", "HUTONG_WEBRTC_UDP_ADDRESS"} {
		t.Run(which, func(t *testing.T) {
			gw := &gateway{}
			path := writeConfig(t, gw, "")
			tcp, err := net.Listen("tcp4", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer tcp.Close()
			taken := tcp.Addr().String()
			udp, err := net.ListenPacket("udp4", taken)
			if err != nil {
				t.Fatal(err)
			}
			defer udp.Close()
			p := testmedia.StartFor(t, testmedia.Lifetime, []string{which + "=" + taken, "HUTONG_LOG_LEVEL=error"}, hutong, "serve", "--config", path)
			if err := p.Wait(30 * time.Second); err == nil || p.Pid() != 0 {
				t.Fatalf("it started on a port in use: %v", err)
			}
			said := strings.TrimSpace(p.Log().String())
			if !strings.Contains(said, taken) || strings.Count(said, "\n") > 0 {
				t.Errorf("it says %q, want one line that names %s", said, taken)
			}
		})
	}
}

// SIGTERM with everything going on: players are told, and the end is clean.
func TestEndWithPlayers(t *testing.T) {
	gw := start(t, "")
	gw.push(t, "end", phone)
	rtmp, path := testmedia.Play(t, testmedia.FFmpeg, gw.rtmpURL("end"))
	flv, flvPath := testmedia.Play(t, testmedia.Curl, gw.flvURL("end"))
	browser := testmedia.NewBrowser(t, testmedia.BrowserOptions{})
	p := watch(t, browserPage(t, browser, gw), "end", nil)
	p.next(10)
	testmedia.WaitLength(t, rtmp, path, time.Second)
	testmedia.WaitLength(t, flv, flvPath, time.Second)
	gw.stop(t)
	for _, player := range []*testmedia.Process{rtmp, flv} {
		if err := player.Wait(30 * time.Second); player.Pid() != 0 {
			t.Errorf("a player hangs on: %v", err)
		}
	}
	p.pictures("the end", func([]testmedia.Sample) bool {
		var state string
		p.page.Eval(`e2e.state("end")`, &state)
		return state != "connected"
	})
}
