package flv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/h264"
	"hutong/bridge/stream"
)

type noCrossings struct{}

type noCrossing struct{}

func (noCrossings) Ingress(*stream.Stream) stream.Crossing              { return noCrossing{} }
func (noCrossings) Egress(*stream.Stream, *stream.Turn) stream.Crossing { return noCrossing{} }
func (noCrossing) Close()                                               {}

var (
	clipOnce sync.Once
	clipTags []Tag
)

// clip returns two seconds of H.264 and AAC, a keyframe a second.
func clip(t testing.TB) []Tag {
	t.Helper()
	clipOnce.Do(func() {
		file := filepath.Join(t.TempDir(), "clip.flv")
		out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=2",
			"-f", "lavfi", "-i", "sine=sample_rate=48000:duration=2", "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency",
			"-g", "25", "-c:a", "aac", file).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := NewReader(bytes.NewReader(b), 0)
		for {
			tag, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			clipTags = append(clipTags, tag)
		}
	})
	return clipTags
}

// source is a published stream.
type source struct {
	reg  *stream.Registry
	pub  *stream.Publication
	sent atomic.Int64 // bytes that ServeConn told of
	// pushed, if set, is called after each frame of push.
	pushed func(size int)
}

func newSource(t testing.TB) *source { return newPatientSource(t, 5*time.Second) }

// newPatientSource is one whose players may be behind by lag.
func newPatientSource(t testing.TB, lag time.Duration) *source {
	t.Helper()
	reg := stream.NewRegistry(stream.Options{MaxLag: lag, GOPMaxBytes: 64 << 20, GOPMaxSpan: time.Minute,
		Crossings: noCrossings{}})
	pub, err := reg.Publish("live/alice", stream.PublisherInfo{Protocol: "rtmp", Remote: "test", Origin: stream.FromFrames})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(reg.Close)
	return &source{reg: reg, pub: pub}
}

// push writes tags of the kinds given.
func (s *source) push(t testing.TB, offset time.Duration, kinds ...TagType) {
	t.Helper()
	turn := s.pub.Turn()
	for _, tag := range clip(t) {
		ts := time.Duration(tag.Timestamp)*time.Millisecond + offset
		wanted := len(kinds) == 0
		for _, k := range kinds {
			wanted = wanted || k == tag.Type
		}
		switch {
		case !wanted || tag.Type == TagScript || len(tag.Body) < 6:
			if wanted && tag.Type == TagAudio && tag.Body[1] == 0 {
				s.setAudio(t, tag.Body)
			}
		case tag.Type == TagAudio && tag.Body[1] == 0:
			s.setAudio(t, tag.Body)
		case tag.Type == TagAudio:
			turn.WriteAudio(ts, tag.Body)
			s.tell(len(tag.Body))
		case tag.Body[1] == 0:
			c, err := h264.ParseConfig(tag.Body[5:])
			if err != nil {
				t.Fatal(err)
			}
			turn.SetVideo(c)
		case tag.Body[1] == 1:
			turn.WriteVideo(ts, 0, tag.Body[0]>>4 == 1, tag.Body)
			s.tell(len(tag.Body))
		}
	}
}

func (s *source) tell(size int) {
	if s.pushed != nil {
		s.pushed(size)
	}
}

func (s *source) setAudio(t testing.TB, body []byte) {
	t.Helper()
	c, err := audio.ParseConfig(body[2:])
	if err != nil {
		t.Fatal(err)
	}
	s.pub.Turn().SetAudio(c)
}

// connect makes a TCP connection. The test closes its ends.
func connect(t testing.TB) (near, far net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if far, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if near, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	return near, far
}

// serve plays the source to one end of a TCP connection and returns the other.
func (s *source) serve(t testing.TB, ctx context.Context, o Options) (net.Conn, <-chan error) {
	t.Helper()
	near, far := connect(t)
	player, err := s.pub.Stream().Play(stream.FLV)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer player.Close()
		defer near.Close()
		n, err := ServeConn(ctx, near, player, o)
		s.sent.Add(n)
		done <- err
	}()
	t.Cleanup(func() {
		far.Close()
		<-ended
	})
	far.SetDeadline(time.Now().Add(20 * time.Second))
	return far, done
}

func lastVideo(t testing.TB) Tag {
	tags := clip(t)
	for i := len(tags) - 1; ; i-- {
		if tags[i].Type == TagVideo && tags[i].Body[1] == 1 {
			return tags[i]
		}
	}
}

// readUntil reads tags until one with a body.
func readUntil(t testing.TB, r *Reader, last Tag) []Tag {
	t.Helper()
	var out []Tag
	for {
		tag, err := r.Next()
		if err != nil {
			t.Fatalf("after %d tags: %v", len(out), err)
		}
		out = append(out, tag)
		if bytes.Equal(tag.Body, last.Body) {
			return out
		}
	}
}

func wait(t testing.TB, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("ServeConn goes on")
		return nil
	}
}

