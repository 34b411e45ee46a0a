package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/pion/rtp/codecs"
)

func avcTag(ts uint32, key bool, nals ...[]byte) tag {
	b := []byte{0x27, 1, 0, 0, 0}
	if key {
		b[0] = 0x17
	}
	for _, n := range nals {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(n))), n...)
	}
	return tag{tagVideo, ts, b}
}

func bigSlice(kind byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7) | 1
	}
	b[0], b[1] = 0x60|kind, 0x88
	return b
}

func someTags() []tag {
	return []tag{
		{tagData, 0, appendAMF(nil, "onMetaData", object{"width": 1280.0})},
		{tagVideo, 0, []byte{0x17, 0, 0, 0, 0, 1, 2, 3}},
		{tagAudio, 0, []byte{0xaf, 0, 0x11, 0x90}},
		avcTag(40, true, bigSlice(nalIDR, 70000)),
		{tagAudio, 43, []byte{0xaf, 1, 9, 9, 9}},
		avcTag(0x01234567, false, bigSlice(nalSlice, 300), bigSlice(nalSlice, 200)),
	}
}

func flvBytes(tags []tag) []byte {
	b := append([]byte("FLV\x01\x05\x00\x00\x00\x09"), 0, 0, 0, 0)
	for _, t := range tags {
		n := len(t.body)
		b = append(b, t.kind, byte(n>>16), byte(n>>8), byte(n), byte(t.ts>>16), byte(t.ts>>8), byte(t.ts), byte(t.ts>>24), 0, 0, 0)
		b = append(b, t.body...)
		b = binary.BigEndian.AppendUint32(b, uint32(n+11))
	}
	return b
}

func feedIn(b []byte, step int, feed func([]byte) error) error {
	for len(b) > 0 {
		n := min(step, len(b))
		if err := feed(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func TestFLVParserInAnyPieces(t *testing.T) {
	want := someTags()
	for _, step := range []int{1, 2, 3, 7, 11, 100, 1 << 20} {
		var got []tag
		p := flvParser{keep: func(byte) bool { return true }, got: func(t tag) { got = append(got, t) }}
		if err := feedIn(flvBytes(want), step, p.feed); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("in pieces of %d: %d tags, want the %d written", step, len(got), len(want))
		}
	}
	p := flvParser{keep: func(byte) bool { return true }, got: func(tag) {}}
	if err := p.feed([]byte("<html></html>")); !errors.Is(err, errNotFLV) {
		t.Errorf("a page was taken for FLV: %v", err)
	}
}

func TestFLVParserPeeksAtWhatItSkips(t *testing.T) {
	var keys, configs, all int
	p := flvParser{keep: func(byte) bool { return false }, got: func(t tag) {
		all++
		if len(t.body) > 2 {
			t.body = t.body[:0]
		}
		if t.isKeyframe() {
			keys++
		}
		if t.isConfig() {
			configs++
		}
	}}
	if err := feedIn(flvBytes(someTags()), 5, p.feed); err != nil {
		t.Fatal(err)
	}
	if all != 6 || keys != 1 || configs != 2 {
		t.Errorf("%d tags, %d keyframes, %d configurations, want 6, 1, 2", all, keys, configs)
	}
}

func TestReadFLVFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.flv")
	if _, err := readFLVFile(name); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gave %v", err)
	}
	os.WriteFile(name, flvBytes(nil), 0o644)
	if _, err := readFLVFile(name); err == nil {
		t.Error("a file without tags was taken")
	}
	os.WriteFile(name, flvBytes(someTags()), 0o644)
	if tags, err := readFLVFile(name); err != nil || len(tags) != 6 {
		t.Errorf("%d tags, %v", len(tags), err)
	}
}

func TestChunksInAnyPiecesAndSizes(t *testing.T) {
	for _, size := range []int{128, 4096, 60000} {
		var b []byte
		want := []message{{tag: tag{msgSetChunkSize, 0, binary.BigEndian.AppendUint32(nil, uint32(size))}}}
		b = appendMessage(b, 2, want[0], 128)
		for i, tg := range someTags() {
			m := message{tag: tg, streamID: 1}
			want = append(want, m)
			b = appendMessage(b, byte(4+i%2*2), m, size)
		}
		late := message{tag: tag{tagAudio, math.MaxUint32 - 5, bytes.Repeat([]byte{7}, 3*size+1)}, streamID: 1}
		want = append(want, late)
		b = appendMessage(b, 4, late, size)
		for _, step := range []int{1, 13, 1 << 20} {
			var got []message
			p := newChunkParser(func(byte) bool { return true }, func(m message) { got = append(got, m) })
			if err := feedIn(b, step, p.feed); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("chunks of %d in pieces of %d: %d messages, want the %d written", size, step, len(got), len(want))
			}
		}
	}
}

