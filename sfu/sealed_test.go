package sfu

import (
	"bytes"
	"testing"

	"github.com/pion/dtls/v3"
	"github.com/pion/webrtc/v4"
)

// TestWhoSeals: we do where the connection allows it, else pion does; the player
// sees no difference.
func TestWhoSeals(t *testing.T) {
	turn := func(c *Config) {
		c.ICEServers = []webrtc.ICEServer{{URLs: []string{"turn:127.0.0.1:9?transport=udp"}, Username: "u", Credential: "c"}}
	}
	tcp := func(c *Config) { c.TCPAddress, c.UDPAddress = "127.0.0.1:0", "" }
	for _, c := range []struct {
		name   string
		opts   clientOptions
		config func(*Config)
		ours   bool
	}{
		{name: "AES-128-GCM", ours: true},
		{name: "AES-256-GCM", opts: clientOptions{srtp: []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_256_GCM}}, ours: true},
		{name: "without RTX", opts: clientOptions{noRTX: true}, ours: true},
		{name: "over TCP", opts: clientOptions{tcp: true}, config: tcp, ours: true},
		{name: "AES-CM", opts: clientOptions{srtp: []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80}}},
		{name: "as DTLS client", opts: clientOptions{passive: true}},
		{name: "where a relay may be used", config: turn},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.config == nil {
				c.config = func(*Config) {}
			}
			s := newSFU(t, c.config)
			src := NewSource("live/seal")
			defer src.Close()
			feed := src.Attach(FeedOptions{HasVideo: true, HasAudio: true})
			p := newPlayer(t, s, src, c.opts)
			const frames = 60
			pump(feed, 0, frames, 1000, nil)
			eventually(t, "all video", func() bool { return p.count(Video) >= frames*3 })
			eventually(t, "all audio", func() bool { return p.count(Audio) >= frames })
			checkVideo(t, p, 0, frames)
			for i, packet := range p.got(Video)[:frames*3] {
				if want := makeFrame(Video, uint32(i/3), i < 3, 3, 900)[i%3]; !bytes.Equal(packet.Payload, want) {
					t.Fatalf("video packet %d is not what was written", i)
				}
			}
			for _, d := range p.sub.sub.tracks {
				d.mu.Lock()
				ours := d.sealer != nil
				d.mu.Unlock()
				if ours != c.ours {
					t.Errorf("%v is sealed by us: %v, want %v", d.kind, ours, c.ours)
				}
			}
		})
	}
}

// TestPlayersGetTheSamePackets: what many players get over several shards is
// what was written, bit for bit, in order, with none missing.
func TestPlayersGetTheSamePackets(t *testing.T) {
	s := newSFU(t, func(c *Config) { c.Shards = 3 })
	src := NewSource("live/same")
	defer src.Close()
	feed := src.Attach(FeedOptions{HasVideo: true, HasAudio: true})
	var players []*player
	for range 6 {
		players = append(players, newPlayer(t, s, src, clientOptions{}))
	}
	// Spread them: six would be served by one shard.
	for i, p := range players {
		eventually(t, "a shard to serve", func() bool {
			p.sub.turn.Lock()
			defer p.sub.turn.Unlock()

			return p.sub.sub.outlet != nil
		})
		p.sub.turn.Lock()
		p.sub.sub.exit()
		p.sub.sub.outlet = src.enterOutlet(s.shards[i%len(s.shards)])
		p.sub.sub.outlet.add(p.sub.sub)
		p.sub.turn.Unlock()
	}
	const frames = 150
	pump(feed, 0, frames, 1000, nil)
	for _, p := range players {
		eventually(t, "all video", func() bool { return p.count(Video) >= frames*3 })
		eventually(t, "all audio", func() bool { return p.count(Audio) >= frames })
		checkVideo(t, p, 0, frames)
		for i, packet := range p.got(Video)[:frames*3] {
			if want := makeFrame(Video, uint32(i/3), i < 3, 3, 900)[i%3]; !bytes.Equal(packet.Payload, want) {
				t.Fatalf("video packet %d is not what was written", i)
			}
		}
	}
}
