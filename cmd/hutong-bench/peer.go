package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

const (
	videoPT = 102
	audioPT = 111

	h264Format = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"
)

// certificate is one for all peer connections: making many would measure this machine's key generation.
var certificate = sync.OnceValues(func() (*webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return webrtc.GenerateCertificate(key)
})

// srtpProfiles are what Chromium offers, in its order of preference.
var srtpProfiles = []dtls.SRTPProtectionProfile{
	dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
}

// peer is a WebRTC client's end: one peer connection on a socket of its own, and its WHIP or WHEP resource.
type peer struct {
	pc       *webrtc.PeerConnection
	socket   *socket
	resource string
	up       chan struct{} // closed when connected
	down     chan struct{} // closed when failed or closed
}

// newPeer makes a peer connection that offers what a browser does. A publisher sends RTCP sender reports and answers
// NACKs; a player sends no RTCP at all, so that what it costs the server is the media.
func newPeer(publishes bool, by *sweeper, media func([]rtpHead)) (*peer, error) {
	cert, err := certificate()
	if err != nil {
		return nil, err
	}
	engine := &webrtc.MediaEngine{}
	if err := registerCodecs(engine); err != nil {
		return nil, err
	}
	registry := &interceptor.Registry{}
	if publishes {
		if err := errors.Join(webrtc.ConfigureRTCPReports(registry), webrtc.ConfigureNack(engine, registry)); err != nil {
			return nil, err
		}
	}
	s, err := newSocket(by, media)
	if err != nil {
		return nil, err
	}
	quiet := &logging.DefaultLoggerFactory{DefaultLogLevel: logging.LogLevelDisabled, Writer: io.Discard}
	setting := webrtc.SettingEngine{LoggerFactory: quiet}
	setting.SetICEUDPMux(ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: s, Logger: quiet.NewLogger("mux")}))
	setting.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	setting.SetIncludeLoopbackCandidate(true)
	setting.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	setting.DisableSRTPReplayProtection(true)
	setting.SetSRTPProtectionProfiles(srtpProfiles...)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(engine), webrtc.WithSettingEngine(setting), webrtc.WithInterceptorRegistry(registry))
	pc, err := api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{*cert}, BundlePolicy: webrtc.BundlePolicyMaxBundle})
	if err != nil {
		s.Close()
		return nil, err
	}
	p := &peer{pc: pc, socket: s, up: make(chan struct{}), down: make(chan struct{})}
	var up, down sync.Once
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		switch state {
		case webrtc.PeerConnectionStateConnected:
			up.Do(func() { close(p.up) })
		case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
			down.Do(func() { close(p.down) })
		}
	})
	return p, nil
}

func registerCodecs(engine *webrtc.MediaEngine) error {
	video := webrtc.RTPCodecParameters{PayloadType: videoPT, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: h264Format,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "goog-remb"}, {Type: "transport-cc"}, {Type: "ccm", Parameter: "fir"},
			{Type: "nack"}, {Type: "nack", Parameter: "pli"}}}}
	audio := webrtc.RTPCodecParameters{PayloadType: audioPT, RTPCodecCapability: webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1;stereo=1",
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "transport-cc"}}}}
	wide := webrtc.RTPHeaderExtensionCapability{URI: sdp.TransportCCURI}
	return errors.Join(
		engine.RegisterCodec(video, webrtc.RTPCodecTypeVideo),
		engine.RegisterCodec(audio, webrtc.RTPCodecTypeAudio),
		engine.RegisterHeaderExtension(wide, webrtc.RTPCodecTypeVideo),
		engine.RegisterHeaderExtension(wide, webrtc.RTPCodecTypeAudio),
	)
}

// signalClient is shared, so that joins do not pay for a TCP connection each more than a browser would.
var signalClient = &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// exchange posts the offer with all its candidates and takes the answer (RFC 9725 section 4.2; WHEP does the same).
func (p *peer) exchange(ctx context.Context, endpoint, bearer string) error {
	offer, err := p.pc.CreateOffer(nil)
	if err != nil {
		return err
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return err
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return ctx.Err()
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, bytes.NewReader([]byte(p.pc.LocalDescription().SDP)))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/sdp")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := signalClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("POST %s: %s, want 201: %.300s", req.URL.Path, resp.Status, body)
	}
	if where, err := resp.Location(); err == nil {
		p.resource = where.String()
	}
	return p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: string(body)})
}

const leaveTimeout = 5 * time.Second

// close deletes the resource, as a page that is left does, and ends the peer connection and its socket.
func (p *peer) close(bearer string) {
	if p.resource != "" {
		ctx, cancel := context.WithTimeout(context.Background(), leaveTimeout)
		defer cancel()
		if req, err := http.NewRequestWithContext(ctx, http.MethodDelete, p.resource, nil); err == nil {
			if bearer != "" {
				req.Header.Set("Authorization", "Bearer "+bearer)
			}
			if resp, err := signalClient.Do(req); err == nil {
				resp.Body.Close()
			}
		}
	}
	p.pc.Close()
	p.socket.Close()
}
