package sfu

import (
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"

	"hutong/sfu/internal/seal"
)

// connection makes a PeerConnection and the API that makes senders for it.
// passive says that the other side insists on being the DTLS server. handshake,
// where there is one, will know the connection's keys.
func (s *SFU) connection(
	engine *webrtc.MediaEngine, registry *interceptor.Registry, passive bool, handshake *seal.Handshake,
) (*webrtc.API, *webrtc.PeerConnection, error) {
	settings, err := s.settings(passive)
	if err != nil {
		return nil, nil, err
	}
	if handshake != nil {
		handshake.Install(&settings)
	}
	api := webrtc.NewAPI(
		webrtc.WithMediaEngine(engine), webrtc.WithInterceptorRegistry(registry), webrtc.WithSettingEngine(settings),
	)
	pc, err := api.NewPeerConnection(webrtc.Configuration{
		ICEServers:   s.config.ICEServers,
		Certificates: s.certificates,
		BundlePolicy: webrtc.BundlePolicyMaxBundle,
	})

	return api, pc, err
}

// register has an engine know a codec and its retransmission, whose payload
// type is 0 where there is none.
func register(engine *webrtc.MediaEngine, kind Kind, codec webrtc.RTPCodecParameters, rtx uint8, publishing bool) error {
	typ := webrtc.RTPCodecTypeAudio
	if kind == Video {
		typ = webrtc.RTPCodecTypeVideo
		codec.RTCPFeedback = []webrtc.RTCPFeedback{
			{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"},
		}
		if publishing {
			codec.RTCPFeedback = append(codec.RTCPFeedback, webrtc.RTCPFeedback{Type: "goog-remb"}) // see uplinkCap
		}
	}
	if err := engine.RegisterCodec(codec, typ); err != nil || rtx == 0 {
		return err
	}
	repair := webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(rtx)}
	repair.MimeType, repair.ClockRate = webrtc.MimeTypeRTX, codec.ClockRate
	repair.SDPFmtpLine = "apt=" + itoa(int(codec.PayloadType))

	return engine.RegisterCodec(repair, typ)
}

// newEngines prepares pion for one offer: it knows only the codecs chosen from it.
func newEngines(o *offer, publishing bool) (*webrtc.MediaEngine, *interceptor.Registry, error) {
	engine, registry := &webrtc.MediaEngine{}, &interceptor.Registry{}
	for kind, m := range o.media {
		if m == nil {
			continue
		}
		if err := register(engine, Kind(kind), m.codec, m.rtx, publishing); err != nil {
			return nil, nil, err
		}
	}
	if !publishing {
		return engine, registry, nil // subscribers' RTCP is our own
	}
	if err := webrtc.ConfigureSimulcastExtensionHeaders(engine); err != nil {
		return nil, nil, err
	}
	// Who speaks is told by the level the publisher states with its audio.
	if err := engine.RegisterHeaderExtension(
		webrtc.RTPHeaderExtensionCapability{URI: audioLevelURI}, webrtc.RTPCodecTypeAudio,
	); err != nil {
		return nil, nil, err
	}
	// A browser's encoder reaches its full rate only with transport-wide
	// congestion feedback.
	if err := webrtc.ConfigureRTCPReports(registry); err != nil {
		return nil, nil, err
	}
	if err := webrtc.ConfigureTWCCSender(engine, registry); err != nil {
		return nil, nil, err
	}

	return engine, registry, nil
}

// overhear begins to seal for a connection that sends, nil where pion has to.
func (s *SFU) overhear(passive bool) *seal.Handshake {
	if passive || s.config.hasRelay() {
		return nil
	}

	return &seal.Handshake{}
}

func (s *SFU) settings(passive bool) (webrtc.SettingEngine, error) {
	e := webrtc.SettingEngine{LoggerFactory: s.logs}
	e.DisableMediaEngineCopy(true) // one engine per connection, which may learn codecs later
	networks := []webrtc.NetworkType{}
	if s.net.udp != nil {
		e.SetICEUDPMux(s.net.udp)
		networks = append(networks, webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6)
	}
	if s.net.tcp != nil {
		e.SetICETCPMux(s.net.tcp)
		networks = append(networks, webrtc.NetworkTypeTCP4, webrtc.NetworkTypeTCP6)
	}
	e.SetNetworkTypes(networks)
	e.DisableActiveTCP(true)
	e.SetLite(s.config.ICELite)
	e.SetIncludeLoopbackCandidate(s.config.IncludeLoopback)
	e.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	e.SetICETimeouts(s.config.ICEDisconnectedTimeout, s.config.ICEFailedTimeout, s.config.ICEKeepAlive)
	e.SetSTUNGatherTimeout(s.config.GatherTimeout)
	e.SetHostAcceptanceMinWait(0)
	e.SetPrflxAcceptanceMinWait(0)
	e.SetSrflxAcceptanceMinWait(50 * time.Millisecond)
	if len(s.config.ExternalIPs) > 0 {
		err := e.SetICEAddressRewriteRules(webrtc.ICEAddressRewriteRule{
			External: s.config.ExternalIPs, AsCandidateType: webrtc.ICECandidateTypeHost, Mode: webrtc.ICEAddressRewriteAppend,
		})
		if err != nil {
			return e, err
		}
	}
	// The DTLS server picks the SRTP profile. Browsers put AES-CM with SHA-1
	// first, which costs twice as much per packet as AES-GCM, so we are the
	// server wherever the offer leaves the choice.
	role := webrtc.DTLSRoleServer
	if passive {
		role = webrtc.DTLSRoleClient
	}
	if err := e.SetAnsweringDTLSRole(role); err != nil {
		return e, err
	}
	e.SetSRTPProtectionProfiles(
		dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
	)
	// A publisher without RTX repairs losses within the same numbering, some
	// hundred packets late.
	e.SetSRTPReplayProtectionWindow(1024)
	// ICE has proved the peer's address already.
	e.SetDTLSInsecureSkipHelloVerify(true)

	return e, nil
}
