package record

import (
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

var phone = testmedia.Spec{ToneHz: 440}

func TestOneStream(t *testing.T) {
	rig := newRig(t, time.Second)
	rig.push(t, "alice", phone)
	rec := rig.record(t, Options{}, "alice")
	written(t, rec, "alice", 5*time.Second)
	m := finish(t, rec)
	if len(m.Files) != 1 || len(m.Gaps) != 0 || !m.Complete {
		t.Fatalf("the manifest is %+v", m)
	}
	f := m.Files[0]
	media := play(t, rec.Dir(), f)
	advance(t, media.Pictures, phone)
	requireHz(t, media.Sound, 440)
	if j := media.Sound.Jumps(5 * time.Millisecond); len(j) > 0 {
		t.Errorf("the sound jumps at %v", j)
	}
	if f.Video == nil || f.Video.Width != 640 || f.Audio == nil || f.Audio.SampleRate != 48000 || f.UserID != "alice" {
		t.Errorf("the file is described as %+v", f)
	}
	length, err := strconv.ParseFloat(ffprobe(t, filepath.Join(rec.Dir(), f.Name), "format=duration"), 64)
	if err != nil || length < 5 || length*1000-float64(f.DurationMS) > 100 || float64(f.DurationMS)-length*1000 > 100 {
		t.Errorf("ffprobe says %v seconds (%v), the manifest %d ms", length, err, f.DurationMS)
	}
	if d := time.Since(f.End()); d < 0 || d > 10*time.Second {
		t.Errorf("the file ends at %v, %v ago", f.End(), d)
	}
}

// A player may jump into the midst: the index says where keyframes are.
func TestSeek(t *testing.T) {
	rig := newRig(t, time.Second)
	rig.push(t, "alice", phone)
	rec := rig.record(t, Options{}, "alice")
	written(t, rec, "alice", 6*time.Second)
	m := finish(t, rec)
	out := ffprobe(t, filepath.Join(rec.Dir(), m.Files[0].Name)+"", "format=nb_streams")
	if out != "2" {
		t.Fatalf("%s streams", out)
	}
	cut := filepath.Join(t.TempDir(), "cut.mp4")
	p := testmedia.Start(t, "ffmpeg", "-v", "error", "-ss", "4.2", "-i", filepath.Join(rec.Dir(), m.Files[0].Name), "-t", "1", "-c:v", "libx264", cut)
	if err := p.Wait(30 * time.Second); err != nil {
		t.Fatal(err)
	}
	whole := play(t, rec.Dir(), m.Files[0])
	part := testmedia.Decode(t, cut)
	for _, p := range whole.Pictures {
		if p.PTS >= 4200*time.Millisecond-time.Millisecond {
			if part.Pictures[0].Counter != p.Counter {
				t.Errorf("4.2 s in is picture %d, want %d", part.Pictures[0].Counter, p.Counter)
			}
			break
		}
	}
}

// Files follow one another without a lost picture or a lost sound.
func TestSplit(t *testing.T) {
	rig := newRig(t, time.Second)
	rig.push(t, "alice", phone)
	rec := rig.record(t, Options{SplitAfter: 2 * time.Second}, "alice")
	written(t, rec, "alice", 7*time.Second)
	m := finish(t, rec)
	if len(m.Files) < 3 || len(m.Gaps) != 0 {
		t.Fatalf("%d files, gaps %+v", len(m.Files), m.Gaps)
	}
	var all []testmedia.Picture
	for i, f := range m.Files {
		media := play(t, rec.Dir(), f)
		if !media.Pictures[0].Key {
			t.Errorf("%s does not begin with a keyframe", f.Name)
		}
		all = append(all, media.Pictures...)
		if i == 0 {
			continue
		}
		before := m.Files[i-1]
		if d := f.StartedAt.Sub(before.End()); d > 60*time.Millisecond || d < -60*time.Millisecond {
			t.Errorf("%s begins %v after the end of %s", f.Name, d, before.Name)
		}
	}
	advance(t, all, phone)
}

// A phone changes the size of its picture; every file decodes.
func TestResolutionChange(t *testing.T) {
	rig := newRig(t, time.Second)
	small := testmedia.Spec{Width: 320, Height: 240, ToneHz: 440, FirstCounter: 5000, Duration: 4 * time.Second}
	large := testmedia.Spec{ToneHz: 440, Duration: 4 * time.Second}
	clip := testmedia.Splice(t, testmedia.Clip(t, large, testmedia.FLV), testmedia.Clip(t, small, testmedia.FLV))
	testmedia.Push(t, clip, rig.url+"alice")
	rec := rig.record(t, Options{}, "alice")
	testmedia.Eventually(t, time.Minute, "both sizes", func() bool {
		paths := files(t, rec.Dir(), "alice")
		return len(paths) >= 2 && probeLength(paths[1]) > 2*time.Second
	})
	m := finish(t, rec)
	sizes := map[int]bool{}
	for _, f := range m.Files {
		media := play(t, rec.Dir(), f)
		for _, p := range media.Pictures {
			if p.Damaged() || p.Width != f.Video.Width {
				t.Fatalf("%s has a picture %+v", f.Name, p)
			}
		}
		sizes[f.Video.Width] = true
	}
	if !sizes[320] || !sizes[640] || len(m.Gaps) > 0 {
		t.Errorf("sizes %v, gaps %+v", sizes, m.Gaps)
	}
}

// The publisher is killed and comes back: both parts play, and the gap is told.
func TestReconnect(t *testing.T) {
	rig := newRig(t, 20*time.Second)
	first := rig.push(t, "alice", phone)
	rec := rig.record(t, Options{}, "alice")
	written(t, rec, "alice", 3*time.Second)
	first.Kill()
	testmedia.Eventually(t, 30*time.Second, "the publisher to be gone", func() bool { return !rig.streams.Get("live/alice").Stats().Live })
	gone := time.Now()
	testmedia.Eventually(t, 10*time.Second, "a while", func() bool { return time.Since(gone) > 4*time.Second })
	rig.push(t, "alice", testmedia.Spec{ToneHz: 660, FirstCounter: 10000})
	testmedia.Eventually(t, time.Minute, "the second part", func() bool {
		paths := files(t, rec.Dir(), "alice")
		return len(paths) >= 2 && probeLength(paths[1]) > 3*time.Second
	})
	m := finish(t, rec)
	if len(m.Files) != 2 || len(m.Gaps) != 1 || m.Gaps[0].Reason != GapNoPublisher {
		t.Fatalf("files %+v, gaps %+v", m.Files, m.Gaps)
	}
	if d := m.Gaps[0].To.Sub(m.Gaps[0].From); d < 3*time.Second || d > 20*time.Second {
		t.Errorf("the gap is %v long", d)
	}
	requireHz(t, play(t, rec.Dir(), m.Files[0]).Sound, 440)
	requireHz(t, play(t, rec.Dir(), m.Files[1]).Sound, 660)
}

// Nothing of a pause is on the disk, and the gap is told.
func TestPause(t *testing.T) {
	rig := newRig(t, time.Second)
	rig.push(t, "alice", testmedia.Spec{ToneHz: 440, Duration: 60 * time.Second})
	rec := rig.record(t, Options{}, "alice")
	written(t, rec, "alice", 3*time.Second)
	s := rig.streams.Get("live/alice")
	count := func() int64 { return s.Stats().Frames[0] }
	paused := time.Now()
	if err := rec.Pause("agent7"); err != nil {
		t.Fatal(err)
	}
	before := count()
	testmedia.Eventually(t, 30*time.Second, "pictures to pass", func() bool { return count() > before+100 })
	resumed := time.Now()
	if err := rec.Resume("agent7"); err != nil {
		t.Fatal(err)
	}
	testmedia.Eventually(t, time.Minute, "the second part", func() bool {
		paths := files(t, rec.Dir(), "alice")
		return len(paths) >= 2 && probeLength(paths[1]) > 4*time.Second
	})
	m := finish(t, rec)
	if len(m.Files) != 2 || len(m.Gaps) != 1 || m.Gaps[0].Reason != GapPaused || len(m.Pauses) != 1 || m.Pauses[0].By != "agent7" {
		t.Fatalf("files %+v, gaps %+v, pauses %+v", m.Files, m.Gaps, m.Pauses)
	}
	a, b := play(t, rec.Dir(), m.Files[0]), play(t, rec.Dir(), m.Files[1])
	if skipped := b.Pictures[0].Counter - a.Pictures[len(a.Pictures)-1].Counter; skipped < 100 {
		t.Errorf("only %d pictures are left out", skipped)
	}
	const slack = 60 * time.Millisecond // of the two clocks
	if m.Files[0].End().After(paused.Add(slack)) || m.Files[1].StartedAt.Before(resumed.Add(-slack)) {
		t.Errorf("recorded until %v and from %v, paused from %v to %v", m.Files[0].End(), m.Files[1].StartedAt, paused, resumed)
	}
}

// A disk that stands still for longer than a recorder waits costs frames of the
// recording, none of the stream, and both the recorder and the manifest say so.
func TestBehind(t *testing.T) {
	rig := newRig(t, time.Second)
	rig.push(t, "alice", testmedia.Spec{ToneHz: 440, Duration: 60 * time.Second})
	var stands sync.Mutex
	var dropped atomic.Int64
	rec := rig.record(t, Options{MaxLag: time.Second, Space: func() error { stands.Lock(); defer stands.Unlock(); return nil },
		OnDrop: func(n int) { dropped.Add(int64(n)) }}, "alice")
	written(t, rec, "alice", 3*time.Second)
	s := rig.streams.Get("live/alice")
	stands.Lock()
	before := s.Stats().Frames[0]
	testmedia.Eventually(t, 30*time.Second, "pictures to pass", func() bool { return s.Stats().Frames[0] > before+150 })
	stands.Unlock()
	testmedia.Eventually(t, time.Minute, "it to go on", func() bool {
		paths := files(t, rec.Dir(), "alice")
		return len(paths) == 2 && probeLength(paths[1]) > 3*time.Second
	})
	m := finish(t, rec)
	if len(m.Gaps) != 1 || m.Gaps[0].Reason != GapBehind || m.Gaps[0].To.Sub(m.Gaps[0].From) < 2*time.Second || len(m.Files) != 2 {
		t.Fatalf("files %+v, gaps %+v", m.Files, m.Gaps)
	}
	if n := dropped.Load(); n < 60 || m.Files[0].Dropped+m.Files[1].Dropped != int(n) {
		t.Errorf("%d frames are told lost, the manifest has %d and %d", n, m.Files[0].Dropped, m.Files[1].Dropped)
	}
	for _, f := range m.Files {
		advance(t, play(t, rec.Dir(), f).Pictures, testmedia.Spec{Duration: 60 * time.Second, FPS: 30})
	}
}

func TestAudioOnlyAndVideoOnly(t *testing.T) {
	rig := newRig(t, time.Second)
	rig.push(t, "sound", testmedia.Spec{ToneHz: 330, NoVideo: true})
	rig.push(t, "picture", testmedia.Spec{NoAudio: true})
	rec := rig.record(t, Options{}, "sound", "picture")
	written(t, rec, "sound", 3*time.Second)
	written(t, rec, "picture", 3*time.Second)
	m := finish(t, rec)
	for _, f := range m.Files {
		media := play(t, rec.Dir(), f)
		switch f.UserID {
		case "sound":
			requireHz(t, media.Sound, 330)
		case "picture":
			advance(t, media.Pictures, testmedia.Spec{NoAudio: true})
		}
	}
	if len(m.Files) != 2 {
		t.Errorf("files %+v", m.Files)
	}
}

// Flash and beep are together in the file as they were in the clip.
func TestLipSync(t *testing.T) {
	rig := newRig(t, time.Second)
	rig.push(t, "alice", testmedia.Spec{FlashBeep: true})
	rec := rig.record(t, Options{}, "alice")
	written(t, rec, "alice", 7*time.Second)
	m := finish(t, rec)
	offsets := play(t, rec.Dir(), m.Files[0]).LipSync()
	if len(offsets) < 3 {
		t.Fatalf("%d flashes", len(offsets))
	}
	if d := testmedia.Median(offsets); d > 40*time.Millisecond || d < -40*time.Millisecond {
		t.Errorf("the beep is %v after the flash", d)
	}
}

// Two publishers send the same at the same time, one of whom was there before:
// on the recording's clock each picture is at the same instant.
func TestSidesLineUp(t *testing.T) {
	rig := newRig(t, time.Second)
	clip := testmedia.Clip(t, testmedia.Spec{ToneHz: 440, Duration: 30 * time.Second}, testmedia.FLV)
	testmedia.Start(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning", "-re", "-stream_loop", "-1", "-i", clip, "-c", "copy",
		"-map", "0", "-f", "tee", "[f=flv]"+rig.url+"a|[f=flv]"+rig.url+"b")
	rec := rig.record(t, Options{SplitAfter: 3 * time.Second}, "a")
	written(t, rec, "a", 3*time.Second)
	if err := rec.Attach(rig.wait(t, "b"), Who{UserID: "b"}); err != nil {
		t.Fatal(err)
	}
	written(t, rec, "b", 5*time.Second)
	m := finish(t, rec)
	at := map[string]map[int]time.Time{"a": {}, "b": {}}
	for _, f := range m.Files {
		for _, p := range play(t, rec.Dir(), f).Pictures {
			at[f.UserID][p.Counter] = f.StartedAt.Add(p.PTS)
		}
	}
	var off []time.Duration
	for n, b := range at["b"] {
		if a, ok := at["a"][n]; ok {
			off = append(off, b.Sub(a))
		}
	}
	if len(off) < 60 {
		t.Fatalf("%d pictures are on both sides", len(off))
	}
	for _, d := range off {
		if d > 40*time.Millisecond || d < -40*time.Millisecond {
			t.Fatalf("the sides are %v apart", d)
		}
	}
	t.Logf("the sides are %v apart in the median, over %d pictures", testmedia.Median(off), len(off))
}

func TestTampering(t *testing.T) {
	rig := newRig(t, time.Second)
	rig.push(t, "alice", phone)
	parent := t.TempDir()
	ledger, err := OpenLedger(parent, rig.key)
	if err != nil {
		t.Fatal(err)
	}
	defer ledger.Close()
	rec, err := Create(filepath.Join(parent, "rec1"), Meta{RecordingID: "rec1"}, Options{Key: rig.key, Ledger: ledger, SplitAfter: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := rec.Attach(rig.wait(t, "alice"), Who{}); err != nil {
		t.Fatal(err)
	}
	written(t, rec, "alice", 5*time.Second)
	m := finish(t, rec)
	path := filepath.Join(rec.Dir(), m.Files[0].Name)
	manifest := filepath.Join(rec.Dir(), ManifestName)
	spoil := func(path string, change func([]byte) []byte) func() {
		old, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if next := change(append([]byte{}, old...)); next == nil {
			os.Remove(path)
		} else {
			os.WriteFile(path, next, 0o600)
		}
		return func() { os.WriteFile(path, old, 0o600) }
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	for name, test := range map[string]func() func(){
		"a byte of a file": func() func() { return spoil(path, flip) },
		"a file gone":      func() func() { return spoil(path, func([]byte) []byte { return nil }) },
		"a byte of the manifest": func() func() {
			return spoil(manifest, func(b []byte) []byte {
				for i := range b {
					if string(b[i:i+8]) == "duration" {
						b[i+12]++
						return b
					}
				}
				return b
			})
		},
		"a byte of the journal": func() func() { return spoil(filepath.Join(rec.Dir(), JournalName), flip) },
		"a byte of the ledger":  func() func() { return spoil(filepath.Join(parent, LedgerName), flip) },
		"the ledger emptied": func() func() {
			return spoil(filepath.Join(parent, LedgerName), func([]byte) []byte { return []byte{} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer test()()
			if r, err := Verify(manifest); err == nil && len(r.Problems) == 0 {
				t.Error("nobody notices")
			}
		})
	}
	requireTrue(t, rec.Dir())
	other, err := LoadKey(filepath.Join(t.TempDir(), "key"), true)
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Sign(other)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := ParseManifest(b, keyOf(rig.key)); err == nil {
		t.Error("a manifest signed with another key is trusted")
	}
	if n, problems, err := VerifyLedger(filepath.Join(parent, LedgerName)); n != 1 || len(problems) > 0 || err != nil {
		t.Errorf("the ledger has %d recordings, %v, %v", n, problems, err)
	}
	os.Rename(rec.Dir(), filepath.Join(parent, "hidden"))
	if _, problems, _ := VerifyLedger(filepath.Join(parent, LedgerName)); len(problems) != 1 {
		t.Error("nobody misses a recording")
	}
}
