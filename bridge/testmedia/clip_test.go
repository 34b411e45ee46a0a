package testmedia

import (
	"fmt"
	"math"
	"os"
	"testing"
	"time"
)

func TestClipRoundTrip(t *testing.T) {
	specs := map[string]Spec{
		"defaults":  {},
		"low rate":  {VideoBitrate: 200_000},
		"portrait":  {Width: 360, Height: 640, FPS: 15, VideoBitrate: 250_000},
		"b-frames":  {BFrames: 3, BPyramid: true, Profile: "high"},
		"slices":    {Slices: 4, Profile: "main"},
		"no audio":  {NoAudio: true},
		"no video":  {NoVideo: true},
		"stereo":    {Channels: 2, AudioRate: 44100, NoVideo: true},
		"8k mono":   {AudioRate: 8000, NoVideo: true},
		"16k mono":  {AudioRate: 16000, NoVideo: true},
		"32 stereo": {AudioRate: 32000, Channels: 2, NoVideo: true},
	}
	for name, spec := range specs {
		t.Run(name, func(t *testing.T) {
			spec.Duration = 4 * time.Second
			full := spec.withDefaults()
			path := Clip(t, spec, FLV)
			info, media := Probe(t, path), Decode(t, path)
			if media.Errors != "" {
				t.Errorf("the decoder complains: %s", media.Errors)
			}
			if !spec.NoVideo {
				if len(media.Pictures) != spec.Frames() {
					t.Errorf("%d pictures, want %d", len(media.Pictures), spec.Frames())
				}
				for n, p := range media.Pictures {
					if p.Damaged() || p.Counter != n || p.Width != full.Width || p.Height != full.Height || p.Key != (n%full.GOP == 0) && full.BFrames == 0 {
						t.Fatalf("picture %d is %+v", n, p)
					}
				}
				if want := map[string]string{"baseline": "Constrained Baseline", "main": "Main", "high": "High"}[full.Profile]; info.Stream("video").Profile != want {
					t.Errorf("profile %q, want %q", info.Stream("video").Profile, want)
				}
			} else if info.Stream("video").Codec != "" {
				t.Error("there is video")
			}
			if spec.NoAudio {
				if media.Sound != nil {
					t.Error("there is sound")
				}
				return
			}
			if media.Sound.Rate != full.AudioRate || len(media.Sound.Channels) != full.Channels {
				t.Fatalf("sound at %d Hz in %d channels", media.Sound.Rate, len(media.Sound.Channels))
			}
			for channel := range full.Channels {
				pcm := media.Sound.Slice(channel, time.Second, 3*time.Second)
				tone := MeasureTone(pcm, full.AudioRate)
				if want := float64(full.ToneHz) * (1 + float64(channel)/2); math.Abs(tone.Hz-want) > 0.1 || tone.Residual > -50 {
					t.Errorf("channel %d: %+v, want %v Hz", channel, tone, want)
				}
				if clicks := Clicks(pcm, full.AudioRate, -35); len(clicks) != 0 {
					t.Errorf("clicks at %v", clicks)
				}
			}
		})
	}
}

func TestFlashBeepIsInSync(t *testing.T) {
	for _, kind := range []Kind{FLV, MP4} {
		media := Decode(t, Clip(t, Spec{FlashBeep: true, ToneHz: 1000, Duration: 6 * time.Second}, kind))
		offsets := media.LipSync()
		if len(offsets) != 5 {
			t.Errorf("%s: %d flashes with beeps, want 5; flashes %v, beeps %v", kind, len(offsets), media.Flashes(), media.Beeps())
		}
		for _, o := range offsets {
			if o.Abs() > 5*time.Millisecond {
				t.Errorf("%s: the beeps are %v after the flashes", kind, offsets)
				break
			}
		}
	}
}

// A looped push without a server: into a file.
func TestLoopedClip(t *testing.T) {
	clip := Clip(t, Spec{Duration: 4 * time.Second}, FLV)
	out := t.TempDir() + "/looped.flv"
	p := Start(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning", "-stream_loop", "2", "-i", clip, "-c", "copy", out)
	if err := p.Wait(time.Minute); err != nil {
		t.Fatal(err, p.Log())
	}
	media := Decode(t, out)
	if len(media.Pictures) < 350 {
		t.Fatalf("%d pictures in three rounds of 120", len(media.Pictures))
	}
	seen := map[string]int{}
	for i, p := range media.Pictures[1:] {
		if p.Damaged() {
			t.Fatalf("picture %d: %+v", i+1, p)
		}
		seen[fmt.Sprint((p.Counter-media.Pictures[i].Counter+120)%120)]++
	}
	if seen["1"] < 347 {
		t.Errorf("steps from picture to picture: %v", seen)
	}
	if got := flvLength(out); got < 11*time.Second || got > 13*time.Second {
		t.Errorf("length %v, want 12 s", got)
	}
}

func TestSplice(t *testing.T) {
	big := Spec{Duration: 2 * time.Second}
	small := Spec{Duration: 2 * time.Second, Width: 360, Height: 640, FirstCounter: 10000, Profile: "main"}
	spliced := Splice(t, Clip(t, big, FLV), Clip(t, small, FLV))
	// Through ffmpeg's copy, as a push goes.
	out := t.TempDir() + "/copied.flv"
	p := Start(t, "ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning", "-stream_loop", "1", "-i", spliced, "-c", "copy", out)
	if err := p.Wait(time.Minute); err != nil {
		t.Fatal(err, p.Log())
	}
	media := Decode(t, out)
	if len(media.Pictures) < 230 {
		t.Errorf("%d pictures, want 240", len(media.Pictures))
	}
	for i, p := range media.Pictures {
		if p.Damaged() || (p.Counter >= 10000) != (p.Width == 360) {
			t.Fatalf("picture %d is %+v", i, p)
		}
	}
}

// One lost frame shows as damage from there to the next keyframe.
func TestSeesLostFrame(t *testing.T) {
	raw, err := os.ReadFile(Clip(t, Spec{Duration: 4 * time.Second}, FLV))
	if err != nil {
		t.Fatal(err)
	}
	out := append([]byte(nil), raw[:13]...)
	for at, video := 13, 0; at+15 <= len(raw); {
		size := 15 + (int(raw[at+1])<<16 | int(raw[at+2])<<8 | int(raw[at+3]))
		if raw[at] == 9 {
			video++
		}
		if raw[at] != 9 || video != 75 {
			out = append(out, raw[at:at+size]...)
		}
		at += size
	}
	path := t.TempDir() + "/lost.flv"
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := map[bool]int{}
	for _, p := range Decode(t, path).Pictures {
		if p.Damaged() {
			damaged[p.Counter < 120 && p.Counter > 70 || !p.OK]++
		}
	}
	if damaged[true] < 10 || damaged[false] > 0 {
		t.Errorf("damaged pictures in the hurt group and elsewhere: %v", damaged)
	}
}
