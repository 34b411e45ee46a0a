package main

import (
	"encoding/binary"
	"fmt"
)

// isMedia tells SRTP from STUN and DTLS by its first byte (RFC 7983) and from SRTCP by its second (RFC 5761).
func isMedia(b []byte) bool {
	return len(b) >= 12 && b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223)
}

// readRTPHead reads the fixed header of RFC 3550 section 5.1.
func readRTPHead(b []byte, length int) rtpHead {
	return rtpHead{marker: b[1]&0x80 != 0, pt: b[1] & 0x7f, seq: binary.BigEndian.Uint16(b[2:]),
		ts: binary.BigEndian.Uint32(b[4:]), ssrc: binary.BigEndian.Uint32(b[8:]), length: length}
}

// sequence counts the packets of one SSRC that were to come and those that did. Repeats within the last 1024 numbers,
// such as retransmissions, are counted once.
type sequence struct {
	base, top uint64 // extended numbers, of the first and the highest
	received  int64
	seen      [16]uint64
}

const sequenceWindow = 1024

func (s *sequence) add(seq uint16) {
	if s.received == 0 {
		s.base = 1<<16 + uint64(seq)
		s.top = s.base
		s.received = 1
		s.mark(s.top)
		return
	}
	n := uint64(int64(s.top) + int64(int16(seq-uint16(s.top))))
	if n+sequenceWindow <= s.top {
		return
	}
	for s.top < n {
		s.top++
		s.seen[s.top%sequenceWindow/64] &^= 1 << (s.top % 64)
	}
	if n >= s.base && s.mark(n) {
		s.received++
	}
}

// mark reports whether n had not come before.
func (s *sequence) mark(n uint64) bool {
	word, bit := &s.seen[n%sequenceWindow/64], uint64(1)<<(n%64)
	fresh := *word&bit == 0
	*word |= bit
	return fresh
}

func (s *sequence) expected() int64 {
	if s.received == 0 {
		return 0
	}
	return int64(s.top-s.base) + 1
}

// helloProfile returns the SRTP protection profile a DTLS 1.2 ServerHello chooses (RFC 5764 section 4.1.1), 0 if the
// datagram does not begin with one. The hello is in the clear; AES-GCM and AES-CM do not cost a server the same.
func helloProfile(b []byte) uint16 {
	const recordHead, handshakeHead = 13, 12
	if len(b) < recordHead+handshakeHead || b[0] != 22 || b[recordHead] != 2 {
		return 0
	}
	b = b[recordHead+handshakeHead:]
	skip := func(n int) bool {
		if len(b) < n {
			return false
		}
		b = b[n:]
		return true
	}
	const version, random = 2, 32
	if !skip(version+random) || len(b) < 1 || !skip(1+int(b[0])) { // session id
		return 0
	}
	const suite, compression, extensions = 2, 1, 2
	if !skip(suite + compression + extensions) {
		return 0
	}
	for len(b) >= 4 {
		kind, n := binary.BigEndian.Uint16(b), int(binary.BigEndian.Uint16(b[2:]))
		if len(b) < 4+n {
			return 0
		}
		const useSRTP = 14
		if kind == useSRTP && n >= 4 {
			return binary.BigEndian.Uint16(b[6:])
		}
		b = b[4+n:]
	}
	return 0
}

func profileName(p uint16) string {
	switch p {
	case 0:
		return "unseen"
	case 1:
		return "AES128_CM_HMAC_SHA1_80"
	case 7:
		return "AEAD_AES_128_GCM"
	case 8:
		return "AEAD_AES_256_GCM"
	}
	return fmt.Sprintf("profile %d", p)
}
