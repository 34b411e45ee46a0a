package httpapi

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"

	"hutong/bridge/crossing"
	"hutong/bridge/stream"
	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/metrics"
	"hutong/gateway/rooms"
	"hutong/gateway/session"
	"hutong/gateway/store"
	"hutong/sfu"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// fasthttp keeps one clock for the process, and a stopped server's
		// cleaner sleeps out its last ten seconds.
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// serve starts a server on a free port with everything real behind it.
func serve(t *testing.T, change func(*config.Config)) (*Server, string) {
	t.Helper()
	cfg := config.Default()
	cfg.HTTP.Address = "127.0.0.1:0"
	cfg.Stream.PlayWait = config.Duration(50 * time.Millisecond)
	cfg.WebRTC.ICEServers = []config.ICEServer{
		{URLs: []string{"stun:stun.example.net"}},
		{URLs: []string{"turn:turn.example.net?transport=udp"}, Username: "u", Credential: "p"},
	}
	if change != nil {
		change(cfg)
	}
	s, err := sfu.New(sfu.Config{UDPAddress: "127.0.0.1:0", IncludeLoopback: true})
	if err != nil {
		t.Fatal(err)
	}
	bridge := crossing.New(crossing.Options{})
	var service *rooms.Service
	var members *session.Hub
	reg := stream.NewRegistry(stream.Options{OnChange: func(name string) { service.StreamChanged(name); members.Changed(name) }, Grace: time.Second, Linger: time.Millisecond, MaxLag: time.Second,
		GOPMaxBytes: 1 << 20, GOPMaxSpan: 10 * time.Second, Crossings: bridge,
		RefuseTakeover: cfg.Stream.Takeover == config.TakeoverRefuse})
	authority, err := auth.New(cfg.Auth, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	st, err := store.Open(store.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if service, err = rooms.New(rooms.Options{Store: st, Streams: reg, Node: "n1"}); err != nil {
		t.Fatal(err)
	}
	members = session.NewHub(session.Options{Rooms: service, Streams: reg, SFU: s, Log: slog.New(slog.DiscardHandler)})
	authority.Voids = service.Voids
	authority.RoomOf = func(name string) string { id, _, _ := service.RoomOf(name); return id }
	m := metrics.New("test")
	m.Watch(reg, bridge)
	page := fstest.MapFS{"index.html": {Data: []byte("<p>page</p>")}, "assets/a.js": {Data: []byte("1")}}
	srv, err := Listen(Options{Config: cfg, Streams: reg, SFU: s, Rooms: service, Members: members, Auth: authority, Metrics: m, Page: page, Log: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		service.Close()
		st.Close()
	})
	base := run(t, srv)
	t.Cleanup(reg.Close)
	return srv, base
}

func request(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(b)
}

// client makes a peer connection that offers H.264 and Opus one way.
func client(t *testing.T, direction webrtc.RTPTransceiverDirection, codecs ...string) (*webrtc.PeerConnection, string) {
	t.Helper()
	var m webrtc.MediaEngine
	if len(codecs) == 0 {
		codecs = []string{webrtc.MimeTypeH264}
	}
	for _, c := range codecs {
		p := webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: c, ClockRate: 90000,
			SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}, PayloadType: 102}
		if err := m.RegisterCodec(p, webrtc.RTPCodecTypeVideo); err != nil {
			t.Fatal(err)
		}
	}
	opus := webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, PayloadType: 111}
	if err := m.RegisterCodec(opus, webrtc.RTPCodecTypeAudio); err != nil {
		t.Fatal(err)
	}
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&m), webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.GracefulClose() })
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if _, err := pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: direction}); err != nil {
			t.Fatal(err)
		}
	}
	offer, err := pc.CreateOffer(nil)
	if err != nil {
		t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(offer); err != nil {
		t.Fatal(err)
	}
	<-gathered
	return pc, pc.LocalDescription().SDP
}

func post(t *testing.T, url, offer string) (*http.Response, string) {
	t.Helper()
	return request(t, http.MethodPost, url, offer, "Content-Type", "application/sdp")
}

