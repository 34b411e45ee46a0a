package rtmp

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"hutong/bridge/flv"
	"hutong/bridge/stream"
)

func TestCommandsAreAnswered(t *testing.T) {
	p := connected(t, serve(t, options{}))
	p.command(0, "releaseStream", 3, nil, "alice")
	if c := p.expect("_result"); c.id != 3 {
		t.Errorf("releaseStream: answer to %d", c.id)
	}
	p.command(0, "FCPublish", 4, nil, "alice")
	p.expect("_result")
	p.expect("onFCPublish")
	p.command(0, "_checkbw", 5, nil)
	p.expect("_result")
	p.command(0, "getStreamLength", 6, nil, "alice")
	if c := p.expect("_result"); c.number(1) != 0 || len(c.args) != 2 {
		t.Errorf("getStreamLength: %v", c.args)
	}
	p.command(0, "doSomething", 7, nil)
	if c := p.expect("_error"); c.id != 7 {
		t.Errorf("unknown method: answer to %d", c.id)
	}
	p.command(1, "seek", 0, nil, 1000)
	p.expect(codeSeekFailed)
	p.alive()
}

func TestConnectAnswer(t *testing.T) {
	p := rawPeer(t, serve(t, options{}))
	p.command(0, "connect", 1, map[string]any{"app": "live", "objectEncoding": 3})
	var order []string
	for {
		m, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		order = append(order, fmt.Sprint(m.Type))
		if m.Type != typeCommand {
			continue
		}
		c, _ := decodeCommand(m.Body)
		if o := c.object(1); c.name != "_result" || o["code"] != codeConnectSuccess || o["objectEncoding"] != 0.0 {
			t.Errorf("connect was answered with %s %v", c.name, o)
		}
		break
	}
	// Window, bandwidth, and after the chunk size, which the reader keeps, the result.
	if got := strings.Join(order, " "); got != "5 6 20" {
		t.Errorf("connect was answered with messages %s", got)
	}
	p.command(0, "connect", 2, map[string]any{"app": "live"})
	p.expect("_error")
	p.gone()
}

func TestPlayStatuses(t *testing.T) {
	s := serve(t, options{})
	src := publish(t, s.url+"/live/alice")
	push(t, src, plain(t), 0)
	p := connected(t, s)
	p.command(1, "play", 0, nil, "alice", -2000, -1, true)
	p.expect(codePlayReset)
	p.expect(codePlayStart)
	p.command(1, "pause", 0, nil, true, 0)
	p.expect(codePause)
	p.command(1, "pause", 0, nil, false, 0)
	p.expect(codeUnpause)
	for {
		m, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		if isKey(m) {
			break
		}
	}
	push(t, publish(t, s.url+"/live/bob"), plain(t), 0)
	p.command(1, "play2", 0, nil, map[string]any{"streamName": "bob"})
	if c := p.expect(codePlayReset); !strings.Contains(fmt.Sprint(c.args), "live/bob") {
		t.Errorf("play2 plays %v", c.args)
	}
	eventually(t, "alice has no player", func() bool { return s.reg.Get("live/alice").Stats().Players["rtmp"] == 0 })
	p.command(1, "closeStream", 0)
	eventually(t, "bob has no player", func() bool { return s.reg.Get("live/bob").Stats().Players["rtmp"] == 0 })
	p.alive()
}

func TestPlayEndStatuses(t *testing.T) {
	s := serve(t, options{})
	src := publish(t, s.url+"/live/alice")
	push(t, src, plain(t), 0)
	p := connected(t, s)
	p.command(1, "play", 0, nil, "alice")
	p.expect(codePlayStart)
	src.Close()
	p.expect(codePlayUnpublish)
	p.expect(codePlayStop)
	// The connection may play again.
	push(t, publish(t, s.url+"/live/bob"), plain(t), 0)
	p.command(1, "play", 0, nil, "bob")
	p.expect(codePlayStart)
}

