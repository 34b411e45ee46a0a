package sfu

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

func TestTCPOnly(t *testing.T) {
	s := newSFU(t, func(c *Config) { c.UDPAddress, c.TCPAddress = "", "127.0.0.1:0" })
	src := NewSource("live/tcp")
	defer src.Close()
	feed := src.Attach(FeedOptions{HasVideo: true, HasAudio: true})
	p := newPlayer(t, s, src, clientOptions{tcp: true})
	pump(feed, 0, 50, 1000, nil)
	eventually(t, "all video", func() bool { return p.count(Video) == 150 })
	checkVideo(t, p, 0, 50)
	if st := p.sub.Stats(); st.Protocol != "tcp" {
		t.Errorf("protocol %q", st.Protocol)
	}
}

func TestSlowTCPConnectionNeverBlocks(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	mustDo(t, err)
	ql := newQueueListener(l)
	client, err := net.Dial("tcp", l.Addr().String())
	mustDo(t, err)
	c, err := ql.Accept()
	mustDo(t, err)
	block := make([]byte, 1000)
	refused := false
	for range 100_000 { // the client reads nothing
		if _, err := c.Write(block); errors.Is(err, errQueueFull) {
			refused = true

			break
		}
	}
	if !refused {
		t.Error("100 MB were queued for a peer that reads nothing")
	}
	mustDo(t, c.Close())
	mustDo(t, client.Close())
	mustDo(t, l.Close())
	ql.writers.Wait()
}

func TestICERestart(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/restart")
	defer src.Close()
	feed := src.Attach(FeedOptions{HasVideo: true, HasAudio: true})
	p := newPlayer(t, s, src, clientOptions{})
	pump(feed, 0, 20, 10, nil)
	eventually(t, "video", func() bool { return p.count(Video) >= 60 })

	offer, err := p.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: true})
	mustDo(t, err)
	gathered := webrtc.GatheringCompletePromise(p.pc)
	mustDo(t, p.pc.SetLocalDescription(offer))
	await(t, "new client candidates", gathered)
	before := attribute(t, p.pc.CurrentRemoteDescription().SDP, "ice-ufrag")
	answer, restarted, err := p.sub.Patch(fragmentOf(t, p.pc.LocalDescription().SDP))
	mustDo(t, err)
	if !restarted {
		t.Fatal("new credentials did not restart ICE")
	}
	f, err := parseFragment(answer)
	mustDo(t, err)
	if f.ufrag == "" || f.ufrag == before || f.pwd == "" || len(f.candidates) == 0 {
		t.Fatalf("the answer lacks new credentials or candidates:\n%s", answer)
	}
	// The client's view: the old answer with the fragment's credentials.
	mustDo(t, p.pc.SetRemoteDescription(webrtc.SessionDescription{
		Type: webrtc.SDPTypeAnswer, SDP: applyFragment(t, p.pc.CurrentRemoteDescription().SDP, f),
	}))
	n := p.count(Video)
	i := 20
	eventually(t, "video after the restart", func() bool {
		feed.WriteFrame(Video, time.Duration(i)*5*time.Millisecond, true, makeFrame(Video, uint32(i), true, 3, 900))
		i++

		return p.count(Video) > n+30
	})
	if p.sub.Err() != nil {
		t.Error(p.sub.Err())
	}
}

func fragmentOf(t *testing.T, text string) string {
	t.Helper()
	d := &sdp.SessionDescription{}
	mustDo(t, d.UnmarshalString(text))
	out, err := localFragment(text)
	mustDo(t, err)

	return out
}

func attribute(t *testing.T, text, key string) string {
	t.Helper()
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "a="+key+":"); ok {
			return v
		}
	}
	t.Fatalf("no a=%s", key)

	return ""
}

func applyFragment(t *testing.T, text string, f *fragment) string {
	t.Helper()
	var b strings.Builder
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			line = "a=ice-ufrag:" + f.ufrag + "\r\n"
		case strings.HasPrefix(line, "a=ice-pwd:"):
			line = "a=ice-pwd:" + f.pwd + "\r\n"
		}
		b.WriteString(line)
	}

	return b.String()
}

func TestTrickle(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/trickle")
	defer src.Close()
	pc := newClientPC(t, clientOptions{})
	_, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	mustDo(t, err)
	full := makeOffer(t, pc)
	var bare strings.Builder
	for line := range strings.Lines(full) {
		if !strings.HasPrefix(line, "a=candidate:") {
			bare.WriteString(line)
		}
	}
	sub, answer, err := s.Subscribe(context.Background(), bare.String(), SubscribeOptions{Source: src})
	mustDo(t, err)
	takeAnswer(t, pc, answer)
	body, restarted, err := sub.Patch(fragmentOf(t, full))
	if err != nil || restarted || body != "" {
		t.Fatalf("Patch with candidates = %q, %v, %v", body, restarted, err)
	}
	await(t, "the connection", sub.Established())
	if _, _, err := sub.Patch("a=ice-ufrag:somebody\r\n"); !errors.Is(err, ErrBadOffer) {
		t.Errorf("a fragment for another session gives %v", err)
	}
	mustDo(t, sub.Close())
	if _, _, err := sub.Patch(fragmentOf(t, full)); !errors.Is(err, ErrClosed) {
		t.Errorf("Patch after Close gives %v", err)
	}
}

