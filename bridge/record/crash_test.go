package record

import (
	"bufio"
	"bytes"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/flv"
	"hutong/bridge/h264"
	"hutong/bridge/stream"
	"hutong/bridge/testmedia"
)

// crashDir is the variable that makes the test binary a process that records until
// it is killed; crashClip is what it records.
const (
	crashDir  = "HUTONG_TEST_CRASH_DIR"
	crashClip = "HUTONG_TEST_CRASH_CLIP"
)

func recordUntilKilled(dir string) {
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	key, err := LoadKey(filepath.Join(dir, "key"), true)
	if err != nil {
		fail(err)
	}
	rec, err := Create(filepath.Join(dir, "rec1"), Meta{RecordingID: "rec1"}, Options{Key: key, SplitAfter: 2 * time.Second})
	if err != nil {
		fail(err)
	}
	streams := stream.NewRegistry(stream.Options{Crossings: noCrossings{}, GOPMaxBytes: 16 << 20, GOPMaxSpan: 15 * time.Second, MaxLag: 3 * time.Second})
	for _, name := range []string{"live/a", "live/b"} {
		p, err := streams.Publish(name, stream.PublisherInfo{Protocol: "rtmp", Origin: stream.FromFrames})
		if err != nil {
			fail(err)
		}
		if err := rec.Attach(p.Stream(), Who{UserID: name}); err != nil {
			fail(err)
		}
		go func() {
			if err := feed(p, os.Getenv(crashClip), func(at time.Duration) { fmt.Printf("%s %d\n", name, at.Milliseconds()) }); err != nil {
				fail(err)
			}
		}()
	}
	select {}
}

// feed publishes a clip in real time. done is told the media time of each tag.
func feed(p *stream.Publication, clip string, done func(time.Duration)) error {
	b, err := os.ReadFile(clip)
	if err != nil {
		return err
	}
	r := flv.NewReader(bytes.NewReader(b), 0)
	began := time.Now()
	for {
		tag, err := r.Next()
		if err != nil {
			return err
		}
		at := time.Duration(tag.Timestamp) * time.Millisecond
		time.Sleep(time.Until(began.Add(at)))
		switch {
		case tag.Type == flv.TagVideo && tag.Body[1] == 0:
			c, err := h264.ParseConfig(tag.Body[stream.VideoHeaderSize:])
			if err != nil {
				return err
			}
			p.Turn().SetVideo(c)
		case tag.Type == flv.TagVideo && tag.Body[1] == 1:
			p.Turn().WriteVideo(at, 0, tag.Body[0]>>4 == 1, tag.Body)
		case tag.Type == flv.TagAudio && tag.Body[1] == 0:
			c, err := audio.ParseConfig(tag.Body[stream.AudioHeaderSize:])
			if err != nil {
				return err
			}
			p.Turn().SetAudio(c)
		case tag.Type == flv.TagAudio:
			p.Turn().WriteAudio(at, tag.Body)
		}
		done(at)
	}
}

// The recorder is killed twenty times at any moment. Every file plays as it was
// left; after it is taken up, at most a second is missing, and the manifest is
// true.
func TestKilled(t *testing.T) {
	clip := testmedia.Clip(t, testmedia.Spec{Width: 160, Height: 120, ToneHz: 440, Duration: 20 * time.Second}, testmedia.FLV)
	random := rand.New(rand.NewPCG(1, 2))
	var worst time.Duration
	for round := range 20 {
		dir := t.TempDir()
		fed := runAndKill(t, dir, clip, time.Second+time.Duration(random.Int64N(int64(4*time.Second))))
		left, err := filepath.Glob(filepath.Join(dir, "rec1", "*.mp4"))
		if err != nil || len(left) < 2 {
			t.Fatalf("round %d: %d files (%v)", round, len(left), err)
		}
		for _, path := range left {
			requirePlays(t, path)
		}
		rec := takeUp(t, dir)
		m := finish(t, rec)
		if len(m.Recoveries) != 1 {
			t.Errorf("round %d: %d recoveries", round, len(m.Recoveries))
		}
		for name, until := range fed {
			var end time.Duration
			var first time.Time
			for _, f := range m.Files {
				if f.Stream != name {
					continue
				}
				if first.IsZero() {
					first = f.StartedAt
				}
				end = max(end, f.End().Sub(first))
				if f.Recovered && len(play(t, rec.Dir(), f).Pictures) == 0 {
					t.Errorf("round %d: %s shows nothing", round, f.Name)
				}
			}
			worst = max(worst, until-end)
			if until-end > time.Second {
				t.Errorf("round %d: %s was fed up to %v and is recorded up to %v", round, name, until, end)
			}
		}
	}
	t.Logf("%v were missing at worst", worst)
}

