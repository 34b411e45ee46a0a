package mix

import (
	"context"
	"fmt"
	"math"
	"math/cmplx"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/flv"
	"hutong/bridge/stream"
)

var threeTones = []float64{440, 1000, 1700}

// viewer is one of the audience: an HTTP-FLV player that keeps its connection, and
// decodes what it gets.
type viewer struct {
	t    *testing.T
	conn net.Conn
	dec  *decoder
	wg   sync.WaitGroup
	stop context.CancelFunc

	closed  atomic.Bool
	mu      sync.Mutex
	frame   *picture
	frames  int
	counts  map[string]int // pictures by the colour in the middle of the first tile
	sound   *audio.Config
	units   []flv.Tag // the newest two seconds of sound
	headers int
	last    [2]int64 // timestamps of video and sound, ms
	back    []string // where time went back
	ended   bool
	why     []error // of the connection's ends
}

// A viewer decodes to a quarter of the mixed picture's size: it is to cost little.
const viewScale, viewWidth, viewHeight = 4, 360 / 4, 640 / 4

func watchAs(t *testing.T, r *stream.Registry, name string, audience bool) *viewer {
	t.Helper()
	eventually(t, name+" to be published", func() bool { return r.Get(name) != nil })
	player, err := r.Get(name).Play(stream.FLV)
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, stop := context.WithCancel(context.Background())
	v := &viewer{t: t, stop: stop, counts: map[string]int{}}
	if v.conn, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	near, err := ln.Accept() // before the listener is closed, which resets who waits
	if err != nil {
		t.Fatal(err)
	}
	v.wg.Add(1)
	go func() {
		defer v.wg.Done()
		defer player.Close()
		defer near.Close()
		_, err := flv.ServeConn(ctx, near, player, flv.Options{Audience: audience})
		v.ends(err)
	}()
	if v.dec, err = startDecoder("ffmpeg", size{viewWidth, viewHeight}, Limits{}); err != nil {
		t.Fatal(err)
	}
	v.wg.Add(2)
	go v.read()
	go v.look()
	t.Cleanup(v.close)
	return v
}

func (v *viewer) close() {
	if !v.closed.CompareAndSwap(false, true) {
		return
	}
	v.stop()
	v.conn.Close()
	v.dec.end()
	v.wg.Wait()
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.back) > 0 {
		v.t.Errorf("time went back for a player: %v", v.back)
	}
}

// read takes tags: video goes to the decoder, sound is decoded here.
func (v *viewer) read() {
	defer v.wg.Done()
	defer func() {
		v.mu.Lock()
		v.ended = true
		v.mu.Unlock()
	}()
	r := flv.NewReader(v.conn, 0)
	for {
		tag, err := r.Next()
		if err != nil {
			v.ends(err)
			return
		}
		switch tag.Type {
		case flv.TagVideo:
			v.time(0, tag)
			if tag.Body[1] == 0 {
				v.mu.Lock()
				v.headers++
				v.mu.Unlock()
			}
			if err := v.dec.write(flv.AppendTag(nil, tag.Type, tag.Timestamp, tag.Body)); err != nil {
				v.ends(v.dec.why(err))
				return
			}
		case flv.TagAudio:
			v.time(1, tag)
			if tag.Body[1] == 0 {
				v.retune(tag.Body[2:])
				continue
			}
			v.keep(tag)
		}
	}
}

func (v *viewer) ends(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.why = append(v.why, err)
}

func (v *viewer) time(kind int, tag flv.Tag) {
	if tag.Body[1] == 0 {
		return // a header's time says nothing
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if ts := int64(tag.Timestamp); ts < v.last[kind] {
		v.back = append(v.back, fmt.Sprintf("%v: %d to %d ms", tag.Type, v.last[kind], ts))
	} else {
		v.last[kind] = ts
	}
}

// retune takes a new audio configuration.
func (v *viewer) retune(asc []byte) {
	c, err := audio.ParseConfig(asc)
	if err != nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.sound, v.units = c, nil
}

func (v *viewer) keep(tag flv.Tag) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.units = append(v.units, tag)
	for v.units[len(v.units)-1].Timestamp-v.units[0].Timestamp > 2000 {
		v.units = append(v.units[:0], v.units[1:]...)
	}
}

