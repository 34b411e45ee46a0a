package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// gateway is a running binary.
type gateway struct {
	http, rtmp string // host:port
	udp        string
	process    *testmedia.Process
}

// freePorts gives addresses of a host that were free a moment ago, each for TCP
// and UDP alike.
func freePorts(t *testing.T, host string, n int) (addresses []string) {
	t.Helper()
	for len(addresses) < n {
		tcp, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			t.Fatal(err)
		}
		defer tcp.Close()
		udp, err := net.ListenPacket("udp", tcp.Addr().String())
		if err != nil {
			continue
		}
		defer udp.Close()
		addresses = append(addresses, tcp.Addr().String())
	}
	return addresses
}

// writeConfig writes a config on free ports; stream is YAML for that section.
func writeConfig(t *testing.T, gw *gateway, stream string) string {
	t.Helper()
	return writeConfigAt(t, gw, "127.0.0.1", stream, "")
}

// writeConfigAt is writeConfig on an address of this machine's; more is YAML for
// further sections.
func writeConfigAt(t *testing.T, gw *gateway, host, stream, more string) string {
	t.Helper()
	ports := freePorts(t, host, 3)
	gw.http, gw.rtmp, gw.udp = ports[0], ports[1], ports[2]
	dir := t.TempDir()
	text := fmt.Sprintf(`data_dir: %s
log: {level: debug}
http: {address: %q}
rtmp: {address: %q}
webrtc: {udp_address: %q, tcp_address: %q, loopback: "true"}
stream: {crossing_linger: 1s, %s}
%s`, filepath.Join(dir, "data"), gw.http, gw.rtmp, gw.udp, gw.udp, stream, more)
	path := filepath.Join(dir, "hutong.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// start runs a gateway until the test ends, and then requires a clean end.
// stream is YAML for the stream section, "" for the defaults.
func start(t *testing.T, stream string) *gateway {
	t.Helper()
	gw := &gateway{}
	gw.run(t, writeConfig(t, gw, stream))
	return gw
}

// run is start with a config.
func (gw *gateway) run(t *testing.T, config string) {
	t.Helper()
	gw.serve(t, config)
	t.Cleanup(func() { gw.stop(t) })
}

// serve starts the binary and waits until it is ready.
func (gw *gateway) serve(t *testing.T, config string) {
	t.Helper()
	gw.process = testmedia.StartFor(t, 20*time.Minute, nil, hutong, "serve", "--config", config)
	testmedia.Eventually(t, 30*time.Second, "the gateway to be ready", func() bool {
		select {
		case <-gw.process.Done():
			t.Fatalf("the gateway ended at once:\n%s", gw.process.Log())
		default:
		}
		status, _, _ := gw.get("/readyz")
		return status == http.StatusOK
	})
}

// stop sends SIGTERM and checks the end and the log.
func (gw *gateway) stop(t *testing.T) {
	t.Helper()
	if err := gw.process.Signal(syscall.SIGTERM, 30*time.Second); err != nil {
		t.Errorf("the gateway did not end well on SIGTERM: %v", err)
	}
	log := gw.process.Log().String()
	for _, bad := range []string{"panic:", "DATA RACE", "fatal error:", "goroutine 1 ["} {
		if at := strings.Index(log, bad); at >= 0 {
			t.Errorf("the gateway's log has %q:\n%.3000s", bad, log[at:])
		}
	}
}

func (gw *gateway) get(path string) (status int, header http.Header, body []byte) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + gw.http + path)
	if err != nil {
		return 0, nil, nil
	}
	defer resp.Body.Close()
	body, _ = io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, body
}

func (gw *gateway) rtmpURL(name string) string { return "rtmp://" + gw.rtmp + "/live/" + name }
func (gw *gateway) flvURL(name string) string  { return "http://" + gw.http + "/live/" + name + ".flv" }
func (gw *gateway) page() string               { return "http://" + gw.http + "/healthz" }

// live reports whether the API lists the stream.
func (gw *gateway) live(name string) bool {
	_, _, body := gw.get("/api/v1/streams")
	return bytes.Contains(body, []byte(`"live/`+name+`"`))
}

// push publishes a clip and waits until the stream is listed.
func (gw *gateway) push(t *testing.T, name string, spec testmedia.Spec) *testmedia.Process {
	t.Helper()
	p := testmedia.Push(t, testmedia.Clip(t, spec, testmedia.FLV), gw.rtmpURL(name))
	testmedia.Eventually(t, 30*time.Second, name+" to be live", func() bool { return gw.live(name) })
	return p
}

// memory is the gateway's resident memory in bytes.
func (gw *gateway) memory(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", gw.process.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kb int
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		t.Fatalf("no VmRSS: %v", err)
	}
	return kb << 10
}