func TestOffersThatAreRefused(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/refused")
	defer src.Close()
	client := func(opts clientOptions, d webrtc.RTPTransceiverDirection, kinds ...webrtc.RTPCodecType) string {
		pc := newClientPC(t, opts)
		for _, k := range kinds {
			_, err := pc.AddTransceiverFromKind(k, webrtc.RTPTransceiverInit{Direction: d})
			mustDo(t, err)
		}
		if len(kinds) == 0 {
			_, err := pc.CreateDataChannel("x", nil)
			mustDo(t, err)
		}

		return makeOffer(t, pc)
	}
	const send, recv = webrtc.RTPTransceiverDirectionSendonly, webrtc.RTPTransceiverDirectionRecvonly
	const video, audio = webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio
	good := client(clientOptions{}, recv, video, audio)
	for _, c := range []struct {
		name, offer string
		want        error
		says        string
	}{
		{"VP8 with audio", client(clientOptions{vp8: true}, send, video, audio), ErrNoH264, "H264"},
		{"VP8 alone", client(clientOptions{vp8: true}, send, video), ErrNoH264, "H264"},
		{"empty", "", ErrBadOffer, "SDP"},
		{"not SDP", "hello", ErrBadOffer, "SDP"},
		{"too big", good + strings.Repeat("a=x:y\r\n", 10000), ErrBadOffer, "bytes"},
		{"wrong direction", good, ErrBadOffer, "sendonly"},
		{"data only", client(clientOptions{}, send), ErrBadOffer, "audio"},
	} {
		pub, _, err := s.Publish(context.Background(), c.offer, PublishOptions{Source: src})
		if pub != nil || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %v and something about %s", c.name, err, c.want, c.says)
		}
	}
	if _, _, err := s.Subscribe(context.Background(), client(clientOptions{vp8: true}, recv, video, audio),
		SubscribeOptions{Source: src}); !errors.Is(err, ErrNoH264) {
		t.Errorf("a player without H.264 gets %v", err)
	}
	if _, _, err := s.Subscribe(context.Background(), good, SubscribeOptions{}); err == nil {
		t.Error("no Source is accepted")
	}
	if src.Subscribers() != 0 {
		t.Errorf("%d subscribers after refusals", src.Subscribers())
	}
	over := NewSource("live/over")
	over.Close()
	if _, _, err := s.Subscribe(context.Background(), good, SubscribeOptions{Source: over}); !errors.Is(err, ErrSourceClosed) {
		t.Errorf("a closed source gives %v", err)
	}
}

// TestAnswerKeepsEverySection: sections that are not used are refused in place,
// and no data channel is set up.
func TestAnswerKeepsEverySection(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/sections")
	defer src.Close()
	pc := newClientPC(t, clientOptions{})
	for _, k := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		_, err := pc.AddTransceiverFromKind(k, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
		mustDo(t, err)
	}
	_, err := pc.CreateDataChannel("x", nil)
	mustDo(t, err)
	sub, answer, err := s.Subscribe(context.Background(), makeOffer(t, pc), SubscribeOptions{Source: src})
	mustDo(t, err)
	d := &sdp.SessionDescription{}
	mustDo(t, d.UnmarshalString(answer))
	var got []string
	for _, m := range d.MediaDescriptions {
		state := "refused"
		if m.MediaName.Port.Value != 0 {
			state = "taken"
		}
		got = append(got, m.MediaName.Media+" "+state)
	}
	if want := "video taken,video refused,audio taken,application refused"; strings.Join(got, ",") != want {
		t.Errorf("sections %v, want %s", got, want)
	}
	takeAnswer(t, pc, answer)
	await(t, "the connection", sub.Established())
}

func TestSourceCloseTellsEverybody(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/end")
	tap := src.Tap(TapOptions{Video: true})
	pub := newPublisherClient(t, s, src, clientOptions{})
	p := newPlayer(t, s, src, clientOptions{})
	src.Close()
	await(t, "the player's end", p.sub.Done())
	await(t, "the publisher's end", pub.pub.Done())
	if !errors.Is(p.sub.Err(), ErrSourceClosed) || !errors.Is(pub.pub.Err(), ErrSourceClosed) {
		t.Errorf("Err() = %v and %v", p.sub.Err(), pub.pub.Err())
	}
	if _, err := tap.Read(context.Background()); !errors.Is(err, io.EOF) {
		t.Errorf("the tap says %v", err)
	}
}

