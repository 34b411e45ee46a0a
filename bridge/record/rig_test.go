package record

import (
	"context"
	"crypto/ed25519"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hutong/bridge/rtmp"
	"hutong/bridge/stream"
	"hutong/bridge/testmedia"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		recordUntilKilled(dir)
	}
	goleak.VerifyTestMain(m)
}

type noCrossings struct{}

type noCrossing struct{}

func (noCrossings) Ingress(*stream.Stream) stream.Crossing              { return noCrossing{} }
func (noCrossings) Egress(*stream.Stream, *stream.Turn) stream.Crossing { return noCrossing{} }
func (noCrossing) Close()                                               {}

// rig is an RTMP server to publish to, and a key.
type rig struct {
	streams *stream.Registry
	url     string
	key     ed25519.PrivateKey
}

func newRig(t testing.TB, grace time.Duration) *rig {
	t.Helper()
	r := &rig{streams: stream.NewRegistry(stream.Options{Crossings: noCrossings{}, GOPMaxBytes: 16 << 20, GOPMaxSpan: 15 * time.Second,
		MaxLag: 3 * time.Second, Grace: grace})}
	server, err := rtmp.Listen(rtmp.Config{Address: "127.0.0.1:0", MaxConnections: 100, MaxConnectionsPerIP: 100,
		ReadTimeout: 30 * time.Second, WriteTimeout: 10 * time.Second, MaxMessage: 4 << 20, Registry: r.streams,
		Authorize: func(context.Context, rtmp.Request) (string, error) { return "", nil }})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); server.Serve() }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		r.streams.Close()
		server.Shutdown(ctx)
		<-done
	})
	r.url = "rtmp://" + server.Addr().String() + "/live/"
	if _, r.key, err = ed25519.GenerateKey(nil); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *rig) push(t testing.TB, name string, spec testmedia.Spec) *testmedia.Process {
	t.Helper()
	p := testmedia.Push(t, testmedia.Clip(t, spec, testmedia.FLV), r.url+name)
	r.wait(t, name)
	return p
}

func (r *rig) wait(t testing.TB, name string) *stream.Stream {
	t.Helper()
	var s *stream.Stream
	testmedia.Eventually(t, 30*time.Second, name+" to be live", func() bool {
		s = r.streams.Get("live/" + name)
		return s != nil && s.Tracks() != nil
	})
	return s
}

func (r *rig) record(t testing.TB, o Options, streams ...string) *Recording {
	t.Helper()
	o.Key = r.key
	rec, err := Create(filepath.Join(t.TempDir(), "rec1"), Meta{RecordingID: "rec1", RoomID: "room"}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range streams {
		if err := rec.Attach(r.wait(t, s), Who{UserID: s}); err != nil {
			t.Fatal(err)
		}
	}
	return rec
}

// written waits until a stream has so much media in files that are whole or open.
func written(t testing.TB, rec *Recording, stream string, length time.Duration) {
	t.Helper()
	testmedia.Eventually(t, time.Minute, stream+" to be recorded", func() bool {
		var sum time.Duration
		for _, p := range files(t, rec.Dir(), stream) {
			sum += probeLength(p)
		}
		return sum >= length
	})
}

func files(t testing.TB, dir, stream string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*-live_"+stream+".mp4"))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func probeLength(path string) time.Duration {
	f, err := openScan(path)
	if err != nil {
		return 0
	}
	return f.reach()
}

func finish(t testing.TB, rec *Recording) Manifest {
	t.Helper()
	m, err := rec.Finish()
	if err != nil {
		t.Fatal(err)
	}
	requireTrue(t, rec.Dir())
	return m
}

// requireTrue verifies the manifest.
func requireTrue(t testing.TB, dir string) Report {
	t.Helper()
	report, err := Verify(filepath.Join(dir, ManifestName))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range report.Problems {
		t.Errorf("the manifest is not true: %s", p)
	}
	return report
}

// play decodes a file, which has to be free of errors.
func play(t testing.TB, dir string, f File) *testmedia.Media {
	t.Helper()
	m := testmedia.Decode(t, filepath.Join(dir, f.Name))
	if m.Errors != "" {
		t.Errorf("%s: the decoder complains:\n%.1000s", f.Name, m.Errors)
	}
	return m
}

// advance requires pictures without a hole, but for what the end of a looped clip
// leaves.
func advance(t testing.TB, pictures []testmedia.Picture, spec testmedia.Spec) {
	t.Helper()
	for i, p := range pictures {
		if p.Damaged() {
			t.Fatalf("picture %d is damaged", i)
		}
		if i > 0 {
			if step := (p.Counter - pictures[i-1].Counter + spec.Frames()) % spec.Frames(); step != 1 {
				t.Fatalf("picture %d follows %d with %d", i, pictures[i-1].Counter, p.Counter)
			}
		}
	}
}

func requireHz(t testing.TB, s *testmedia.Sound, hz float64) {
	t.Helper()
	if s == nil {
		t.Fatal("there is no sound")
	}
	if tone := testmedia.MeasureTone(s.Slice(0, time.Second, 2*time.Second), s.Rate); math.Abs(tone.Hz-hz) > 2 || tone.Residual > -25 {
		t.Errorf("the sound is %+v, want %v Hz", tone, hz)
	}
}

func ffprobe(t testing.TB, path, what string) string {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", what, "-of", "csv=p=0", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe %s: %v\n%s", path, err, out)
	}
	return strings.TrimSpace(string(out))
}