func TestServeConn(t *testing.T) {
	s := newSource(t)
	s.push(t, 0)
	far, done := s.serve(t, t.Context(), Options{})
	r := NewReader(far, 0)
	got := readUntil(t, r, lastVideo(t))
	if !r.HasVideo || !r.HasAudio {
		t.Error("the header promises not both")
	}
	if got[0].Type != TagScript || got[0].Timestamp != 0 || !bytes.Contains(got[0].Body, []byte("onMetaData")) {
		t.Error("the first tag is not metadata at 0")
	}
	for _, tag := range got {
		if tag.Type == TagVideo && tag.Body[1] == 1 {
			if tag.Body[0]>>4 != 1 {
				t.Error("the first picture is not a keyframe")
			}
			break
		}
	}
	s.push(t, 2*time.Second)
	readUntil(t, r, lastVideo(t))
	s.pub.Close(true)
	if err := wait(t, done); err != nil {
		t.Errorf("after the stream's end: %v", err)
	}
	if told := s.sent.Load(); s.pub.Stream().Stats().BytesOut != told || told == 0 {
		t.Errorf("%d bytes out told, %d counted", told, s.pub.Stream().Stats().BytesOut)
	}
}

func TestHeaderPromisesWhatThereIs(t *testing.T) {
	for _, tc := range []struct {
		kind         TagType
		video, audio bool
	}{{TagVideo, true, false}, {TagAudio, false, true}} {
		s := newSource(t)
		s.push(t, 0, tc.kind)
		far, _ := s.serve(t, t.Context(), Options{})
		r := NewReader(far, 0)
		read := make(chan error, 1)
		go func() {
			_, err := r.Next()
			read <- err
		}()
		// An audio-only stream has no keyframe to begin at: it goes on until heard.
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for offset, heard := 2*time.Second, false; !heard; offset += 2 * time.Second {
			select {
			case err := <-read:
				if err != nil {
					t.Fatal(err)
				}
				heard = true
			case <-tick.C:
				s.push(t, offset, tc.kind)
			}
		}
		if r.HasVideo != tc.video || r.HasAudio != tc.audio {
			t.Errorf("tags %d: the header promises video %v, audio %v", tc.kind, r.HasVideo, r.HasAudio)
		}
	}
}

// TestHeaderWaitsForTheSecondHalf joins a stream whose audio comes a moment after
// its first picture.
func TestHeaderWaitsForTheSecondHalf(t *testing.T) {
	s := newSource(t)
	s.push(t, 0, TagVideo)
	far, _ := s.serve(t, t.Context(), Options{})
	s.push(t, 0, TagAudio)
	r := NewReader(far, 0)
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if !r.HasVideo || !r.HasAudio {
		t.Errorf("the header promises video %v, audio %v", r.HasVideo, r.HasAudio)
	}
}

func TestPeerCloses(t *testing.T) {
	s := newSource(t)
	s.push(t, 0)
	far, done := s.serve(t, t.Context(), Options{})
	readUntil(t, NewReader(far, 0), lastVideo(t))
	far.Close()
	// Nothing is being written: only the watching read can notice.
	if err := wait(t, done); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after the peer closed: %v", err)
	}
}

func TestContextEnds(t *testing.T) {
	s := newSource(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, done := s.serve(t, ctx, Options{})
	cancel()
	if err := wait(t, done); !errors.Is(err, context.Canceled) {
		t.Errorf("after cancel: %v", err)
	}
}

func TestStalledPlayerIsDropped(t *testing.T) {
	s := newSource(t)
	s.push(t, 0)
	far, done := s.serve(t, t.Context(), Options{WriteTimeout: 300 * time.Millisecond})
	far.(*net.TCPConn).SetReadBuffer(4 << 10)
	deadline := time.After(time.Minute)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for offset := 2 * time.Second; ; offset += 2 * time.Second {
		s.push(t, offset)
		select {
		case err := <-done:
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the stalled player was dropped for %v", err)
			}
			return
		case <-deadline:
			t.Fatal("the stalled player was never dropped")
		case <-tick.C:
		}
	}
}

func TestFFprobeReadsIt(t *testing.T) {
	s := newSource(t)
	s.push(t, 0)
	far, _ := s.serve(t, t.Context(), Options{Merge: 20 * time.Millisecond})
	var file bytes.Buffer
	r := NewReader(io.TeeReader(far, &file), 0)
	readUntil(t, r, lastVideo(t))
	s.push(t, 2*time.Second)
	readUntil(t, r, lastVideo(t))
	cmd := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height,sample_rate,channels",
		"-of", "compact=p=0", "-f", "flv", "-")
	cmd.Stdin = &file
	out, err := cmd.CombinedOutput()
	if want := "codec_name=h264|width=320|height=240\ncodec_name=aac|sample_rate=48000|channels=1"; err != nil ||
		strings.TrimSpace(string(out)) != want {
		t.Errorf("%v: ffprobe says\n%s", err, out)
	}
}

func TestBlockWriterWithoutTCP(t *testing.T) {
	near, far := net.Pipe()
	w := NewBlockWriter(near, nil, time.Second)
	var want []byte
	var blocks [][]byte
	for i := range 40 {
		b := bytes.Repeat([]byte{byte(i)}, i*100)
		blocks, want = append(blocks, b), append(want, b...)
	}
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(far)
		got <- b
	}()
	if n, err := w.WriteBlocks(blocks); err != nil || n != int64(len(want)) {
		t.Errorf("%d bytes, %v", n, err)
	}
	near.Close()
	if !bytes.Equal(<-got, want) {
		t.Error("what arrived is not what was written")
	}
}
