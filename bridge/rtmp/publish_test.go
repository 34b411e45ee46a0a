package rtmp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"hutong/bridge/flv"
	"hutong/bridge/stream"
)

func TestPlayerGetsWhatIsPublished(t *testing.T) {
	s := serve(t, options{})
	p := publish(t, s.url+"/live/alice")
	push(t, p, plain(t), 0)
	c := play(t, s.url+"/live/alice")
	got := readUntil(t, c, same(lastVideo(plain(t))))
	if got[0].Type != typeData || got[0].Timestamp != 0 {
		t.Errorf("first message is type %d at %d; want metadata at 0", got[0].Type, got[0].Timestamp)
	}
	first := -1
	for i, m := range got {
		if m.Type == typeVideo && !isHeader(m) {
			first = i
			break
		}
	}
	if !isKey(got[first]) {
		t.Error("the first picture is not a keyframe")
	}
	if !isHeader(got[1]) || !isHeader(got[2]) {
		t.Error("no sequence headers before the first frame")
	}
	var want [][]byte
	for _, tag := range plain(t) {
		if tag.Type != flv.TagScript {
			want = append(want, tag.Body)
		}
	}
	// The newest group of pictures, byte for byte and in order.
	rest := got[first:]
	for len(want) > 0 && !bytes.Equal(want[0], rest[0].Body) {
		want = want[1:]
	}
	for i, m := range rest {
		if i >= len(want) || !bytes.Equal(m.Body, want[i]) {
			t.Fatalf("message %d of the group differs from what was published", i)
		}
	}
}

func TestMetadata(t *testing.T) {
	s := serve(t, options{})
	push(t, publish(t, s.url+"/live/alice"), plain(t), 0)
	m, err := play(t, s.url+"/live/alice").Read()
	if err != nil {
		t.Fatal(err)
	}
	values, err := decodeAMF(m.Body)
	if err != nil || len(values) != 2 || values[0] != "onMetaData" {
		t.Fatalf("metadata is %v, %v", values, err)
	}
	got := values[1].(map[string]any)
	for key, want := range map[string]any{
		"width": 320.0, "height": 240.0, "framerate": 25.0, "videocodecid": 7.0,
		"audiocodecid": 10.0, "audiosamplerate": 48000.0, "audiosamplesize": 16.0, "stereo": false, "audiochannels": 1.0,
	} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	if e, _ := got["encoder"].(string); !strings.HasPrefix(e, "Lavf") {
		t.Errorf("encoder is %q, want the publisher's", e)
	}
}