func TestSecondMessageStreamPlays(t *testing.T) {
	s := serve(t, options{})
	push(t, publish(t, s.url+"/live/alice"), plain(t), 0)
	p := connected(t, s)
	p.command(0, "createStream", 3, nil)
	if c := p.expect("_result"); c.number(1) != 2 {
		t.Fatalf("the second message stream has id %v", c.number(1))
	}
	p.command(2, "play", 0, nil, "alice")
	last := lastVideo(plain(t))
	for {
		m, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == typeAudio || m.Type == typeVideo || m.Type == typeData {
			if m.StreamID != 2 {
				t.Fatalf("media came on message stream %d", m.StreamID)
			}
			if same(last)(m) {
				break
			}
		}
	}
}

func TestPlayWaitsWhileAnswering(t *testing.T) {
	s := serve(t, options{rtmp: func(c *Config) { c.PlayWait = 200 * time.Millisecond }})
	p := connected(t, s)
	p.command(1, "play", 0, nil, "nobody")
	p.alive()
	p.command(0, "_checkbw", 5, nil)
	p.expect("_result")
	p.expect(codePlayNotFound)
}

func TestShutdownTellsClients(t *testing.T) {
	s := serve(t, options{})
	src := publish(t, s.url+"/live/alice")
	push(t, src, plain(t), 0)
	watcher, idle := connected(t, s), connected(t, s)
	watcher.command(1, "play", 0, nil, "alice")
	watcher.expect(codePlayStart)
	sender := published(t, s, "bob")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Shutdown(ctx) }()
	watcher.expect(codePlayUnpublish)
	watcher.expect(codeConnectClosed)
	sender.expect(codeUnpublish)
	sender.expect(codeConnectClosed)
	idle.expect(codeConnectClosed)
	for _, p := range []*peer{watcher, sender, idle} {
		p.nc.Close()
	}
	src.Abort()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := s.counts.get("closed shutdown"); n != 4 {
		t.Errorf("%d connections closed for the shutdown, want 4", n)
	}
}

func TestRegistryCloseSendsPublishersAway(t *testing.T) {
	s := serve(t, options{})
	p := published(t, s, "alice")
	s.reg.Close()
	p.expect(codeUnpublish)
	p.nc.Close()
}

