package recording

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"hutong/bridge/record"
	"hutong/bridge/testmedia"
	"hutong/gateway/config"
)

// smallDisk is a file system of its own.
// It wants root.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("a small disk: %v (the tests of full disks run as root)", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A disk that fills up is told early, refuses, and goes on when there is room; the
// manifest has the gap, and everything that was written plays.
func TestFullDiskRefuses(t *testing.T) {
	h := newHooks(t)
	dir := smallDisk(t, "24m")
	n := newNode(t, func(c *config.Recording) {
		c.Directory = dir
		c.Disk = config.RecordingDisk{AlarmFree: 16 * config.MiB, MinFree: 8 * config.MiB, WhenFull: config.DiskRefuse}
		c.Webhooks = []config.Webhook{{URL: h.url, Secret: "0123456789abcdef"}}
	})
	n.push("live/cam", phone)
	i, _, err := n.s.Start(t.Context(), Order{Stream: "live/cam"})
	if err != nil {
		t.Fatal(err)
	}
	n.recorded(i.RecordingID, "live/cam", 2*time.Second)
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, bytes.Repeat([]byte{1}, 10<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	testmedia.Eventually(t, 20*time.Second, "the alarm", func() bool { return n.s.Status().Low && h.count("recording_disk") == 1 })
	if n.s.Status().Full {
		t.Fatal("full already")
	}
	if err := os.WriteFile(ballast, bytes.Repeat([]byte{1}, 18<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	testmedia.Eventually(t, 20*time.Second, "it to be full", func() bool { return n.s.Status().Full })
	testmedia.Eventually(t, 20*time.Second, "the index to say so", func() bool { i, _ := n.s.index.get(i.RecordingID); return i.Trouble != "" })
	if _, _, err := n.s.Start(t.Context(), Order{Stream: "live/cam", Mixed: true}); err == nil {
		t.Error("a new recording is begun on a full disk")
	}
	n.recorded(i.RecordingID, "live/cam", time.Second)
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	testmedia.Eventually(t, 20*time.Second, "room", func() bool { return !n.s.Status().Full })
	n.recorded(i.RecordingID, "live/cam", 6*time.Second)
	if i, err = n.s.Stop(t.Context(), i.RecordingID, ""); err != nil {
		t.Fatal(err)
	}
	m, err := n.s.Manifest(t.Context(), i)
	if err != nil || len(m.Files) < 2 || len(m.Gaps) != 1 || m.Gaps[0].Reason != record.GapDisk {
		t.Fatalf("files %+v, gaps %+v, %v", m.Files, m.Gaps, err)
	}
	for _, f := range m.Files {
		if media := testmedia.Decode(t, filepath.Join(dir, i.RecordingID, f.Name)); len(media.Pictures) == 0 || media.Errors != "" {
			t.Errorf("%s: %d pictures, %s", f.Name, len(media.Pictures), media.Errors)
		}
	}
	if v, err := n.s.Verify(t.Context(), i); err != nil || !v.Verified {
		t.Errorf("%+v, %v", v, err)
	}
}

// The disk is full to the last byte, without a warning.
func TestDiskFullAtOnce(t *testing.T) {
	dir := smallDisk(t, "3m")
	n := newNode(t, func(c *config.Recording) {
		c.Directory = dir
		c.Disk = config.RecordingDisk{AlarmFree: 1, MinFree: 1, WhenFull: config.DiskRefuse}
	})
	n.push("live/cam", testmedia.Spec{Width: 320, Height: 240, ToneHz: 440, VideoBitrate: 1_500_000, Duration: 30 * time.Second})
	i, _, err := n.s.Start(t.Context(), Order{Stream: "live/cam"})
	if err != nil {
		t.Fatal(err)
	}
	n.recorded(i.RecordingID, "live/cam", time.Second)
	ballast := filepath.Join(dir, "ballast")
	os.WriteFile(ballast, bytes.Repeat([]byte{1}, 4<<20), 0o600) // as much as fits
	testmedia.Eventually(t, 30*time.Second, "trouble", func() bool { return n.s.Stats.Troubles.Load() > 0 })
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	n.recorded(i.RecordingID, "live/cam", 5*time.Second)
	if i, err = n.s.Stop(t.Context(), i.RecordingID, ""); err != nil {
		t.Fatal(err)
	}
	if i.Gaps == 0 || len(i.Files) < 2 {
		t.Errorf("%+v", i)
	}
	if v, err := n.s.Verify(t.Context(), i); err != nil || !v.Verified {
		t.Errorf("%+v, %v", v, err)
	}
}

// With when_full: oldest the oldest goes that nobody holds.
func TestFullDiskDropsTheOldest(t *testing.T) {
	dir := smallDisk(t, "32m")
	n := newNode(t, func(c *config.Recording) {
		c.Directory = dir
		c.Disk = config.RecordingDisk{AlarmFree: 8 * config.MiB, MinFree: 8 * config.MiB, WhenFull: config.DiskOldest}
	})
	n.push("live/cam", phone)
	var ids []string
	for range 3 {
		i, _, err := n.s.Start(t.Context(), Order{Stream: "live/cam"})
		if err != nil {
			t.Fatal(err)
		}
		n.recorded(i.RecordingID, "live/cam", time.Second)
		if _, err := n.s.Stop(t.Context(), i.RecordingID, ""); err != nil {
			t.Fatal(err)
		}
		// Each is a few megabytes.
		if err := os.WriteFile(filepath.Join(dir, i.RecordingID, "weight"), bytes.Repeat([]byte{1}, 4<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, i.RecordingID)
	}
	if _, err := n.s.Hold(t.Context(), ids[0], "judge", "case 7", true); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "ballast"), bytes.Repeat([]byte{1}, 12<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	testmedia.Eventually(t, 30*time.Second, "room", func() bool { _, err := n.s.Get(t.Context(), ids[1]); return err != nil && !n.s.Status().Full })
	for _, id := range []string{ids[0], ids[2]} {
		if _, err := n.s.Get(t.Context(), id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
}
