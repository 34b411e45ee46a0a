package h264

import (
	"bytes"
	"slices"
	"testing"

	"github.com/pion/rtp/codecs"
)

func TestPacketize(t *testing.T) {
	cfg := mustConfig(t, testSPS, testPPS)
	other := mustConfig(t, testSPSWithoutVUI(), testPPS)
	aud, filler := []byte{0x09, 0xf0}, []byte{0x0c, 0xff, 0x80}
	big := append([]byte{0x65, 0x88}, bytes.Repeat([]byte{7}, 500)...)
	for _, c := range []struct {
		name  string
		max   int
		nals  [][]byte
		cfg   *Config
		key   bool
		sizes []int
		types []byte // of each payload's first byte
	}{
		{"key, sets added", 0, [][]byte{aud, idrNAL, filler}, cfg, true, []int{1 + 2 + len(testSPS) + 2 + len(testPPS), 7}, []byte{24, 5}},
		{"key, sets there", 0, [][]byte{aud, testPPS, testSPS, idrNAL}, nil, true, []int{1 + 2 + len(testSPS) + 2 + len(testPPS), 7}, []byte{24, 5}},
		{"key, sets replaced", 0, [][]byte{testSPS, testPPS, idrNAL}, other, true, []int{1 + 2 + len(other.SPS[0]) + 2 + len(testPPS), 7}, []byte{24, 5}},
		{"key without any", 0, [][]byte{idrNAL}, nil, true, []int{7}, []byte{5}},
		{"sets too long for one payload", 24, [][]byte{idrNAL}, cfg, true, []int{22, 4, 7}, []byte{7, 8, 5}},
		{"inter", 0, [][]byte{aud, pNAL}, cfg, false, []int{7}, []byte{1}},
		{"just fits", 502, [][]byte{big}, nil, false, []int{502}, []byte{5}},
		{"just too long", 501, [][]byte{big}, nil, false, []int{501, 4}, []byte{28, 28}},
		{"fragments", 200, [][]byte{big}, nil, false, []int{200, 200, 107}, []byte{28, 28, 28}},
		{"end markers", 0, [][]byte{{0x0a}, {0x0b}, aud, {}, {0x18, 1}}, nil, false, nil, nil},
		{"nothing", 0, nil, nil, true, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			pz := Packetizer{MaxPayload: c.max}
			got := pz.Packetize(c.nals, c.cfg, c.key)
			var sizes []int
			var types []byte
			for _, p := range got {
				sizes, types = append(sizes, len(p)), append(types, p[0]&0x1f)
			}
			if !slices.Equal(sizes, c.sizes) || !slices.Equal(types, c.types) {
				t.Fatalf("sizes %v, types %v; want %v, %v", sizes, types, c.sizes, c.types)
			}
		})
	}
}

// TestPacketizeContiguous: the payloads of an access unit lie back to back in one block.
func TestPacketizeContiguous(t *testing.T) {
	nals, cfg := benchUnit()
	var pz Packetizer
	allocs := testing.AllocsPerRun(100, func() { pz.Packetize(nals, cfg, true) })
	if allocs > 2 {
		t.Errorf("%v allocations an access unit, want 2", allocs)
	}
	w := payloadWriter{limit: DefaultMaxPayload}
	w.unit(nals, cfg, true)
	size, count := w.size, w.count
	w.arena, w.payloads = make([]byte, 0, size), make([][]byte, 0, count)
	w.unit(nals, cfg, true)
	if len(w.arena) != size || cap(w.arena) != size || len(w.payloads) != count {
		t.Fatalf("measured %d bytes in %d payloads, wrote %d in %d", size, count, len(w.arena), len(w.payloads))
	}
	if !bytes.Equal(slices.Concat(w.payloads...), w.arena) {
		t.Fatal("payloads do not make up the block")
	}
	for _, p := range w.payloads {
		if cap(p) != len(p) {
			t.Fatal("a payload can be appended to over the next one")
		}
	}
}

// TestPacketizeForPion: another depacketiser reads the same NAL units.
func TestPacketizeForPion(t *testing.T) {
	for _, s := range clip(t, "320x240", 1, "-profile:v", "high", "-bf", "0", "-slices", "4", "-b:v", "3M") {
		nals := split(t, s)
		pz := Packetizer{MaxPayload: 500}
		var depay codecs.H264Packet
		var got []byte
		for _, p := range pz.Packetize(nals, s.cfg, s.key) {
			b, err := depay.Unmarshal(p)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, b...)
		}
		want := annexB(nil, nals)
		if s.key {
			want = annexB(annexB(nil, slices.Concat(s.cfg.SPS, s.cfg.PPS)), nals)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("access unit at %v reads differently", s.pts)
		}
	}
}

func TestPayloadInfo(t *testing.T) {
	i1, i2, _ := fuA(idrNAL)
	p1, _, _ := fuA(pNAL)
	b1, b2, _ := fuA(bNAL)
	for _, c := range []struct {
		name    string
		payload []byte
		want    Info
	}{
		{"sets", stapA(testSPS, testPPS), Info{Key: true, Start: true}},
		{"sps", testSPS, Info{Key: true, Start: true}},
		{"pps", testPPS, Info{}},
		{"idr", idrNAL, Info{Key: true, Start: true}},
		{"idr, later slice", idrNAL2, Info{Key: true}},
		{"idr fragment", i1, Info{Key: true, Start: true}},
		{"idr, later fragment", i2, Info{Key: true}},
		{"p", pNAL, Info{}},
		{"p fragment", p1, Info{}},
		{"b", bNAL, Info{Disposable: true}},
		{"b fragment", b1, Info{Disposable: true}},
		{"b, later fragment", b2, Info{Disposable: true}},
		{"b slices", stapA(bNAL, bNAL2), Info{Disposable: true}},
		{"b and p", stapA(bNAL, pNAL), Info{}},
		{"cut STAP-A", []byte{0x78, 0, 9, 0x67}, Info{}},
		{"bare STAP-A", []byte{0x78}, Info{}},
		{"bare FU-A", []byte{0x7c, 0x85}, Info{}},
		{"empty", nil, Info{}},
		{"zero", []byte{0}, Info{}},
	} {
		if got := PayloadInfo(c.payload); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestConfigOf(t *testing.T) {
	if c := ConfigOf(stapA(testSPS, testPPS)); c == nil || c.Width != 1280 {
		t.Errorf("read as %+v", c)
	}
	for _, b := range [][]byte{nil, idrNAL, testSPS, stapA(testSPS), stapA(idrNAL, pNAL), {0x78, 0, 9, 0x67}, {0x78, 0, 0, 0}} {
		if c := ConfigOf(b); c != nil {
			t.Errorf("%x read as %+v", b, c)
		}
	}
}
