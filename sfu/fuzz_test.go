package sfu

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
)

const chromeOffer = "v=0\r\no=- 46117327 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\na=extmap-allow-mixed\r\n" +
	"a=msid-semantic: WMS\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111 63 9\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:4ZcD\r\n" +
	"a=ice-pwd:2/1muCWoOi3uLifh0NuRHlsd\r\na=ice-options:trickle\r\n" +
	"a=fingerprint:sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2\r\n" +
	"a=setup:actpass\r\na=mid:0\r\na=recvonly\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n" +
	"a=fmtp:111 minptime=10;useinbandfec=1\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\na=rtpmap:9 G722/8000\r\n" +
	"m=video 9 UDP/TLS/RTP/SAVPF 96 97 102 103 106 107\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=ice-ufrag:4ZcD\r\n" +
	"a=ice-pwd:2/1muCWoOi3uLifh0NuRHlsd\r\na=ice-options:trickle\r\n" +
	"a=fingerprint:sha-256 19:E2:1C:3B:4B:9F:81:E6:B8:5C:F4:A5:A8:D8:73:04:BB:05:2F:70:9F:04:A9:0E:05:E9:26:33:E8:70:88:A2\r\n" +
	"a=setup:actpass\r\na=mid:1\r\na=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=rtpmap:96 VP8/90000\r\na=rtpmap:97 rtx/90000\r\n" +
	"a=fmtp:97 apt=96\r\na=rtpmap:102 H264/90000\r\na=rtcp-fb:102 nack\r\na=rtcp-fb:102 nack pli\r\n" +
	"a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\na=rtpmap:103 rtx/90000\r\na=fmtp:103 apt=102\r\n" +
	"a=rtpmap:106 H264/90000\r\na=rtcp-fb:106 goog-remb\r\na=rtcp-fb:106 transport-cc\r\na=rtcp-fb:106 nack\r\na=rtcp-fb:106 nack pli\r\n" +
	"a=fmtp:106 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\na=rtpmap:107 rtx/90000\r\na=fmtp:107 apt=106\r\n"

// chromeSimulcast is a publisher's offer with this a=simulcast.
func chromeSimulcast(simulcast string) string {
	out := strings.ReplaceAll(chromeOffer, "recvonly", "sendonly") +
		"a=extmap:9 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n" +
		"a=rid:l send\r\na=rid:m send\r\na=rid:h send\r\n"
	if simulcast != "" {
		out += "a=simulcast:" + simulcast + "\r\n"
	}

	return out
}

func TestChromeOfferGetsConstrainedBaseline(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/chrome")
	defer src.Close()
	for _, publish := range []bool{false, true} {
		offer := chromeOffer
		answered := func() (string, error) {
			_, a, err := s.Subscribe(context.Background(), offer, SubscribeOptions{Source: src})

			return a, err
		}
		if publish {
			offer = strings.ReplaceAll(offer, "a=recvonly", "a=sendonly")
			answered = func() (string, error) {
				_, a, err := s.Publish(context.Background(), offer, PublishOptions{Source: src})

				return a, err
			}
		}
		answer, err := answered()
		mustDo(t, err)
		for _, want := range []string{
			"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "m=video 9 UDP/TLS/RTP/SAVPF 106 107\r\n", "profile-level-id=42e01f",
			"a=fmtp:107 apt=106", "a=setup:passive", "a=candidate:", "a=end-of-candidates", "a=rtcp-fb:106 nack pli",
		} {
			if !strings.Contains(answer, want) {
				t.Errorf("publish %v: the answer lacks %q:\n%s", publish, want, answer)
			}
		}
		if twcc := strings.Contains(answer, "a=rtcp-fb:106 transport-cc"); twcc != publish {
			t.Errorf("publish %v: transport-cc %v", publish, twcc)
		}
	}
}

