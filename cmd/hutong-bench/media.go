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
	burstFLV, burstH264, burst string // the same with a quarter of a second of tone every 1.0275 s and silence between
	talkFLV, talkH264, talkOgg string // of one person in a small call
}

// A change of what is recorded changes this, so that old files are not taken for new ones.
const recordingVersion = "v4"

const (
	picture = "testsrc2=size=%s:rate=%d,noise=alls=6:allf=t"
	tone    = "sine=frequency=440:sample_rate=48000,volume=0.5,aformat=channel_layouts=stereo"
	bursts  = "aevalsrc='0.5*sin(2*PI*660*t)*lt(mod(t,1.0275),0.25)':s=48000,aformat=channel_layouts=stereo"
)

// talkRate is the frame rate of the talk.
const talkRate = 15

// shape is what a recording is like; kbps is of its pictures.
type shape struct {
	size      string
	fps, kbps int
	aac, opus string
	channels  int
}

// record returns the recordings, making those that are missing: 720p30 of 1.5 Mb/s without B-frames, a keyframe every two
// seconds, one slice a picture, AAC of 128 kb/s and Opus of 64 kb/s, both 48 kHz stereo. The talk is
// 360x640 at 15 frames a second and 400 kb/s, with 48 and 32 kb/s of mono.
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
		burstFLV: name("bursts.flv"), burstH264: name("bursts.h264"), burst: name("bursts.ogg"),
		talkFLV: name("talk.flv"), talkH264: name("talk.h264"), talkOgg: name("talk.ogg")}
	big := shape{"1280x720", 30, 1500, "128k", "64k", 2}
	for _, set := range []struct {
		shape
		sound, length, flv, h264, ogg string
	}{
		{big, tone, "60", r.flv, r.h264, r.ogg}, {big, bursts, "41.1", r.burstFLV, r.burstH264, r.burst},
		{shape{"360x640", talkRate, 400, "48k", "32k", 1}, tone, "20", r.talkFLV, r.talkH264, r.talkOgg},
	} {
		gop, rate := fmt.Sprint(2*set.fps), func(kbps int) string { return fmt.Sprint(kbps, "k") }
		err := ensure(ctx, set.flv, "-f", "lavfi", "-i", fmt.Sprintf(picture, set.size, set.fps), "-f", "lavfi", "-i", set.sound, "-t", set.length,
			"-c:v", "libx264", "-profile:v", "baseline", "-preset", "veryfast", "-bf", "0", "-g", gop, "-keyint_min", gop,
			"-sc_threshold", "0", "-x264-params", "slices=1:sliced-threads=0", "-b:v", rate(set.kbps), "-maxrate", rate(set.kbps+set.kbps/15),
			"-bufsize", rate(set.kbps), "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", set.aac, "-ar", "48000", "-ac", fmt.Sprint(set.channels),
			"-flvflags", "no_duration_filesize", "-f", "flv")
		if err != nil {
			return r, err
		}
		if err := ensure(ctx, set.h264, "-i", set.flv, "-an", "-c", "copy", "-bsf:v", "h264_mp4toannexb", "-f", "h264"); err != nil {
			return r, err
		}
		// Not from the FLV: decoded AAC is not silent just before a tone.
		if err := ensure(ctx, set.ogg, "-f", "lavfi", "-i", set.sound, "-t", set.length, "-c:a", "libopus", "-b:a", set.opus,
			"-ar", "48000", "-ac", fmt.Sprint(set.channels), "-frame_duration", "20", "-page_duration", "20000", "-f", "ogg"); err != nil {
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