func runAndKill(t *testing.T, dir, clip string, after time.Duration) map[string]time.Duration {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir, crashClip+"="+clip)
	var said bytes.Buffer
	child.Stderr = &said
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	fed := map[string]time.Duration{}
	killed := false
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var name string
		var ms int64
		if _, err := fmt.Sscan(lines.Text(), &name, &ms); err != nil {
			continue // the line that it was killed in
		}
		fed[name] = time.Duration(ms) * time.Millisecond
		if !killed && fed[name] >= after {
			killed = true
			child.Process.Kill()
		}
	}
	if child.Wait(); !killed {
		t.Fatalf("the recorder ended by itself:\n%s", said.String())
	}
	return fed
}

// requirePlays decodes a file that a crash has left, up to where it ends.
func requirePlays(t *testing.T, path string) {
	t.Helper()
	s, err := openScan(path)
	if err != nil || s.fragments == 0 {
		return // killed before its first fragment
	}
	out, err := exec.Command("ffprobe", "-v", "fatal", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", path).CombinedOutput()
	if err != nil || !strings.ContainsAny(string(out), "123456789") {
		t.Errorf("%s does not play: %v\n%s", filepath.Base(path), err, out)
	}
}

func takeUp(t *testing.T, dir string) *Recording {
	t.Helper()
	key, err := LoadKey(filepath.Join(dir, "key"), false)
	if err != nil {
		t.Fatal(err)
	}
	rec, _, err := Recover(filepath.Join(dir, "rec1"), Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return rec
}

// A file may end anywhere: whatever is cut off, the rest plays, and what the index
// was to be does not matter.
func TestTorn(t *testing.T) {
	rig := newRig(t, time.Second)
	rig.push(t, "alice", testmedia.Spec{Width: 160, Height: 120})
	rec := rig.record(t, Options{}, "alice")
	written(t, rec, "alice", 3*time.Second)
	m := finish(t, rec)
	whole, err := os.ReadFile(filepath.Join(rec.Dir(), m.Files[0].Name))
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	for range 15 {
		path := filepath.Join(t.TempDir(), "torn.mp4")
		cut := random.IntN(len(whole))
		torn := append([]byte{}, whole[:cut]...)
		for i := 0; i < 4096 && len(torn) > 20000; i++ {
			torn[1500+i] = 0 // a power cut in the midst of the index
		}
		if err := os.WriteFile(path, torn, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := mendFile(path, m.Files[0])
		if err != nil {
			continue // nothing whole was left
		}
		s, err := openScan(path)
		if err != nil || s.whole != s.size || f.DurationMS != s.reach().Milliseconds() || f.DurationMS > m.Files[0].DurationMS {
			t.Fatalf("cut at %d: %+v, %v, %+v", cut, s, err, f)
		}
		if len(testmedia.Decode(t, path).Pictures) == 0 {
			t.Errorf("cut at %d: no pictures", cut)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add(append(freeBox(16), prft(1, 2, time.Now())...))
	f.Add([]byte("\x00\x00\x00\x08moov"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "f.mp4")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := mendFile(path, File{})
		if err == nil && file.SHA256 == "" {
			t.Error("a file without a hash")
		}
	})
}

func FuzzManifest(f *testing.F) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		f.Fatal(err)
	}
	b, err := Manifest{Version: 1}.Sign(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) { ParseManifest(b, keyOf(key)) })
}
