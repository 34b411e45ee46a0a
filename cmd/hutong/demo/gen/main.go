// Command gen draws and voices the clip of the simulated phone: a face whose
// mouth opens with the sound, before a dial that goes around once in the clip's
// ten seconds. It needs ffmpeg:
//
//	go run ./gen clip.flv
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
)

const (
	width, height = 360, 640
	fps           = 15
	seconds       = 10
	rate          = 48000
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gen OUT.flv")
		os.Exit(2)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	sound, err := os.CreateTemp("", "voice-*.s16")
	if err != nil {
		return err
	}
	defer os.Remove(sound.Name())
	voice := speak()
	if err := binary.Write(sound, binary.LittleEndian, voice); err != nil {
		return err
	}
	if err := sound.Close(); err != nil {
		return err
	}
	var pictures bytes.Buffer
	for i := range fps * seconds {
		pictures.Write(draw(i, loudness(voice, i)))
	}
	cmd := exec.Command("ffmpeg", "-v", "error", "-y",
		"-f", "rawvideo", "-pix_fmt", "rgb24", "-s", fmt.Sprintf("%dx%d", width, height), "-r", fmt.Sprint(fps), "-i", "-",
		"-f", "s16le", "-ar", fmt.Sprint(rate), "-ac", "1", "-i", sound.Name(),
		"-c:v", "libx264", "-profile:v", "baseline", "-preset", "slow", "-b:v", "260k", "-maxrate", "400k", "-bufsize", "400k",
		"-bf", "0", "-g", fmt.Sprint(2*fps), "-keyint_min", fmt.Sprint(2*fps), "-sc_threshold", "0", "-pix_fmt", "yuv420p",
		"-c:a", "aac", "-b:a", "48k", "-flvflags", "no_duration_filesize", "-map_metadata", "-1", "-fflags", "+bitexact", out)
	cmd.Stdin, cmd.Stderr = &pictures, os.Stderr
	return cmd.Run()
}

// speak makes two sentences of sung syllables, and a rest after each.
func speak() []int16 {
	// Semitones above A3; a rest is below -90.
	tune := []float64{3, 5, 7, 10, 7, 5, -99, -99, 7, 10, 12, 10, 7, 3, 5, -99, 3, 3, 7, 5, 10, 7, -99, 12, 10, 7, 5, 3, -99, -99}
	out := make([]int16, rate*seconds)
	syllable := len(out) / len(tune)
	phase := 0.0
	for i := range out {
		note := tune[min(i/syllable, len(tune)-1)]
		if note < -90 {
			continue
		}
		at := float64(i%syllable) / float64(syllable)
		shape := math.Pow(math.Sin(math.Pi*min(at/0.85, 1)), 0.7)
		f := 220 * math.Pow(2, note/12) * (1 + 0.006*math.Sin(2*math.Pi*5.5*float64(i)/rate))
		phase += f / rate
		var s float64
		for h := 1; h <= 8; h++ {
			// Two vowel-like peaks, near 600 and 1100 Hz.
			p := f * float64(h)
			a := math.Exp(-sq((p-600)/260)) + 0.6*math.Exp(-sq((p-1100)/320)) + 0.12/float64(h)
			s += a * math.Sin(2*math.Pi*phase*float64(h))
		}
		out[i] = int16(9000 * shape * s / 1.6)
	}
	return out
}

func loudness(voice []int16, frame int) float64 {
	part := voice[frame*rate/fps : (frame+1)*rate/fps]
	sum := 0.0
	for _, v := range part {
		sum += sq(float64(v) / 32768)
	}
	return min(math.Sqrt(sum/float64(len(part)))*7, 1)
}

func sq(x float64) float64 { return x * x }

type colour struct{ r, g, b float64 }

// draw paints one picture from signed distances, so that edges are smooth.
func draw(i int, loud float64) []byte {
	t := float64(i) / fps
	nod := 6 * math.Sin(2*math.Pi*t/5)
	eye := 1.0
	if m := math.Mod(t, 3.3); m < 0.14 {
		eye = 0.12
	}
	pix := make([]byte, 0, width*height*3)
	for y := range height {
		for x := range width {
			fx, fy := float64(x)-180, float64(y)
			up := fy / height
			c := colour{34 + 40*up, 66 + 70*up, 92 + 60*up}
			c = ring(c, fx, fy-270, 150, 5, colour{255, 255, 255}, 0.18)
			if a := math.Mod(math.Atan2(fx, -(fy-270))/(2*math.Pi)+1, 1); a < t/seconds {
				c = ring(c, fx, fy-270, 150, 5, colour{255, 196, 72}, 1)
			}
			c = disc(c, fx, fy-(640+nod*0.4), 190, 200, colour{46, 128, 120})    // shoulders
			c = disc(c, fx, fy-(395+nod), 34, 60, colour{226, 172, 132})         // neck
			c = disc(c, fx, fy-(270+nod), 92, 112, colour{240, 190, 150})        // face
			c = disc(c, fx, fy-(178+nod), 96, 54, colour{58, 44, 48})            // hair
			c = disc(c, fx-36, fy-(262+nod), 10, 13*eye, colour{40, 34, 44})     // eyes
			c = disc(c, fx+36, fy-(262+nod), 10, 13*eye, colour{40, 34, 44})     //
			c = disc(c, fx, fy-(328+nod), 30, 4+22*loud, colour{150, 52, 60})    // mouth
			c = disc(c, fx, fy-(334+nod), 16, 0.1+9*loud, colour{224, 110, 112}) // tongue
			pix = append(pix, byte(c.r), byte(c.g), byte(c.b))
		}
	}
	return pix
}

// disc paints an ellipse with half axes a and b around the origin.
func disc(c colour, x, y, a, b float64, p colour) colour {
	d := (math.Hypot(x/a, y/b) - 1) * min(a, b)
	return mix(c, p, min(max(0.5-d, 0), 1))
}

func ring(c colour, x, y, r, w float64, p colour, alpha float64) colour {
	d := math.Abs(math.Hypot(x, y)-r) - w
	return mix(c, p, alpha*min(max(0.5-d, 0), 1))
}

func mix(c, p colour, k float64) colour {
	return colour{c.r + (p.r-c.r)*k, c.g + (p.g-c.g)*k, c.b + (p.b-c.b)*k}
}
