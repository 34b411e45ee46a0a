package h264

import (
	"bytes"
	"testing"
	"time"
)

func benchUnit() ([][]byte, *Config) {
	cfg, _ := NewConfig([][]byte{testSPS}, [][]byte{testPPS})
	slice := append([]byte{0x65, 0x80}, bytes.Repeat([]byte{1, 2, 3, 4}, 3000)...)
	return [][]byte{{0x09, 0xf0}, slice, append([]byte{0x65, 0x40}, slice[2:]...)}, cfg
}

func BenchmarkPacketize(b *testing.B) {
	nals, cfg := benchUnit()
	var pz Packetizer
	b.ReportAllocs()
	for b.Loop() {
		pz.Packetize(nals, cfg, true)
	}
}

func BenchmarkJitterAssemble(b *testing.B) {
	nals, cfg := benchUnit()
	var pz Packetizer
	payloads := pz.Packetize(nals, cfg, true)
	var jb JitterBuffer
	var asm Assembler
	now := time.Unix(0, 0)
	seq := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		for i, p := range payloads {
			seq++
			jb.Push(seq, Packet{uint32(seq), i == len(payloads)-1, p}, now)
			if p, lost, ok := jb.Pop(now); ok {
				p.Timestamp = 5
				asm.Lost(lost)
				asm.Push(p)
			}
		}
	}
	if asm.Stats().Complete == 0 {
		b.Fatal("nothing came out")
	}
}

func BenchmarkSplitAVCC(b *testing.B) {
	nals, _ := benchUnit()
	avcc := AppendAVCC(nil, nals)
	var dst [][]byte
	b.ReportAllocs()
	for b.Loop() {
		dst, _ = SplitAVCC(dst[:0], avcc, 4)
	}
}
