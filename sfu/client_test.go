package sfu

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second // liveness bound, not an expectation

// eventually waits for a condition.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("gave up waiting for %s", what)
		}
	}
}

func await(t testing.TB, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("gave up waiting for %s", what)
	}
}

// newSFU starts an SFU on loopback, closed at the end of the test.
func newSFU(t testing.TB, change ...func(*Config)) *SFU {
	t.Helper()
	c := Config{UDPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)}
	for _, f := range change {
		f(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})

	return s
}

// clientOptions shape a client's PeerConnection.
type clientOptions struct {
	tcp          bool // ICE-TCP only
	noRTX        bool
	vp8          bool // video is VP8 only
	interceptors bool
	levels       bool // states audio levels
	simulcast    bool
	passive      bool // insists on being the DTLS server
	srtp         []dtls.SRTPProtectionProfile
	filter       interceptor.Factory
}

func newClientPC(t testing.TB, opts clientOptions) *webrtc.PeerConnection {
	t.Helper()
	m := &webrtc.MediaEngine{}
	if opts.vp8 {
		mustDo(t, m.RegisterCodec(webrtc.RTPCodecParameters{
			RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000}, PayloadType: 96,
		}, webrtc.RTPCodecTypeVideo))
		mustDo(t, m.RegisterCodec(opusCodec(), webrtc.RTPCodecTypeAudio))
	} else {
		video := webrtc.RTPCodecParameters{PayloadType: 102}
		video.RTPCodecCapability = h264Capability()
		mustDo(t, m.RegisterCodec(video, webrtc.RTPCodecTypeVideo))
		if !opts.noRTX {
			rtx := webrtc.RTPCodecParameters{PayloadType: 103}
			rtx.MimeType, rtx.ClockRate, rtx.SDPFmtpLine = webrtc.MimeTypeRTX, 90000, "apt=102"
			mustDo(t, m.RegisterCodec(rtx, webrtc.RTPCodecTypeVideo))
		}
		mustDo(t, m.RegisterCodec(opusCodec(), webrtc.RTPCodecTypeAudio))
	}
	if opts.levels {
		mustDo(t, m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: audioLevelURI}, webrtc.RTPCodecTypeAudio))
	}
	if opts.simulcast {
		mustDo(t, webrtc.ConfigureSimulcastExtensionHeaders(m))
	}
	r := &interceptor.Registry{}
	if opts.filter != nil {
		r.Add(opts.filter)
	}
	if opts.interceptors {
		mustDo(t, webrtc.ConfigureNack(m, r))
		mustDo(t, webrtc.ConfigureRTCPReports(r))
	}
	e := webrtc.SettingEngine{LoggerFactory: logFactory{slog.New(slog.DiscardHandler)}}
	e.SetIncludeLoopbackCandidate(true)
	e.SetIPFilter(func(ip net.IP) bool { return ip.IsLoopback() })
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	e.DisableSRTPReplayProtection(true) // losses are made above SRTP, which has seen the packet
	if opts.srtp != nil {
		e.SetSRTPProtectionProfiles(opts.srtp...)
	}
	if opts.tcp {
		e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	}
	api := webrtc.NewAPI(webrtc.WithMediaEngine(m), webrtc.WithInterceptorRegistry(r), webrtc.WithSettingEngine(e))
	pc, err := api.NewPeerConnection(webrtc.Configuration{})
	mustDo(t, err)
	t.Cleanup(func() { _ = pc.GracefulClose() })

	return pc
}

func mustDo(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func h264Capability() webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine:  "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}},
	}
}

func opusCodec() webrtc.RTPCodecParameters {
	c := webrtc.RTPCodecParameters{PayloadType: 111}
	c.MimeType, c.ClockRate, c.Channels = webrtc.MimeTypeOpus, 48000, 2
	c.SDPFmtpLine = "minptime=10;useinbandfec=1"

	return c
}

func makeOffer(t testing.TB, pc *webrtc.PeerConnection) string {
	t.Helper()
	offer, err := pc.CreateOffer(nil)
	mustDo(t, err)
	done := webrtc.GatheringCompletePromise(pc)
	mustDo(t, pc.SetLocalDescription(offer))
	await(t, "client candidates", done)

	return pc.LocalDescription().SDP
}

func takeAnswer(t testing.TB, pc *webrtc.PeerConnection, sdp string) {
	t.Helper()
	mustDo(t, pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: sdp}))
}

// player is a WebRTC client that keeps every packet it gets.
type player struct {
	pc  *webrtc.PeerConnection
	sub *Subscriber

	mu      sync.Mutex
	packets [kinds][]*rtp.Packet
	reports [kinds][]*rtcp.SenderReport
	at      [kinds][]time.Time
	ssrc    [kinds]uint32
}

func newPlayer(t testing.TB, s *SFU, src *Source, opts clientOptions) *player {
	t.Helper()
	p := &player{pc: newClientPC(t, opts)}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		_, err := p.pc.AddTransceiverFromKind(kind, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		mustDo(t, err)
	}
	p.pc.OnTrack(p.track)
	offer := makeOffer(t, p.pc)
	if opts.passive {
		offer = strings.ReplaceAll(offer, "a=setup:actpass", "a=setup:passive")
	}
	sub, answer, err := s.Subscribe(context.Background(), offer, SubscribeOptions{Source: src})
	mustDo(t, err)
	p.sub = sub
	takeAnswer(t, p.pc, answer)
	await(t, "a player to connect", sub.Established())
	eventually(t, "the client to connect", func() bool {
		return p.pc.ConnectionState() == webrtc.PeerConnectionStateConnected
	})

	return p
}