// Types 1, 2 and 3 take what they leave out from the chunk before (section 5.3.1.2).
func TestChunkTypesInherit(t *testing.T) {
	b := []byte{0x04, 0, 0, 100, 0, 0, 2, tagAudio, 1, 0, 0, 0, 'a', 'b'}
	b = append(b, 0x44, 0, 0, 20, 0, 0, 1, tagVideo, 'c')
	b = append(b, 0x84, 0, 0, 5, 'd')
	b = append(b, 0xc4, 'e')
	var got []message
	p := newChunkParser(func(byte) bool { return true }, func(m message) { got = append(got, m) })
	if err := p.feed(b); err != nil {
		t.Fatal(err)
	}
	want := []message{{tag{tagAudio, 100, []byte("ab")}, 1}, {tag{tagVideo, 120, []byte("c")}, 1},
		{tag{tagVideo, 125, []byte("d")}, 1}, {tag{tagVideo, 130, []byte("e")}, 1}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range [][]byte{{0xc5}, {0x45, 0, 0, 0, 0, 0, 1, 8}, {0x05, 0, 0, 0, 0xff, 0xff, 0xff, 8, 0, 0, 0, 0}} {
		if err := newChunkParser(func(byte) bool { return true }, func(message) {}).feed(bad); !errors.Is(err, errChunk) {
			t.Errorf("% x gave %v", bad, err)
		}
	}
}

func TestAMFRoundTrip(t *testing.T) {
	want := []any{"onStatus", 0.0, nil, object{"code": "NetStream.Play.Start", "level": "status", "clientid": 1.0, "ok": true, "deep": object{"x": "y"}}}
	got, err := parseAMF(appendAMF(nil, want...))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	if got := statusOf(appendAMF(nil, want...)); got != "NetStream.Play.Start" {
		t.Errorf("status %q", got)
	}
}

func TestDepacketizerUndoesPayloader(t *testing.T) {
	var pay codecs.H264Payloader
	sps, pps, idr := []byte{0x67, 1, 2}, []byte{0x68, 3}, bigSlice(nalIDR, 5000)
	var packets [][]byte
	for _, n := range [][]byte{sps, pps, idr} {
		packets = append(packets, pay.Payload(1188, n)...)
	}
	starts := 0
	var d depacketizer
	var out [][]byte
	for i, p := range packets {
		if startsIDR(p) {
			starts++
		}
		out = d.push(uint16(65530+i), i == len(packets)-1, p)
	}
	if k, ok := pictureKey(out); !ok || k != keyOf(idr) || starts != 1 || !hasIDR(out) {
		t.Errorf("the picture did not survive: %v, %d starts", ok, starts)
	}
	for i, p := range packets {
		if i != 1 {
			out = d.push(uint16(i), i == len(packets)-1, p)
		}
	}
	if out != nil {
		t.Error("a picture with a packet missing came out")
	}
}

func TestAnnexBAccessUnits(t *testing.T) {
	s := []byte{0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2, 0, 0, 1, 0x65, 0x88, 3, 0, 0, 1, 0x65, 0x44, 3, 0, 0, 0, 1, 0x41, 0x88, 4, 0, 0}
	units := accessUnits(splitAnnexB(s))
	if len(units) != 2 || len(units[0]) != 4 || len(units[1]) != 1 || !bytes.Equal(units[1][0], []byte{0x41, 0x88, 4}) {
		t.Errorf("got %v, want four units of two pictures", units)
	}
}

func TestSequence(t *testing.T) {
	var s sequence
	for _, n := range []uint16{65534, 65535, 0, 1, 1, 3, 2, 6} {
		s.add(n)
	}
	if s.expected() != 9 || s.received != 7 {
		t.Errorf("expected %d, received %d, want 9 and 7", s.expected(), s.received)
	}
	for n := range 5000 {
		s.add(uint16(7 + n))
	}
	if s.expected() != 5009 || s.received != 5007 {
		t.Errorf("expected %d, received %d, want 5009 and 5007", s.expected(), s.received)
	}
}

func TestHelloProfile(t *testing.T) {
	hello := make([]byte, 13+12+34)
	hello[0], hello[13] = 22, 2
	hello = append(hello, 2, 0xaa, 0xbb)        // session id
	hello = append(hello, 0xc0, 0x2b, 0, 0, 13) // suite, compression, extensions
	hello = append(hello, 0, 23, 0, 0)          // extended master secret
	hello = append(hello, 0, 14, 0, 5, 0, 2, 0, 7, 0)
	if got := helloProfile(hello); got != 7 || profileName(got) != "AEAD_AES_128_GCM" {
		t.Errorf("profile %d (%s), want 7", got, profileName(got))
	}
	for n := range hello {
		if n < len(hello)-3 && helloProfile(hello[:n]) != 0 {
			t.Errorf("a hello cut to %d bytes has a profile", n)
		}
	}
}

func TestDechunker(t *testing.T) {
	body := []byte("4\r\nwiki\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n")
	for _, step := range []int{1, 3, 100} {
		var got []byte
		d := dechunker{next: func(b []byte) error { got = append(got, b...); return nil }}
		if err := feedIn(body, step, d.feed); !errors.Is(err, io.EOF) || string(got) != "wiki0123456789" {
			t.Errorf("in pieces of %d: %q, %v", step, got, err)
		}
	}
}

func FuzzFLVParser(f *testing.F) {
	f.Add(flvBytes(someTags())[:400], 7)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		p := flvParser{keep: func(k byte) bool { return k&1 == 0 }, got: func(t tag) { t.isKeyframe(); t.picture(); t.aac() }}
		feedIn(b, max(step, 1), p.feed)
	})
}

func FuzzChunkParser(f *testing.F) {
	f.Add(appendMessage(nil, 3, message{tag: someTags()[0]}, 128), 5)
	f.Fuzz(func(t *testing.T, b []byte, step int) {
		p := newChunkParser(func(k byte) bool { return k&1 == 0 }, func(m message) { parseAMF(m.body) })
		feedIn(b, max(step, 1), p.feed)
	})
}

func FuzzDepacketizer(f *testing.F) {
	f.Add([]byte{0x18, 0, 2, 0x67, 1, 0, 1, 0x68}, []byte{0x7c, 0x85, 1, 2})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var d depacketizer
		for i, p := range [][]byte{a, b, a} {
			if len(p) > 0 {
				startsIDR(p)
			}
			d.push(uint16(i), i == 2, p)
		}
	})
}