func TestPlayerThatLeavesIsForgotten(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/leave")
	defer src.Close()
	p := newPlayer(t, s, src, clientOptions{})
	mustDo(t, p.pc.Close())
	await(t, "the player's end", p.sub.Done())
	if src.Subscribers() != 0 || src.outlets.Load() != nil {
		t.Errorf("%d subscribers, outlets %v", src.Subscribers(), src.outlets.Load())
	}
}

func TestHandshakeTimeout(t *testing.T) {
	s := newSFU(t, func(c *Config) { c.HandshakeTimeout = 200 * time.Millisecond })
	src := NewSource("live/timeout")
	defer src.Close()
	pc := newClientPC(t, clientOptions{})
	_, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	mustDo(t, err)
	sub, _, err := s.Subscribe(context.Background(), makeOffer(t, pc), SubscribeOptions{Source: src})
	mustDo(t, err)
	await(t, "the end", sub.Done())
	if !errors.Is(sub.Err(), ErrHandshakeTimeout) {
		t.Errorf("Err() = %v", sub.Err())
	}
}

func TestCloseEndsPeers(t *testing.T) {
	s := newSFU(t, func(c *Config) { c.TCPAddress = "127.0.0.1:0" })
	src := NewSource("live/close")
	defer src.Close()
	p := newPlayer(t, s, src, clientOptions{})
	mustDo(t, s.Close())
	await(t, "the player's end", p.sub.Done())
	if !errors.Is(p.sub.Err(), ErrClosed) {
		t.Errorf("Err() = %v", p.sub.Err())
	}
	pc := newClientPC(t, clientOptions{})
	_, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	mustDo(t, err)
	if _, _, err := s.Subscribe(context.Background(), makeOffer(t, pc), SubscribeOptions{Source: src}); !errors.Is(err, ErrClosed) {
		t.Errorf("Subscribe after Close gives %v", err)
	}
}

func TestNewSaysWhatIsWrong(t *testing.T) {
	busy := newSFU(t, func(c *Config) { c.TCPAddress = "127.0.0.1:0" })
	for _, c := range []struct {
		config Config
		says   []string
	}{
		{Config{}, []string{"UDPAddress", "TCPAddress"}},
		{Config{UDPAddress: busy.UDPAddr().String()}, []string{busy.UDPAddr().String(), "UDPAddress"}},
		{Config{UDPAddress: "127.0.0.1:0", TCPAddress: busy.TCPAddr().String()}, []string{busy.TCPAddr().String(), "TCPAddress"}},
		{Config{UDPAddress: "127.0.0.1:0", ExternalIPs: []string{"example.com"}}, []string{"example.com", "ExternalIPs"}},
	} {
		s, err := New(c.config)
		if err == nil {
			_ = s.Close()
			t.Errorf("New(%+v) succeeds", c.config)

			continue
		}
		for _, part := range c.says {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("the error does not mention %s: %v", part, err)
			}
		}
	}
}

func TestExternalIPsAreAdvertised(t *testing.T) {
	s := newSFU(t, func(c *Config) { c.ExternalIPs = []string{"203.0.113.7"} })
	src := NewSource("live/nat")
	defer src.Close()
	pc := newClientPC(t, clientOptions{})
	_, err := pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly})
	mustDo(t, err)
	_, answer, err := s.Subscribe(context.Background(), makeOffer(t, pc), SubscribeOptions{Source: src})
	mustDo(t, err)
	if !strings.Contains(answer, " 203.0.113.7 ") || !strings.Contains(answer, " 127.0.0.1 ") {
		t.Errorf("candidates are missing:\n%s", answer)
	}
}

func TestWaysToListen(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Config)
	}{
		{"every interface", func(c *Config) { c.UDPAddress, c.IncludeLoopback = ":0", true }},
		{"every IPv4 interface", func(c *Config) { c.UDPAddress, c.IncludeLoopback = "0.0.0.0:0", true }},
		{"ICE-lite", func(c *Config) { c.ICELite = true }},
		{"both protocols", func(c *Config) { c.TCPAddress = "127.0.0.1:0" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSFU(t, c.change)
			src := NewSource("live/listen")
			defer src.Close()
			feed := src.Attach(FeedOptions{HasVideo: true})
			p := newPlayer(t, s, src, clientOptions{})
			feed.WriteFrame(Video, 0, true, makeFrame(Video, 1, true, 3, 900))
			eventually(t, "video", func() bool { return p.count(Video) == 3 })
			if st := p.sub.Stats(); st.Protocol != "udp" {
				t.Errorf("protocol %q", st.Protocol)
			}
		})
	}
}