func accept(t *testing.T, pc *webrtc.PeerConnection, answer string) {
	t.Helper()
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the peer connection did not connect", func() bool { return pc.ConnectionState() == webrtc.PeerConnectionStateConnected })
}

func TestWHIPAndWHEP(t *testing.T) {
	_, base := serve(t, nil)
	pub, offer := client(t, webrtc.RTPTransceiverDirectionSendonly)
	resp, answer := post(t, base+"/whip/live/a", offer)
	if resp.StatusCode != http.StatusCreated || resp.Header.Get("Content-Type") != "application/sdp" {
		t.Fatalf("WHIP: %s %s %s", resp.Status, resp.Header.Get("Content-Type"), answer)
	}
	location, etag := resp.Header.Get("Location"), resp.Header.Get("ETag")
	if !strings.HasPrefix(location, "/whip/live/a/") || etag == "" || resp.Header.Get("Accept-Patch") != typeFragment {
		t.Errorf("headers %v", resp.Header)
	}
	links := resp.Header.Values("Link")
	if len(links) != 2 || links[0] != `<stun:stun.example.net>; rel="ice-server"` ||
		links[1] != `<turn:turn.example.net?transport=udp>; rel="ice-server"; username="u"; credential="p"; credential-type="password"` {
		t.Errorf("Link %q", links)
	}
	accept(t, pub, answer)
	sub, offer := client(t, webrtc.RTPTransceiverDirectionRecvonly)
	resp, answer = post(t, base+"/whep/live/a", offer)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("WHEP: %s %s", resp.Status, answer)
	}
	accept(t, sub, answer)
	_, list := request(t, http.MethodGet, base+"/api/v1/streams", "")
	var got struct{ Streams []streamJSON }
	if err := json.Unmarshal([]byte(list), &got); err != nil || len(got.Streams) != 1 {
		t.Fatalf("streams %s, %v", list, err)
	}
	if s := got.Streams[0]; s.Name != "live/a" || s.State != "live" || s.Publisher.Protocol != "whip" || s.Players["whep"] != 1 || s.Audio.Codec != "Opus" {
		t.Errorf("stream %s", list)
	}

	for _, tc := range []struct {
		name, match, typ, body string
		want                   int
	}{
		{"no If-Match", "", typeFragment, "a=ice-ufrag:x\r\n", http.StatusPreconditionRequired},
		{"an old ETag", `"old"`, typeFragment, "a=ice-ufrag:x\r\n", http.StatusPreconditionFailed},
		{"not a fragment", etag, "text/plain", "hello", http.StatusUnsupportedMediaType},
		{"garbage", etag, typeFragment, "\x00\xff", http.StatusBadRequest},
	} {
		header := []string{"Content-Type", tc.typ}
		if tc.match != "" {
			header = append(header, "If-Match", tc.match)
		}
		resp, body := request(t, http.MethodPatch, base+location, tc.body, header...)
		if resp.StatusCode != tc.want || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("PATCH with %s: %s %s", tc.name, resp.Status, body)
		}
	}

	if resp, _ := request(t, http.MethodDelete, base+location, ""); resp.StatusCode != http.StatusOK {
		t.Errorf("DELETE: %s", resp.Status)
	}
	waitFor(t, "the stream outlived its publisher's DELETE", func() bool {
		_, list := request(t, http.MethodGet, base+"/api/v1/streams", "")
		return strings.Contains(list, `"streams":[]`)
	})
	waitFor(t, "the session outlived its DELETE", func() bool {
		resp, _ := request(t, http.MethodDelete, base+location, "")
		return resp.StatusCode == http.StatusNotFound
	})
}

