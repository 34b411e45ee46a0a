package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// recordings are the files every measure publishes. They are made by ffmpeg once and kept in the user's cache directory.
type recordings struct {
	flv, h264, ogg             string
	burstFLV, burstH264, burst string // the same with half a second of tone every 1.37 s and silence between
}

// A change of what is recorded changes this, so that old files are not taken for new ones.
const recordingVersion = "v2"

const (
	picture = "testsrc2=size=1280x720:rate=30,noise=alls=6:allf=t"
	tone    = "sine=frequency=440:sample_rate=48000,volume=0.5,aformat=channel_layouts=stereo"
	bursts  = "aevalsrc='0.5*sin(2*PI*660*t)*lt(mod(t,1.37),0.5)':s=48000,aformat=channel_layouts=stereo"
)

// record returns the recordings, making those that are missing: 720p30 of 1.5 Mb/s without B-frames, a keyframe every two
// seconds, one slice a picture, AAC of 128 kb/s and Opus of 64 kb/s, both 48 kHz stereo.
func record(ctx context.Context, dir string) (r recordings, err error) {
	if dir == "" {
		if dir, err = os.UserCacheDir(); err != nil {
			return r, err
		}
		dir = filepath.Join(dir, "hutong-bench")
	}
	dir = filepath.Join(dir, recordingVersion)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return r, err
	}
	name := func(s string) string { return filepath.Join(dir, s) }
	r = recordings{flv: name("tone.flv"), h264: name("tone.h264"), ogg: name("tone.ogg"),
		burstFLV: name("bursts.flv"), burstH264: name("bursts.h264"), burst: name("bursts.ogg")}
	for _, set := range []struct{ sound, length, flv, h264, ogg string }{
		{tone, "60", r.flv, r.h264, r.ogg}, {bursts, "41.1", r.burstFLV, r.burstH264, r.burst},
	} {
		err := ensure(ctx, set.flv, "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", set.sound, "-t", set.length,
			"-c:v", "libx264", "-profile:v", "baseline", "-preset", "veryfast", "-bf", "0", "-g", "60", "-keyint_min", "60",
			"-sc_threshold", "0", "-x264-params", "slices=1:sliced-threads=0", "-b:v", "1500k", "-maxrate", "1600k",
			"-bufsize", "1500k", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k", "-ar", "48000", "-ac", "2",
			"-flvflags", "no_duration_filesize", "-f", "flv")
		if err != nil {
			return r, err
		}
		if err := ensure(ctx, set.h264, "-i", set.flv, "-an", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264"); err != nil {
			return r, err
		}
		if err := ensure(ctx, set.ogg, "-i", set.flv, "-vn", "-c:a", "libopus", "-b:a", "64k", "-frame_duration", "20",
			"-page_duration", "20000", "-f", "ogg"); err != nil {
			return r, err
		}
	}
	return r, nil
}

// ensure runs ffmpeg unless the file is there. It appears whole or not at all.
func ensure(ctx context.Context, name string, args ...string) error {
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	part := name + ".part"
	args = append(append([]string{"-hide_banner", "-loglevel", "error", "-y"}, args...), part)
	if out, err := exec.CommandContext(ctx, "ffmpeg", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("ffmpeg (is it installed?) making %s: %w: %.500s", filepath.Base(name), err, out)
	}
	return os.Rename(part, name)
}