// FuzzOffer: whatever is posted, the answer is an answer or a refusal, and
// nothing stays behind.
func FuzzOffer(f *testing.F) {
	f.Add(chromeOffer, false)
	f.Add(strings.ReplaceAll(chromeOffer, "recvonly", "sendonly"), true)
	f.Add(strings.ReplaceAll(chromeOffer, "\r\n", "\n"), false)
	f.Add(strings.ReplaceAll(chromeOffer, "actpass", "passive"), false)
	f.Add(strings.ReplaceAll(chromeOffer, "a=mid:1", "a=mid:0"), false)
	f.Add(strings.ReplaceAll(chromeOffer, "apt=106", "apt=107"), false)
	f.Add(strings.ReplaceAll(chromeOffer, "106", "300"), true)
	f.Add(strings.ReplaceAll(chromeOffer, "sha-256 ", "md5 "), false)
	f.Add(chromeOffer+"a=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\na=candidate:x\r\na=simulcast:send a;b\r\na=rid:a send\r\n", true)
	f.Add(chromeSimulcast("send l;m;h"), true)
	f.Add(chromeSimulcast("send ~l;;,;m recv h"), true)
	f.Add("v=0\r\nm=video 1 RTP/AVP 96\r\n", true)
	f.Add("", false)
	s, err := New(Config{UDPAddress: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, offer string, publish bool) {
		src := NewSource("fuzz")
		defer src.Close()
		var err error
		var answer string
		var p *peer
		if publish {
			var pub *Publisher
			if pub, answer, err = s.Publish(context.Background(), offer, PublishOptions{Source: src}); err == nil {
				p = pub.peer
			}
		} else {
			var sub *Subscriber
			if sub, answer, err = s.Subscribe(context.Background(), offer, SubscribeOptions{Source: src}); err == nil {
				p = sub.peer
			}
		}
		if err != nil {
			if !errors.Is(err, ErrBadOffer) && !errors.Is(err, ErrNoH264) {
				t.Fatalf("refused with %v, which is neither ErrBadOffer nor ErrNoH264", err)
			}
			if src.Subscribers() != 0 {
				t.Fatal("a refused player is counted")
			}

			return
		}
		if _, err := readAnswer(answer); err != nil {
			t.Fatalf("the answer is not SDP: %v\n%s", err, answer)
		}
		_ = p.Close()
	})
}

func readAnswer(text string) (*webrtc.SessionDescription, error) {
	d := &webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: text}
	_, err := d.Unmarshal()

	return d, err
}

// FuzzLaterOffer: whatever a publisher offers later, what was agreed holds.
func FuzzLaterOffer(f *testing.F) {
	first := chromeSimulcast("send l;m;h")
	f.Add(first)
	f.Add(strings.ReplaceAll(first, "sendonly", "inactive"))
	f.Add(strings.ReplaceAll(first, "m=video 9", "m=video 0"))
	f.Add(strings.ReplaceAll(first, "a=mid:1", "a=mid:5"))
	f.Add(strings.ReplaceAll(first, "46117327", "1"))
	f.Add(strings.ReplaceAll(first, "send l;m;h", "send h"))
	f.Add(first[:strings.Index(first, "m=video")])
	f.Fuzz(func(t *testing.T, text string) {
		o, err := parseOffer(first, true)
		if err != nil {
			t.Fatal(err)
		}
		next, err := o.follow(text)
		if err != nil {
			if !errors.Is(err, ErrBadOffer) && !errors.Is(err, ErrNoH264) && !errors.Is(err, ErrOtherPeer) {
				t.Fatalf("refused with %v", err)
			}

			return
		}
		for kind, m := range o.media {
			n := next.media[kind]
			if n != nil && n.mid == m.mid && n.index == m.index && n.codec.PayloadType != m.codec.PayloadType {
				t.Fatalf("the codec of section %q changed to %d", m.mid, n.codec.PayloadType)
			}
			if n != nil && len(n.rids) > maxLayers {
				t.Fatalf("%d layers", len(n.rids))
			}
		}
		if _, err := next.reduced.Marshal(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzFragment: whatever is patched in, bounds hold.
func FuzzFragment(f *testing.F) {
	f.Add("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n" +
		"a=candidate:1387637174 1 udp 2122260223 192.0.2.1 61764 typ host generation 0 ufrag EsAw network-id 1\r\na=end-of-candidates\r\n")
	f.Add("a=candidate:1 1 udp 1 ab.local 9 typ host\r\n")
	f.Add("a=candidate:0 0 0 0 0 .local 0 0")
	f.Add("m=\r\na=mid:\r\na=candidate:\r\n")
	f.Add("nonsense")
	f.Add(strings.Repeat("a=candidate:1 1 udp 1 127.0.0.1 9 typ host\n", 100))
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseFragment(text)
		if err != nil {
			if !errors.Is(err, ErrBadOffer) {
				t.Fatalf("%v is not ErrBadOffer", err)
			}

			return
		}
		if len(got.candidates) > maxCandidates || len(got.ufrag) > 256 || len(got.pwd) > 256 {
			t.Fatalf("bounds do not hold: %d candidates", len(got.candidates))
		}
		for _, c := range got.candidates {
			if fields := strings.Fields(c.Candidate); strings.HasSuffix(fields[4], ".local") {
				t.Fatalf("kept mDNS candidate %q", c.Candidate)
			}
		}
	})
}

func FuzzBeginsKeyframe(f *testing.F) {
	f.Add([]byte{0x67, 1})
	f.Add([]byte{24, 0, 2, 0x67, 1, 0, 2, 0x68, 1})
	f.Add([]byte{24, 0xff, 0xff, 0x65})
	f.Add([]byte{28, 0x85})
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := string(payload)
		beginsKeyframe(payload)
		if string(payload) != before {
			t.Fatal("the payload was changed")
		}
	})
}
