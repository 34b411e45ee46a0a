package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

// NAL unit types of ITU-T H.264 table 7-1 and RFC 6184 section 5.2.
const (
	nalSlice = 1
	nalIDR   = 5
	nalSTAPA = 24
	nalFUA   = 28
)

func nalType(nal []byte) byte {
	if len(nal) == 0 {
		return 0
	}
	return nal[0] & 0x1f
}

func isVCL(nal []byte) bool { t := nalType(nal); return t == nalSlice || t == nalIDR }

// frameKey names a frame by its content, so that it is known again behind any gateway that repackages it without
// decoding it.
type frameKey struct {
	length int
	sum    uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func keyOf(b []byte) frameKey { return frameKey{len(b), crc32.Checksum(b, castagnoli)} }

// pictureKey names an access unit by its last slice: parameter sets, SEI and delimiters come and go on the way.
func pictureKey(nals [][]byte) (k frameKey, ok bool) {
	for i := len(nals) - 1; i >= 0; i-- {
		if isVCL(nals[i]) {
			return keyOf(nals[i]), true
		}
	}
	return frameKey{}, false
}

func hasIDR(nals [][]byte) bool {
	for _, n := range nals {
		if nalType(n) == nalIDR {
			return true
		}
	}
	return false
}

// splitAVCC cuts a sample with 4-byte lengths into its NAL units; what is cut short at the end is left out.
func splitAVCC(b []byte) (nals [][]byte) {
	for len(b) > 4 {
		n := binary.BigEndian.Uint32(b)
		b = b[4:]
		if uint64(n) > uint64(len(b)) {
			break
		}
		if n > 0 {
			nals = append(nals, b[:n:n])
		}
		b = b[n:]
	}
	return nals
}

// splitAnnexB cuts a byte stream at its start codes (ITU-T H.264 annex B).
func splitAnnexB(b []byte) (nals [][]byte) {
	code := []byte{0, 0, 1}
	at := bytes.Index(b, code)
	for at >= 0 {
		b = b[at+len(code):]
		at = bytes.Index(b, code)
		nal := b
		if at >= 0 {
			nal = b[:at]
		}
		// A fourth zero before the next start code, and trailing zeros, are not the unit's.
		if nal = bytes.TrimRight(nal, "\x00"); len(nal) > 0 {
			nals = append(nals, nal)
		}
	}
	return nals
}

// accessUnits groups NAL units into pictures. A picture ends before the first unit that is no slice, and before a slice
// with first_mb_in_slice 0, which is coded as a single 1 bit.
func accessUnits(nals [][]byte) (units [][][]byte) {
	var unit [][]byte
	pictured := false
	for _, n := range nals {
		starts := !isVCL(n) || (len(n) > 1 && n[1]&0x80 != 0)
		if pictured && starts {
			units, unit, pictured = append(units, unit), nil, false
		}
		unit = append(unit, n)
		pictured = pictured || isVCL(n)
	}
	if pictured {
		units = append(units, unit)
	}
	return units
}

// depacketizer rebuilds access units from RTP payloads (RFC 6184, packetization modes 0 and 1). An access unit with a
// gap in its sequence numbers is dropped.
type depacketizer struct {
	nals    [][]byte
	partial []byte // a fragmented unit so far
	next    uint16
	started bool
	broken  bool
}

// push takes one packet's payload. At the marker it returns the NAL units of the access unit, nil if it was broken.
func (d *depacketizer) push(seq uint16, marker bool, payload []byte) [][]byte {
	if d.started && seq != d.next {
		d.broken = true
	}
	d.started, d.next = true, seq+1
	switch t := nalType(payload); {
	case t == nalSTAPA:
		eachAggregated(payload, func(nal []byte) { d.nals = append(d.nals, bytes.Clone(nal)) })
	case t == nalFUA && len(payload) > 2:
		if start := payload[1]&0x80 != 0; start {
			d.partial = append([]byte(nil), payload[0]&0xe0|payload[1]&0x1f)
		}
		d.partial = append(d.partial, payload[2:]...)
		if end := payload[1]&0x40 != 0; end {
			d.nals, d.partial = append(d.nals, d.partial), nil
		}
	case t >= 1 && t < nalSTAPA:
		d.nals = append(d.nals, bytes.Clone(payload))
	}
	if !marker {
		return nil
	}
	nals, broken := d.nals, d.broken
	d.nals, d.partial, d.broken = nil, nil, false
	if broken {
		return nil
	}
	return nals
}

// eachAggregated visits the NAL units of a STAP-A packet (RFC 6184 section 5.7.1).
func eachAggregated(payload []byte, visit func(nal []byte)) {
	for b := payload[1:]; len(b) > 2; {
		n := int(binary.BigEndian.Uint16(b))
		if n == 0 || n+2 > len(b) {
			return
		}
		visit(b[2 : 2+n])
		b = b[2+n:]
	}
}

// startsIDR reports whether an RTP payload holds the beginning of an IDR slice.
func startsIDR(payload []byte) bool {
	switch nalType(payload) {
	case nalIDR:
		return true
	case nalSTAPA:
		found := false
		eachAggregated(payload, func(nal []byte) { found = found || nalType(nal) == nalIDR })
		return found
	case nalFUA:
		return len(payload) > 1 && payload[1]&0x80 != 0 && payload[1]&0x1f == nalIDR
	}
	return false
}
