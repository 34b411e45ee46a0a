package h264

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"hutong/bridge/testmedia"
)

// TestBrowserDecodes plays filtered streams in Chromium. It decodes every picture passed and does
// not keep asking for keyframes; unfiltered, it does not get far.
func TestBrowserDecodes(t *testing.T) {
	browser := testmedia.NewBrowser(t, testmedia.BrowserOptions{})
	for _, c := range []struct {
		name string
		raw  bool
		args []string
	}{
		{"no B", false, []string{"-profile:v", "high", "-bf", "0", "-g", "30", "-slices", "2"}},
		{"B", false, []string{"-profile:v", "high", "-bf", "2", "-g", "30", "-x264-params", "b-pyramid=none:b-adapt=0"}},
		{"pyramid, one reference", false, []string{"-preset", "veryfast", "-bf", "3", "-g", "30", "-x264-params", "b-adapt=0"}},
		{"pyramid, strict", false, []string{"-bf", "3", "-g", "30", "-x264-params", "b-pyramid=strict:b-adapt=0"}},
		{"pyramid", false, []string{"-bf", "3", "-g", "30", "-x264-params", "b-adapt=0"}},
		{"unfiltered", true, []string{"-bf", "3", "-g", "30", "-x264-params", "b-adapt=0"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newBrowserPlayer(t, browser)
			samples := clip(t, "320x240", 3, c.args...)
			filter := NewReorderFilter()
			var began time.Duration
			turn := func() (sent, decoded int) {
				before := p.decoded()
				p.plis.Store(0)
				sent = p.send(t, samples, filter, began, c.raw)
				began += 4 * time.Second
				// The last picture of a turn is shown when it is due.
				for range 100 {
					if decoded = p.decoded() - before; decoded >= sent {
						break
					}
					<-time.After(20 * time.Millisecond)
				}
				return sent, decoded
			}
			if c.raw {
				if sent, decoded := turn(); decoded > sent*3/4 {
					t.Errorf("unfiltered, %d of %d pictures were decoded: the filter is not needed any more", decoded, sent)
				}
				return
			}
			// A busy machine makes the browser skip pictures of one turn or another. A stream that a browser cannot
			// decode loses most of every turn, and has keyframes asked for five times a second.
			testmedia.Eventually(t, time.Minute, "the pictures decoded, and few keyframes asked for", func() bool {
				sent, decoded := turn()
				t.Logf("%d of %d pictures decoded, %d keyframes asked for", decoded, sent, p.plis.Load())
				return decoded >= sent*9/10 && p.plis.Load() <= 3
			})
		})
	}
}

// browserPlayer is a page that plays one H.264 track.
type browserPlayer struct {
	track *webrtc.TrackLocalStaticRTP
	page  *testmedia.Page
	plis  atomic.Int32
	seq   uint16
	pz    Packetizer
}

// send sends the samples in real time, their first at began, as the filter lets them or all of them raw.
func (p *browserPlayer) send(t *testing.T, samples []sample, filter *ReorderFilter, began time.Duration, raw bool) (sent int) {
	t.Helper()
	start := time.Now()
	for _, s := range samples {
		nals := split(t, s)
		cfg := s.cfg
		if !raw {
			if !filter.Check(nals, cfg, began+s.pts, began+s.dts, IsKeyframe(nals)).Pass {
				continue
			}
			cfg = cfg.NoReorder()
		}
		sent++
		if wait := time.Until(start.Add(s.dts)); wait > 0 {
			<-time.After(wait)
		}
		payloads := p.pz.Packetize(nals, cfg, s.key)
		for i, b := range payloads {
			p.seq++
			h := rtp.Header{Version: 2, SequenceNumber: p.seq, Timestamp: uint32((began + s.pts) * 90000 / time.Second), Marker: i == len(payloads)-1}
			if err := p.track.WriteRTP(&rtp.Packet{Header: h, Payload: b}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return sent
}

// decoded is how many pictures the page has decoded.
func (p *browserPlayer) decoded() (n int) {
	p.page.Eval(`pc.getStats().then(all => ([...all.values()].find(s => s.type == 'inbound-rtp' && s.kind == 'video') || {}).framesDecoded || 0)`, &n)
	return n
}

func newBrowserPlayer(t *testing.T, browser *testmedia.Browser) *browserPlayer {
	t.Helper()
	media, network := &webrtc.MediaEngine{}, webrtc.SettingEngine{}
	codec := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine:  "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack", Parameter: "pli"}}}
	err := media.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: codec, PayloadType: 102}, webrtc.RTPCodecTypeVideo)
	if err != nil {
		t.Fatal(err)
	}
	repair := &interceptor.Registry{} // a busy machine may lose packets
	if err := webrtc.ConfigureNack(media, repair); err != nil {
		t.Fatal(err)
	}
	network.SetIncludeLoopbackCandidate(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(media), webrtc.WithSettingEngine(network), webrtc.WithInterceptorRegistry(repair))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pc.Close() })
	p := &browserPlayer{seq: 65500}
	if p.track, err = webrtc.NewTrackLocalStaticRTP(codec, "v", "v"); err != nil {
		t.Fatal(err)
	}
	sender, err := pc.AddTrack(p.track)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			packets, _, err := sender.ReadRTCP()
			if err != nil {
				return
			}
			for _, r := range packets {
				if _, ok := r.(*rtcp.PictureLossIndication); ok {
					p.plis.Add(1)
				}
			}
		}
	}()
	connected := make(chan struct{})
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			close(connected)
		}
	})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			_, _ = io.WriteString(w, "<!doctype html><title>player</title><video muted autoplay></video>")
			return
		}
		offer, _ := io.ReadAll(r.Body)
		answer, err := answerTo(pc, string(offer))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(server.Close)
	p.page = browser.Open(t, server.URL)
	p.page.Eval(`(async () => {
		window.pc = new RTCPeerConnection();
		pc.addTransceiver('video', {direction: 'recvonly'});
		pc.ontrack = e => document.querySelector('video').srcObject = new MediaStream([e.track]);
		await pc.setLocalDescription(await pc.createOffer());
		await new Promise(done => { pc.onicegatheringstatechange = () => pc.iceGatheringState == 'complete' && done(); });
		const r = await fetch('/', {method: 'POST', body: pc.localDescription.sdp});
		await pc.setRemoteDescription(await r.json());
	})()`, nil)
	select {
	case <-connected:
	case <-time.After(time.Minute):
		t.Fatal("the browser did not connect")
	}
	return p
}

func answerTo(pc *webrtc.PeerConnection, offer string) (*webrtc.SessionDescription, error) {
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return nil, err
	}
	answer, err := pc.CreateAnswer(nil)
	if err != nil {
		return nil, err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(answer); err != nil {
		return nil, err
	}
	<-gathered
	return pc.LocalDescription(), nil
}