func TestNamesAndQueries(t *testing.T) {
	seen := make(chan Request, 1)
	s := serve(t, options{rtmp: func(c *Config) {
		c.Authorize = func(_ context.Context, r Request) (string, error) {
			seen <- r
			return "", nil
		}
	}})
	for _, tc := range []struct{ app, stream, name, query string }{
		{"live", "alice", "live/alice", ""},
		{"a/b/c", "d", "a/b/c/d", ""},
		{"a/b", "c/d", "a/b/c/d", ""},
		{"a", "b/c/d", "a/b/c/d", ""},
		{"/live/", "/alice/", "live/alice", ""},
		{"", "live/alice", "live/alice", ""},
		{"live", "alice?txSecret=ab&txTime=5C271099", "live/alice", "txSecret=ab&txTime=5C271099"},
		{"live?token=x", "alice", "live/alice", "token=x"},
		{"live?token=x&a=1", "alice?token=y", "live/alice", "a=1&token=y"},
	} {
		u, _ := url.Parse(s.url)
		c, err := dialStream(short(t), u, tc.app, tc.stream, ClientOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Publish(short(t)); err != nil {
			t.Errorf("%s + %s: %v", tc.app, tc.stream, err)
		}
		c.Close()
		r := <-seen
		if r.Name != tc.name || r.Query.Encode() != tc.query || !r.Publish || r.TLS {
			t.Errorf("%s + %s: asked for %q ? %q", tc.app, tc.stream, r.Name, r.Query.Encode())
		}
	}
	if strings.Contains(s.log.String(), "5C271099") {
		t.Error("the log holds a query string")
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t, options{
		rtmp: func(c *Config) {
			c.Authorize = func(_ context.Context, r Request) (string, error) {
				if r.Query.Get("token") == "wrong" {
					return "", errors.New("token has expired; ask for a new one")
				}
				return "", nil
			}
			c.PlayWait = 50 * time.Millisecond
		},
		stream: func(o *stream.Options) { o.RefuseTakeover = true },
	})
	publish(t, s.url+"/live/taken")
	for _, tc := range []struct{ path, publish, play string }{
		{"/live/taken", codePublishBadName, ""},
		{"/live/a.b", codePublishBadName, codePlayNotFound},
		{"/live/alice?token=wrong", codePublishDenied, codePlayFailed},
		{"/live/nobody", "", codePlayNotFound},
	} {
		if tc.publish != "" {
			if err := mustDial(t, s.url+tc.path).Publish(short(t)); statusCode(err) != tc.publish {
				t.Errorf("publish %s: %v, want %s", tc.path, err, tc.publish)
			}
		}
		if tc.play != "" {
			if err := mustDial(t, s.url+tc.path).Play(short(t)); statusCode(err) != tc.play {
				t.Errorf("play %s: %v, want %s", tc.path, err, tc.play)
			}
		}
	}
	if s.counts.get("refused publish") != 3 || s.counts.get("refused not_found") != 2 || s.counts.get("refused play") != 1 {
		t.Errorf("refusals counted: %v", s.counts.m)
	}
}

func TestTakeover(t *testing.T) {
	s := serve(t, options{})
	old := publish(t, s.url+"/live/alice")
	push(t, old, plain(t), 0)
	player := play(t, s.url+"/live/alice")
	readUntil(t, player, same(lastVideo(plain(t))))

	push(t, publish(t, s.url+"/live/alice"), plain(t), 77_000)
	got := readUntil(t, player, same(lastVideo(plain(t))))
	for _, m := range got {
		if m.Type == typeVideo && !isHeader(m) {
			if !isKey(m) {
				t.Error("the newcomer's first picture is not a keyframe")
			}
			break
		}
	}
	var err error
	eventually(t, "the old publisher is told", func() bool {
		err = old.WriteAudio(9000, []byte{0xaf, 1, 0})
		return err != nil
	})
	if statusCode(err) != codePublishBadName {
		t.Errorf("the old publisher was told %v", err)
	}
}

func TestPublisherBreaksAndReturns(t *testing.T) {
	s := serve(t, options{stream: func(o *stream.Options) { o.Grace = time.Minute }})
	p := publish(t, s.url+"/live/alice")
	push(t, p, plain(t), 0)
	player := play(t, s.url+"/live/alice")
	first := readUntil(t, player, same(lastVideo(plain(t))))
	p.Abort()
	eventually(t, "the break is noticed", func() bool { return !s.reg.Get("live/alice").Stats().Live })

	push(t, publish(t, s.url+"/live/alice"), plain(t), 0)
	second := readUntil(t, player, same(lastVideo(plain(t))))
	if last, next := first[len(first)-1].Timestamp, second[len(second)-1].Timestamp; next <= last {
		t.Errorf("time went from %d back to %d", last, next)
	}
}

// TestLostWriteIsNoGoodbye loses a publisher's connection while it is written to.
func TestLostWriteIsNoGoodbye(t *testing.T) {
	s := serve(t, options{stream: func(o *stream.Options) { o.Grace = time.Minute }})
	publish(t, s.url+"/live/alice")
	s.mu.Lock()
	for c := range s.conns {
		c.stop(errWrite)
	}
	s.mu.Unlock()
	eventually(t, "the connection ends", func() bool { return s.counts.get("closed write") == 1 })
	if st := s.reg.Get("live/alice"); st == nil || st.Stats().Live {
		t.Error("the stream does not wait for its publisher")
	}
}

func TestGoodbyeEndsThePlay(t *testing.T) {
	s := serve(t, options{stream: func(o *stream.Options) { o.Grace = time.Hour }})
	p := publish(t, s.url+"/live/alice")
	push(t, p, plain(t), 0)
	player := play(t, s.url+"/live/alice")
	readUntil(t, player, same(lastVideo(plain(t))))
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	var err error
	for err == nil {
		_, err = player.Read()
	}
	if !errors.Is(err, io.EOF) {
		t.Errorf("read after the goodbye: %v, want EOF", err)
	}
}

func TestPublishAgainOnOneConnection(t *testing.T) {
	s := serve(t, options{})
	p := mustDial(t, s.url+"/live/alice")
	for i := range 3 {
		p.name = fmt.Sprintf("take%d", i)
		if err := p.Publish(short(t)); err != nil {
			t.Fatal(err)
		}
		push(t, p, plain(t), 0)
		player := play(t, s.url+"/live/"+p.name)
		readUntil(t, player, same(lastVideo(plain(t))))
		if err := p.Unpublish(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the stream ends", func() bool { return s.reg.Get("live/"+p.name) == nil })
	}
}

func TestPlayBeforePublish(t *testing.T) {
	s := serve(t, options{})
	played := make(chan error, 1)
	c := mustDial(t, s.url+"/live/alice")
	go func() { played <- c.Play(t.Context()) }()
	push(t, publish(t, s.url+"/live/alice"), plain(t), 0)
	if err := <-played; err != nil {
		t.Fatal(err)
	}
	readUntil(t, c, isKey)
}

func TestCompositionTimesSurvive(t *testing.T) {
	s := serve(t, options{})
	file := tags(t, clip(t, "2", "-c:v", "libx264", "-preset", "fast", "-bf", "3", "-g", "50", "-c:a", "aac"))
	push(t, publish(t, s.url+"/live/alice"), file, 0)
	c := play(t, s.url+"/live/alice")
	var want, got []string
	for _, tag := range file {
		if tag.Type == flv.TagVideo && tag.Body[1] == packetMedia {
			want = append(want, fmt.Sprint(uint24(tag.Body[2:])))
		}
	}
	for _, m := range readUntil(t, c, same(lastVideo(file))) {
		if m.Type == typeVideo && !isHeader(m) {
			got = append(got, fmt.Sprint(uint24(m.Body[2:])))
		}
	}
	if w, g := strings.Join(want, " "), strings.Join(got, " "); w != g || !strings.Contains(w, "80") {
		t.Errorf("composition times\n%s, want\n%s", g, w)
	}
}

func TestSequenceHeaderChanges(t *testing.T) {
	s := serve(t, options{})
	big := tags(t, clip(t, "1", "-vf", "scale=640:480", "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-ar", "44100"))
	p := publish(t, s.url+"/live/alice")
	player := mustDial(t, s.url+"/live/alice")
	push(t, p, plain(t), 0)
	if err := player.Play(short(t)); err != nil {
		t.Fatal(err)
	}
	push(t, p, big, 3000)
	got := readUntil(t, player, same(lastVideo(big)))
	var order []string
	for _, m := range got {
		switch {
		case m.Type == typeVideo && isHeader(m):
			order = append(order, "video")
		case m.Type == typeAudio && isHeader(m):
			order = append(order, "audio")
		case m.Type == typeData:
			values, _ := decodeAMF(m.Body)
			order = append(order, fmt.Sprint(values[1].(map[string]any)["width"]))
		}
	}
	if text := strings.Join(order, " "); !strings.HasPrefix(text, "320 video audio") || !strings.Contains(text, "640 video") ||
		!strings.HasSuffix(text, "audio") {
		t.Errorf("headers came as %q", text)
	}
}

func TestTimestamps(t *testing.T) {
	for name, offsets := range map[string][]uint32{
		"zero":          {0, 2000},
		"half way":      {1<<31 - 1000, 1<<31 + 1000},
		"wrap":          {0xffffffff - 500, 0xffffffff + 1501 - 1<<32},
		"extended":      {0xffffff - 1000, 0xffffff + 1000},
		"jump forward":  {0, 3_600_000},
		"jump backward": {3_600_000, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, options{})
			p := publish(t, s.url+"/live/alice")
			push(t, p, plain(t), offsets[0])
			player := play(t, s.url+"/live/alice")
			got := readUntil(t, player, same(lastVideo(plain(t))))
			push(t, p, plain(t), offsets[1])
			got = append(got, readUntil(t, player, same(lastVideo(plain(t))))...)
			last := map[byte]uint32{}
			for _, m := range got {
				if m.Type == typeData || isHeader(m) {
					continue
				}
				k := byte(m.Type)
				if was, ok := last[k]; ok && (m.Timestamp < was || m.Timestamp > was+3000) {
					t.Fatalf("type %d went from %d to %d ms", k, was, m.Timestamp)
				}
				last[k] = m.Timestamp
			}
		})
	}
}