func (p *player) track(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	kind := Video
	if tr.Kind() == webrtc.RTPCodecTypeAudio {
		kind = Audio
	}
	p.mu.Lock()
	p.ssrc[kind] = uint32(tr.SSRC())
	p.mu.Unlock()
	go func() {
		for {
			list, _, err := r.ReadRTCP()
			if err != nil {
				return
			}
			for _, c := range list {
				if sr, ok := c.(*rtcp.SenderReport); ok {
					p.mu.Lock()
					p.reports[kind] = append(p.reports[kind], sr)
					p.mu.Unlock()
				}
			}
		}
	}()
	for {
		packet, _, err := tr.ReadRTP()
		if err != nil {
			if errors.Is(err, io.ErrShortBuffer) {
				continue
			}

			return
		}
		p.mu.Lock()
		p.packets[kind] = append(p.packets[kind], packet)
		p.at[kind] = append(p.at[kind], time.Now())
		p.mu.Unlock()
	}
}

func (p *player) got(kind Kind) []*rtp.Packet {
	p.mu.Lock()
	defer p.mu.Unlock()

	return append([]*rtp.Packet(nil), p.packets[kind]...)
}

func (p *player) count(kind Kind) int {
	p.mu.Lock()
	defer p.mu.Unlock()

	return len(p.packets[kind])
}

// numbers lists the frame numbers in order of first arrival.
func (p *player) numbers(kind Kind) []uint32 {
	var out []uint32
	for _, packet := range p.got(kind) {
		n := frameNumber(packet.Payload)
		if len(out) == 0 || out[len(out)-1] != n {
			out = append(out, n)
		}
	}

	return out
}

// makeFrame makes a frame whose packets carry its number: an SPS first where it
// is a keyframe, then slices that look like FU-A fragments.
func makeFrame(kind Kind, number uint32, key bool, packets, size int) [][]byte {
	out := make([][]byte, packets)
	for i := range out {
		b := make([]byte, size)
		switch {
		case kind == Audio:
			b[0], b[1] = 0xfc, byte(i)
		case key && i == 0:
			b[0], b[1] = 0x67, byte(i)
		case key:
			b[0], b[1] = 0x7c, 0x05
		default:
			b[0], b[1] = 0x5c, 0x01
		}
		binary.BigEndian.PutUint32(b[2:], number)
		for j := 6; j < size; j++ {
			b[j] = byte(number) + byte(i)*31 + byte(j)
		}
		out[i] = b
	}

	return out
}

func frameNumber(payload []byte) uint32 {
	if len(payload) < 6 {
		return 0
	}

	return binary.BigEndian.Uint32(payload[2:])
}

// publisherClient is a WebRTC client that sends packets as told.
type publisherClient struct {
	pc     *webrtc.PeerConnection
	pub    *Publisher
	tracks [kinds]*webrtc.TrackLocalStaticRTP
	seq    [kinds]uint16
	plis   chan struct{}
	bound  atomic.Int64 // bit/s it was told last
}

func newPublisherClient(t testing.TB, s *SFU, src *Source, opts clientOptions) *publisherClient {
	t.Helper()
	opts.interceptors = true
	p := &publisherClient{pc: newClientPC(t, opts), plis: make(chan struct{}, 100)}
	p.seq = [kinds]uint16{65000, 100}
	for kind, c := range []webrtc.RTPCodecCapability{h264Capability(), opusCodec().RTPCodecCapability} {
		tr, err := webrtc.NewTrackLocalStaticRTP(c, Kind(kind).String(), "stream")
		mustDo(t, err)
		tc, err := p.pc.AddTransceiverFromTrack(tr, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly})
		mustDo(t, err)
		p.tracks[kind] = tr
		go func() {
			for {
				list, _, err := tc.Sender().ReadRTCP()
				if err != nil {
					return
				}
				for _, c := range list {
					if remb, ok := c.(*rtcp.ReceiverEstimatedMaximumBitrate); ok {
						p.bound.Store(int64(remb.Bitrate))
					}
					if _, ok := c.(*rtcp.PictureLossIndication); ok {
						select {
						case p.plis <- struct{}{}:
						default:
						}
					}
				}
			}
		}()
	}
	pub, answer, err := s.Publish(context.Background(), makeOffer(t, p.pc), PublishOptions{Source: src})
	mustDo(t, err)
	p.pub = pub
	takeAnswer(t, p.pc, answer)
	await(t, "a publisher to connect", pub.Established())
	eventually(t, "the client to connect", func() bool {
		return p.pc.ConnectionState() == webrtc.PeerConnectionStateConnected
	})

	return p
}

func (p *publisherClient) send(t testing.TB, kind Kind, ts uint32, payloads [][]byte) {
	t.Helper()
	for i, payload := range payloads {
		p.seq[kind]++
		mustDo(t, p.tracks[kind].WriteRTP(&rtp.Packet{
			Header:  rtp.Header{Version: 2, SequenceNumber: p.seq[kind], Timestamp: ts, Marker: i == len(payloads)-1},
			Payload: payload,
		}))
	}
}
