package audio

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash"
	"io"
	"math"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// unit is a coded unit with its media time.
type unit struct {
	pts  time.Duration
	data []byte
}

func ffmpeg(t testing.TB, input []byte, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ffmpeg", append([]string{"-hide_banner", "-loglevel", "error", "-threads", "1"}, args...)...)
	cmd.Stdin = bytes.NewReader(input)
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	if err := cmd.Run(); err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, msg.String())
	}
	return out.Bytes()
}

func f32Bytes(pcm []float32) []byte {
	b := make([]byte, 4*len(pcm))
	for i, s := range pcm {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(s))
	}
	return b
}

func f32From(b []byte) []float32 {
	pcm := make([]float32, len(b)/4)
	for i := range pcm {
		pcm[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return pcm
}

func rawArgs(rate, ch int) []string {
	return []string{"-f", "f32le", "-ar", strconv.Itoa(rate), "-ac", strconv.Itoa(ch), "-i", "pipe:0"}
}

// encodeAAC makes access units by ffmpeg. Its encoder primes with 1024 samples,
// so the first unit's decoded audio lies before time 0; start moves all.
func encodeAAC(t testing.TB, pcm []float32, rate, ch int, start time.Duration) (*Config, []unit) {
	t.Helper()
	args := append(rawArgs(rate, ch), "-c:a", "aac", "-aac_coder", "fast", "-b:a", strconv.Itoa(ch*min(96000, rate*4)), "-f", "adts", "pipe:1")
	var packets mpeg4audio.ADTSPackets
	if err := packets.Unmarshal(ffmpeg(t, f32Bytes(pcm), args...)); err != nil {
		t.Fatal(err)
	}
	var units []unit
	for i, p := range packets {
		pts := start + time.Duration(i-1)*aacFrame*time.Second/time.Duration(rate)
		units = append(units, unit{pts, p.AU})
	}
	c, err := ParseConfig(lcConfig(packets[0].SampleRate, packets[0].ChannelCount).ASC)
	if err != nil {
		t.Fatal(err)
	}
	if c.SampleRate != rate || c.Channels != ch {
		t.Fatalf("ffmpeg made %+v", c)
	}
	return c, units
}

// decodeAAC wraps units as ADTS and has ffmpeg decode them.
func decodeAAC(t testing.TB, c *Config, units []unit) []float32 {
	t.Helper()
	var packets mpeg4audio.ADTSPackets
	for _, u := range units {
		packets = append(packets, &mpeg4audio.ADTSPacket{
			Type: mpeg4audio.ObjectTypeAACLC, SampleRate: c.SampleRate, ChannelCount: c.Channels, AU: u.data,
		})
	}
	b, err := packets.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return f32From(ffmpeg(t, b, "-f", "aac", "-i", "pipe:0", "-f", "f32le", "pipe:1"))
}

// encodeOpus makes packets by libopus in ffmpeg. Its pre-skip, mostly of 312
// samples, lies before time 0; start moves all.
func encodeOpus(t testing.TB, pcm []float32, ch int, start time.Duration, opts ...string) []unit {
	t.Helper()
	args := append(rawArgs(outRate, ch), "-c:a", "libopus")
	args = append(args, opts...)
	args = append(args, "-f", "ogg", "-page_duration", "1", "pipe:1")
	var units []unit
	packets := oggPackets(t, ffmpeg(t, f32Bytes(pcm), args...))
	pts := start - samplesToTime(int64(binary.LittleEndian.Uint16(packets[0][10:])))
	for _, p := range packets[2:] { // after OpusHead and OpusTags
		_, n, err := opusDuration(p)
		if err != nil {
			t.Fatal(err)
		}
		units = append(units, unit{pts, p})
		pts += samplesToTime(int64(n))
	}
	return units
}

// decodeOpus has libopus in ffmpeg decode packets, to the given channels.
func decodeOpus(t testing.TB, units []unit, ch int) []float32 {
	t.Helper()
	var packets [][]byte
	for _, u := range units {
		packets = append(packets, u.data)
	}
	return f32From(ffmpeg(t, oggFile(packets, ch), "-c:a", "libopus", "-f", "ogg", "-i", "pipe:0",
		"-f", "f32le", "-ar", "48000", "-ac", strconv.Itoa(ch), "pipe:1"))
}

// oggPackets takes an Ogg file apart (RFC 3533 section 6).
func oggPackets(t testing.TB, b []byte) [][]byte {
	t.Helper()
	var packets [][]byte
	var part []byte
	for len(b) > 0 {
		if len(b) < 27 || string(b[:4]) != "OggS" {
			t.Fatal("not an Ogg page")
		}
		lacing := b[27 : 27+int(b[26])]
		b = b[27+len(lacing):]
		for _, n := range lacing {
			part = append(part, b[:n]...)
			b = b[n:]
			if n < 255 {
				packets = append(packets, part)
				part = nil
			}
		}
	}
	return packets
}

// oggFile puts Opus packets into Ogg with a pre-skip of 0 (RFC 7845).
func oggFile(packets [][]byte, ch int) []byte {
	head := []byte("OpusHead\x01\x00\x00\x00\x80\xbb\x00\x00\x00\x00\x00")
	head[9] = byte(ch)
	tags := []byte("OpusTags\x04\x00\x00\x00test\x00\x00\x00\x00")
	var out []byte
	granule := 0
	for i, p := range append([][]byte{head, tags}, packets...) {
		page := []byte("OggS\x00\x00")
		switch i {
		case 0:
			page[5] = 2
		case len(packets) + 1:
			page[5] = 4
		}
		if i > 1 {
			_, n, _ := opusDuration(p)
			granule += n
		}
		page = binary.LittleEndian.AppendUint64(page, uint64(granule))
		page = binary.LittleEndian.AppendUint32(page, 7)
		page = binary.LittleEndian.AppendUint32(page, uint32(i))
		page = binary.LittleEndian.AppendUint32(page, 0)
		page = append(page, byte(len(p)/255+1))
		page = append(page, bytes.Repeat([]byte{255}, len(p)/255)...)
		page = append(page, byte(len(p)%255))
		page = append(page, p...)
		h := newOggCRC()
		h.Write(page)
		binary.LittleEndian.PutUint32(page[22:], h.Sum32())
		out = append(out, page...)
	}
	return out
}

type oggCRC struct{ sum uint32 }

func newOggCRC() hash.Hash32 { return &oggCRC{} }

func (h *oggCRC) Write(p []byte) (int, error) {
	for _, b := range p {
		h.sum ^= uint32(b) << 24
		for range 8 {
			if h.sum&0x80000000 != 0 {
				h.sum = h.sum<<1 ^ 0x04c11db7
			} else {
				h.sum <<= 1
			}
		}
	}
	return len(p), nil
}
func (h *oggCRC) Sum32() uint32       { return h.sum }
func (h *oggCRC) Sum(b []byte) []byte { return binary.BigEndian.AppendUint32(b, h.sum) }
func (h *oggCRC) Reset()              { h.sum = 0 }
func (h *oggCRC) Size() int           { return 4 }
func (h *oggCRC) BlockSize() int      { return 1 }

var _ io.Writer = (*oggCRC)(nil)

// evenly fails unless each unit begins where the one before it ends.
func evenly(t testing.TB, units []unit, samples int) {
	t.Helper()
	if len(units) == 0 {
		t.Fatal("no units came out")
	}
	for i, u := range units {
		want := units[0].pts + samplesToTime(int64(i*samples))
		if d := u.pts - want; d < -time.Microsecond || d > time.Microsecond {
			t.Fatalf("unit %d at %v, want %v: output time slipped or jumped", i, u.pts, want)
		}
	}
}

// takeOpus runs units through a ToOpus.
func takeOpus(t testing.TB, x *ToOpus, units []unit) []unit {
	t.Helper()
	var out []unit
	for _, u := range units {
		if err := x.Push(u.pts, u.data, func(pts time.Duration, p []byte) { out = append(out, unit{pts, p}) }); err != nil {
			t.Fatalf("unit at %v: %v", u.pts, err)
		}
	}
	return out
}

// takeAAC runs units through a ToAAC.
func takeAAC(t testing.TB, x *ToAAC, units []unit) []unit {
	t.Helper()
	var out []unit
	for _, u := range units {
		if err := x.Push(u.pts, u.data, func(pts time.Duration, p []byte) { out = append(out, unit{pts, p}) }); err != nil {
			t.Fatalf("unit at %v: %v", u.pts, err)
		}
	}
	return out
}

func name(rate, ch int) string { return fmt.Sprintf("%d_%s", rate, []string{"", "mono", "stereo"}[ch]) }
