package record

import (
	"path/filepath"
	"testing"
	"time"

	"hutong/bridge/stream"
	"hutong/bridge/testmedia"
)

// Sound that belongs before a file's first picture, and comes behind it as a
// transcoder lets it, is not moved to the picture, and neither is what follows.
func TestSoundBehindTheFirstPicture(t *testing.T) {
	rig := newRig(t, time.Second)
	rig.push(t, "alice", testmedia.Spec{GOP: 30})
	player, err := rig.wait(t, "alice").Play(stream.Recorder)
	if err != nil {
		t.Fatal(err)
	}
	defer player.Close()
	reader := player.Reader(stream.ReaderOptions{MaxLag: time.Minute})
	var video, sound []*stream.Frame
	testmedia.Eventually(t, time.Minute, "three seconds of media", func() bool {
		batch, err := reader.Next(t.Context(), nil)
		for _, f := range batch {
			switch {
			case f.Config:
			case f.Kind == stream.Audio:
				sound = append(sound, f)
			default:
				video = append(video, f)
			}
		}
		return err == nil && len(video) > 90
	})
	first := 1
	for !video[first].Key {
		first++
	}
	base := video[first].DTS
	path := filepath.Join(t.TempDir(), "late.mp4")
	seg, err := newSegment(path, video[first].Tracks, base, time.Now(), 0)
	if err != nil {
		t.Fatal(err)
	}
	write := func(frames []*stream.Frame) {
		t.Helper()
		for _, f := range frames {
			if err := seg.write(f, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(video[first : first+1])
	begins := time.Duration(-1)
	for i, f := range sound {
		if f.DTS < base-100*time.Millisecond {
			continue
		}
		write(sound[i : i+1])
		if begins < 0 && f.DTS >= base-15*time.Millisecond {
			begins = f.DTS - base
		}
	}
	write(video[first+1:])
	seg.over()
	if _, err := seg.close(); err != nil {
		t.Fatal(err)
	}
	s, err := openScan(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, track := range s.tracks {
		if got := track.duration(track.begin); !track.video && (got-begins).Abs() > 12*time.Millisecond {
			t.Errorf("sound begins at %v, it belongs at %v", got, begins)
		}
	}
	beeps := testmedia.Decode(t, path).Sound
	if late := beeps.Time(beeps.Len()-1) - (sound[len(sound)-1].DTS - base); late.Abs() > 30*time.Millisecond {
		t.Errorf("the last sound is %v from its place", late)
	}
}