func TestShutdownDoesNotWaitForTheDeaf(t *testing.T) {
	s := serve(t, options{})
	connected(t, s) // takes the goodbye, but never closes
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestListenErrors(t *testing.T) {
	reg := stream.NewRegistry(stream.Options{})
	s := serve(t, options{})
	for name, tc := range map[string]struct {
		cfg  Config
		want string
	}{
		"no registry":    {Config{Address: "127.0.0.1:0"}, "Registry"},
		"no address":     {Config{Registry: reg}, "Address"},
		"no certificate": {Config{Registry: reg, TLSAddress: "127.0.0.1:0"}, "set TLS"},
		"port in use":    {Config{Registry: reg, Address: s.Addr().String()}, "free the port"},
	} {
		if _, err := Listen(tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// enhanced rewrites AVC and AAC tags the way enhanced RTMP clients do.
func enhanced(tag flv.Tag, fourCC string) flv.Tag {
	b := tag.Body
	switch {
	case tag.Type == flv.TagVideo && b[1] == packetHeader:
		tag.Body = append(append([]byte{0x90}, fourCC...), b[5:]...)
	case tag.Type == flv.TagVideo && b[0]>>4 == frameKey:
		tag.Body = append(append([]byte{0x80 | b[0]&0x70 | exCodedFramesX}, fourCC...), b[5:]...)
	case tag.Type == flv.TagVideo:
		tag.Body = append(append([]byte{0x80 | b[0]&0x70 | exCodedFrames}, fourCC...), b[2:]...)
	case tag.Type == flv.TagAudio:
		tag.Body = append(append([]byte{0x90 | b[1]}, "mp4a"...), b[2:]...)
	}
	return tag
}

func TestEnhancedRTMP(t *testing.T) {
	s := serve(t, options{})
	p := publish(t, s.url+"/live/alice")
	for _, tag := range plain(t) {
		if err := pushTag(p, enhanced(tag, "avc1"), 0); err != nil {
			t.Fatal(err)
		}
	}
	got := readUntil(t, play(t, s.url+"/live/alice"), same(lastVideo(plain(t))))
	audio := 0
	for _, m := range got {
		if m.Type == typeAudio && !isHeader(m) {
			audio++
		}
	}
	if audio < 30 {
		t.Errorf("%d audio frames", audio)
	}
}

func TestCodecs(t *testing.T) {
	t.Parallel()
	hevc := func(tag flv.Tag) flv.Tag {
		if tag.Type == flv.TagVideo {
			tag.Body = append([]byte{tag.Body[0]&0xf0 | 12}, tag.Body[1:]...)
		}
		return tag
	}
	mp3 := func(tag flv.Tag) flv.Tag {
		if tag.Type == flv.TagAudio {
			tag.Body = []byte{0x2f, 0xff, 0xfb, 0x90}
		}
		return tag
	}
	hvc1 := func(tag flv.Tag) flv.Tag {
		if tag.Type == flv.TagVideo {
			return enhanced(tag, "hvc1")
		}
		return tag
	}
	only := func(typ flv.TagType, f func(flv.Tag) flv.Tag) func(flv.Tag) flv.Tag {
		return func(tag flv.Tag) flv.Tag {
			if tag.Type != typ {
				return flv.Tag{}
			}
			return f(tag)
		}
	}
	for name, tc := range map[string]struct {
		change       func(flv.Tag) flv.Tag
		codec        string
		ends         bool
		video, audio bool
	}{
		"HEVC with AAC":          {hevc, "HEVC", false, false, true},
		"enhanced HEVC with AAC": {hvc1, "HEVC", false, false, true},
		"AVC with MP3":           {mp3, "MP3", false, true, false},
		"HEVC with MP3":          {func(tag flv.Tag) flv.Tag { return mp3(hevc(tag)) }, "HEVC", true, false, false},
		"HEVC alone":             {only(flv.TagVideo, hevc), "HEVC", true, false, false},
		"MP3 alone":              {only(flv.TagAudio, mp3), "MP3", true, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, options{})
			p := publish(t, s.url+"/live/alice")
			var err error
			send := func(offset uint32) {
				for _, tag := range plain(t) {
					if tag = tc.change(tag); tag.Body != nil && err == nil {
						err = pushTag(p, tag, offset)
					}
				}
			}
			send(0)
			if tc.ends {
				var offset uint32
				eventually(t, "the publisher is refused", func() bool {
					offset += 2000
					send(offset)
					return err != nil
				})
				if statusCode(err) != codePublishRejected || !strings.Contains(err.Error(), tc.codec) {
					t.Errorf("the publisher was told %v", err)
				}
			} else {
				tr := func() *stream.Tracks { return s.reg.Get("live/alice").Tracks() }
				eventually(t, "the other half is there", func() bool {
					now := tr()
					return now != nil && (now.Video != nil) == tc.video && (now.Audio != nil) == tc.audio
				})
			}
			if s.counts.get("codec "+tc.codec) != 1 {
				t.Errorf("counted %v", s.counts.m)
			}
			if n := strings.Count(s.log.String(), "codec="+tc.codec); n != 1 {
				t.Errorf("%d log lines name %s, want 1", n, tc.codec)
			}
		})
	}
}

func TestHEAACKeepsFlowing(t *testing.T) {
	s := serve(t, options{})
	p := publish(t, s.url+"/live/alice")
	// HE-AAC, 24 to 48 kHz, mono.
	if err := p.WriteAudio(0, []byte{0xaf, 0, 0x2b, 0x09, 0x88, 0}); err != nil {
		t.Fatal(err)
	}
	frame := flv.Tag{Body: []byte{0xaf, 1, 1, 2, 3}}
	if err := p.WriteAudio(20, frame.Body); err != nil {
		t.Fatal(err)
	}
	c := mustDial(t, s.url+"/live/alice")
	if err := c.Play(short(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.WriteAudio(40, frame.Body); err != nil {
		t.Fatal(err)
	}
	readUntil(t, c, same(frame))
	if n := strings.Count(s.log.String(), "codec=HE-AAC"); n != 1 {
		t.Errorf("%d log lines name HE-AAC, want 1", n)
	}
}