func TestWebRTCRefusals(t *testing.T) {
	srv, base := serve(t, func(c *config.Config) { c.WebRTC.MaxPeers = 1; c.Stream.Takeover = config.TakeoverRefuse })
	_, publish := client(t, webrtc.RTPTransceiverDirectionSendonly)
	_, play := client(t, webrtc.RTPTransceiverDirectionRecvonly)
	_, vp8 := client(t, webrtc.RTPTransceiverDirectionSendonly, webrtc.MimeTypeVP8)
	for _, tc := range []struct {
		name, path, offer, typ string
		status                 int
		words                  string
	}{
		{"a missing stream", "/whep/live/none", play, "application/sdp", http.StatusNotFound, "live/none"},
		{"a bad name", "/whip/live/a.b", publish, "application/sdp", http.StatusBadRequest, "a.b"},
		{"a name without an app", "/whip/a", publish, "application/sdp", http.StatusBadRequest, "app/name"},
		{"not SDP", "/whip/live/a", "hello", "application/sdp", http.StatusBadRequest, "SDP"},
		{"JSON", "/whip/live/a", "{}", "application/json", http.StatusUnsupportedMediaType, "application/sdp"},
		{"VP8 only", "/whip/live/a", vp8, "application/sdp", http.StatusNotAcceptable, "H.264"},
		{"a huge body", "/whip/live/a", strings.Repeat("x", 1<<20), "application/sdp", http.StatusRequestEntityTooLarge, "http.max_body"},
	} {
		resp, body := request(t, http.MethodPost, base+tc.path, tc.offer, "Content-Type", tc.typ)
		var p problem
		err := json.Unmarshal([]byte(body), &p)
		if resp.StatusCode != tc.status || err != nil || p.Status != tc.status || !strings.Contains(p.Detail, tc.words) ||
			resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s %s, want %d and %q", tc.name, resp.Status, body, tc.status, tc.words)
		}
	}
	if n := len(srv.Streams.Streams()); n != 0 {
		t.Errorf("refused publishers left %d streams", n)
	}
	if resp, body := post(t, base+"/whip/live/a", publish); resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", resp.Status, body)
	}
	if resp, _ := post(t, base+"/whep/live/a", play); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Errorf("past max_peers: %s", resp.Status)
	}
}

func TestTakeoverRefusedByPolicy(t *testing.T) {
	_, base := serve(t, func(c *config.Config) { c.Stream.Takeover = config.TakeoverRefuse })
	_, first := client(t, webrtc.RTPTransceiverDirectionSendonly)
	_, second := client(t, webrtc.RTPTransceiverDirectionSendonly)
	post(t, base+"/whip/live/a", first)
	if resp, body := post(t, base+"/whip/live/a", second); resp.StatusCode != http.StatusConflict {
		t.Errorf("%s %s", resp.Status, body)
	}
}

func TestICERestart(t *testing.T) {
	_, base := serve(t, nil)
	pc, offer := client(t, webrtc.RTPTransceiverDirectionSendonly)
	resp, answer := post(t, base+"/whip/live/a", offer)
	accept(t, pc, answer)
	restart, err := pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	if err != nil {
		t.Fatal(err)
	}
	fragment := fragmentOf(restart.SDP)
	again, body := request(t, http.MethodPatch, base+resp.Header.Get("Location"), fragment, "Content-Type", typeFragment, "If-Match", `"*"`)
	if again.StatusCode != http.StatusOK || again.Header.Get("Content-Type") != typeFragment || !strings.Contains(body, "a=ice-ufrag:") {
		t.Fatalf("%s %s", again.Status, body)
	}
	if e := again.Header.Get("ETag"); e == "" || e == resp.Header.Get("ETag") {
		t.Errorf("the ETag of the new ICE session is %q, of the old one %q", e, resp.Header.Get("ETag"))
	}
}

// fragmentOf cuts an SDP offer down to what RFC 8840 sends.
func fragmentOf(sdp string) string {
	var out []string
	media := false
	for _, line := range strings.Split(strings.ReplaceAll(sdp, "\r", ""), "\n") {
		if strings.HasPrefix(line, "m=") {
			if media {
				break
			}
			media = true
			out = append(out, line)
		}
		for _, p := range []string{"a=mid:", "a=ice-ufrag:", "a=ice-pwd:", "a=candidate:"} {
			if strings.HasPrefix(line, p) {
				out = append(out, line)
			}
		}
	}
	return strings.Join(out, "\r\n") + "\r\n"
}