// newest decodes the newest two seconds of sound.
func (v *viewer) newest() (pcm []float64) {
	v.mu.Lock()
	config, units := v.sound, append([]flv.Tag(nil), v.units...)
	v.mu.Unlock()
	dec := audio.NewToPCM()
	defer dec.Close()
	if config == nil || dec.SetConfig(config) != nil {
		return nil
	}
	for _, u := range units {
		_ = dec.Push(time.Duration(u.Timestamp)*time.Millisecond, u.Body[2:], func(_ time.Duration, block []float32, channels int) {
			for i := 0; i < len(block); i += channels {
				pcm = append(pcm, float64(block[i]))
			}
		})
	}
	return pcm
}

// look keeps the newest picture.
func (v *viewer) look() {
	defer v.wg.Done()
	for {
		pix := make([]byte, v.dec.size.bytes())
		pts, err := v.dec.read(pix)
		if err != nil {
			return
		}
		v.mu.Lock()
		v.frame = &picture{v.dec.size, pix, pts}
		v.frames++
		v.counts[v.colour(300, 490)]++
		v.mu.Unlock()
	}
}

// colourAt names the colour around a pixel.
func (v *viewer) colourAt(x, y int) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.colour(x, y)
}

// shown is how many pictures have had a colour in the middle of the first tile.
func (v *viewer) shown(colour string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.counts[colour]
}

func (v *viewer) colour(x, y int) string {
	if v.frame == nil {
		return "none"
	}
	f := v.frame
	x, y = x/viewScale, y/viewScale
	n := f.width * f.height
	at := [3]int{int(f.pix[y*f.width+x]), int(f.pix[n+y/2*(f.width/2)+x/2]), int(f.pix[n*5/4+y/2*(f.width/2)+x/2])}
	best, least := "none", math.MaxInt
	for name, c := range map[string][3]int{"red": {81, 90, 240}, "lime": {145, 54, 34}, "blue": {41, 240, 110}, "yellow": {210, 16, 146}, "white": {235, 128, 128}, "black": {16, 128, 128}} {
		d := 0
		for i := range c {
			d += (c[i] - at[i]) * (c[i] - at[i])
		}
		if d < least {
			best, least = name, d
		}
	}
	return best
}

// levelsOf are the levels of tones, full scale 1, in each quarter of a second of
// the newest two.
func (v *viewer) levelsOf(tones []float64) (quarters [][]float64) {
	pcm := v.newest()
	// A sixth of the samples is plenty for tones below 2 kHz.
	thin := make([]float64, 0, len(pcm)/6)
	for i := 0; i+6 <= len(pcm); i += 6 {
		thin = append(thin, (pcm[i]+pcm[i+1]+pcm[i+2]+pcm[i+3]+pcm[i+4]+pcm[i+5])/6)
	}
	const quarter = rate / 6 / 4
	for ; len(thin) >= quarter; thin = thin[quarter:] {
		levels := make([]float64, len(tones))
		for i, hz := range tones {
			levels[i] = level(thin[:quarter], rate/6, hz)
		}
		quarters = append(quarters, levels)
	}
	return quarters
}

// level is the level of one tone, by a windowed transform.
func level(pcm []float64, rate, hz float64) float64 {
	turn, at := cmplx.Rect(1, 2*math.Pi*hz/rate), complex(1, 0)
	step, window := cmplx.Rect(1, 2*math.Pi/float64(len(pcm))), complex(1, 0)
	var sum complex128
	for _, x := range pcm {
		sum += complex(x*(0.5-0.5*real(window)), 0) * at
		at *= turn
		window *= step
	}
	return 4 * cmplx.Abs(sum) / float64(len(pcm))
}

// levels is what a failed wait for sound says.
func (v *viewer) levels() string {
	l := v.levelsOf(threeTones)
	v.mu.Lock()
	defer v.mu.Unlock()
	return fmt.Sprintf("%.3f at %v Hz, newest at %d ms", l, threeTones, v.last[1])
}
