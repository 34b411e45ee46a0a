package mix

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hutong/bridge/audio"
	"hutong/bridge/flv"
	"hutong/bridge/h264"
	"hutong/bridge/stream"
	"hutong/bridge/testmedia"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noCrossings keeps streams in the frame world.
type noCrossings struct{}

type noCrossing struct{}

func (noCrossings) Ingress(*stream.Stream) stream.Crossing              { return noCrossing{} }
func (noCrossings) Egress(*stream.Stream, *stream.Turn) stream.Crossing { return noCrossing{} }
func (noCrossing) Close()                                               {}

// patience is what a loaded machine may take for anything.
const patience = 3 * time.Minute

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	poll(t, 20*time.Millisecond, what, ok)
}

func poll(t *testing.T, every time.Duration, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(every)
	defer tick.Stop()
	deadline := time.After(patience)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("after %v still waiting for %s", patience, what)
		}
	}
}

func testLog(t *testing.T) *slog.Logger {
	if !testing.Verbose() {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, nil)).With("test", t.Name())
}

func newRegistry(t *testing.T) *stream.Registry {
	r := stream.NewRegistry(stream.Options{Linger: time.Millisecond, MaxLag: 3 * time.Second, GOPMaxBytes: 16 << 20, GOPMaxSpan: 15 * time.Second,
		Crossings: noCrossings{}})
	t.Cleanup(r.Close)
	return r
}

func newMixer(t *testing.T, r *stream.Registry, change func(*Options)) *Mixer {
	o := Options{Streams: r, FFmpeg: "ffmpeg", Encoder: EncoderOptions{Preset: "ultrafast"}, Limits: Limits{Memory: 1 << 30}, Log: testLog(t)}
	if change != nil {
		change(&o)
	}
	m := New(o)
	t.Cleanup(m.Close)
	return m
}

// clip is what a publisher sends, round and round.
type clip struct {
	colour        string // of ffmpeg's, "" for no picture
	width, height int
	hz            int // 0 for no sound
	rate          int // of the sound, 48000 if 0
}

const clipLength = 20 * time.Second

var clips sync.Map // of func() (string, error), by clip

// make returns the clip's FLV file: clipLength at 10 pictures a second, a keyframe
// every second.
func (c clip) make(t *testing.T) string {
	t.Helper()
	if c.rate == 0 {
		c.rate = 48000
	}
	f, _ := clips.LoadOrStore(c, sync.OnceValues(c.encode))
	path, err := f.(func() (string, error))()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (c clip) encode() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "hutong-test")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("mix-10-%v-%s-%dx%d-%d-%d.flv", clipLength, c.colour, c.width, c.height, c.hz, c.rate))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	args := []string{"-hide_banner", "-loglevel", "error", "-y"}
	if c.colour != "" {
		args = append(args, "-f", "lavfi", "-i", fmt.Sprintf("color=%s:size=%dx%d:rate=10", c.colour, c.width, c.height))
	}
	if c.hz != 0 {
		args = append(args, "-f", "lavfi", "-i", fmt.Sprintf("sine=frequency=%d:sample_rate=%d,volume=2", c.hz, c.rate))
	}
	temp := fmt.Sprintf("%s.%d", path, os.Getpid())
	args = append(args, "-t", fmt.Sprint(clipLength.Seconds()), "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline",
		"-pix_fmt", "yuv420p", "-g", "10", "-c:a", "aac", "-aac_coder", "fast", "-b:a", "64k", "-ac", "1", "-f", "flv", temp)
	if out, err := exec.Command("ffmpeg", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("making a clip: %w\n%s", err, out)
	}
	return path, os.Rename(temp, path)
}

// media is something to publish.
type media interface{ make(t *testing.T) string }

// film is what testmedia makes, whose pictures and sound can be read.
type film testmedia.Spec

func (f film) make(t *testing.T) string { return testmedia.Clip(t, testmedia.Spec(f), testmedia.FLV) }

// publisher sends a clip in real time.
type publisher struct {
	t    *testing.T
	pub  *stream.Publication
	stop context.CancelFunc
	done chan struct{}

	mu   sync.Mutex
	next []flv.Tag // what to send, anew when it changes
	hold bool
}

func tagsOf(t *testing.T, c media) (tags []flv.Tag) {
	t.Helper()
	f, err := os.Open(c.make(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := flv.NewReader(f, 0)
	for {
		tag, err := r.Next()
		if err == io.EOF {
			return tags
		}
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, tag)
	}
}

func publish(t *testing.T, r *stream.Registry, name string, c media) *publisher {
	t.Helper()
	pub, err := r.Publish(name, stream.PublisherInfo{Protocol: "rtmp", Remote: "test", Origin: stream.FromFrames})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	p := &publisher{t: t, pub: pub, stop: stop, done: make(chan struct{}), next: tagsOf(t, c)}
	go p.run(ctx)
	t.Cleanup(p.leave)
	return p
}

// leave ends the stream.
func (p *publisher) leave() {
	p.stop()
	<-p.done
	p.pub.Close(true)
}

// change sends another clip from now on.
func (p *publisher) change(c media) {
	tags := tagsOf(p.t, c)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = tags
}

// stall stops and resumes the sending, the connection standing.
func (p *publisher) stall(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hold = yes
}

func (p *publisher) run(ctx context.Context) {
	defer close(p.done)
	began := time.Now()
	var base time.Duration
	for {
		p.mu.Lock()
		tags := p.next
		p.mu.Unlock()
		length := clipLength
		for _, tag := range tags {
			if !p.send(ctx, began, base, tag) {
				return
			}
			if p.changed(tags) {
				length = time.Duration(tag.Timestamp) * time.Millisecond
				break
			}
		}
		base += length
	}
}

func (p *publisher) changed(tags []flv.Tag) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return &p.next[0] != &tags[0]
}

func (p *publisher) send(ctx context.Context, began time.Time, base time.Duration, tag flv.Tag) bool {
	at := base + time.Duration(tag.Timestamp)*time.Millisecond
	rest(ctx, time.Until(began.Add(at)))
	for held := true; held && ctx.Err() == nil; {
		p.mu.Lock()
		held = p.hold
		p.mu.Unlock()
		if held {
			rest(ctx, 10*time.Millisecond)
		}
	}
	turn := p.pub.Turn()
	body := append([]byte(nil), tag.Body...)
	switch {
	case len(body) < 2:
	case tag.Type == flv.TagVideo && body[1] == 0:
		if c, err := h264.ParseConfig(body[5:]); err == nil {
			turn.SetVideo(c)
		}
	case tag.Type == flv.TagVideo && body[1] == 1:
		turn.WriteVideo(at, 0, body[0]>>4 == 1, body)
	case tag.Type == flv.TagAudio && body[1] == 0:
		if c, err := audio.ParseConfig(body[2:]); err == nil {
			turn.SetAudio(c)
		}
	case tag.Type == flv.TagAudio:
		turn.WriteAudio(at, body)
	}
	return ctx.Err() == nil
}
