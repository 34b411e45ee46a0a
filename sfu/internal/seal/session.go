package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
)

const (
	headerSize = 12 // of RTP without CSRCs and extensions
	tagSize    = 16

	// Overhead is by how much a sealed packet is longer than its payload.
	Overhead = headerSize + tagSize

	// window is how far behind the newest packet another may be sent.
	window = 4096

	// repeats is how many packets back a retransmission may reach.
	repeats = 256
)

var (
	// ErrTaken is returned for an SSRC that has an owner already.
	ErrTaken = errors.New("seal: the SSRC is in use")
	// ErrUsed is returned for a packet whose index has been used, or might have.
	ErrUsed = errors.New("seal: the packet index has been used")
	// ErrDiffers is returned for a repetition that is not what was sent before.
	ErrDiffers = errors.New("seal: not the packet that was sent before")
	// ErrExhausted is returned when an SSRC has no index left (RFC 3711 §9.2).
	ErrExhausted = errors.New("seal: the SSRC has used all of its packet indices")
)

// Session seals for one connection. Its Streams may be used concurrently, each
// by one goroutine at a time.
type Session struct {
	aead cipher.AEAD
	salt [12]byte

	mu    sync.Mutex
	taken map[uint32]struct{}
}

// Labels of the key derivation (RFC 3711 §4.3.2).
const (
	labelKey  = 0
	labelSalt = 2
)

// NewSession derives the session's keys from an AES-GCM master key of 16 or 32
// bytes and a salt of 12 (RFC 7714 §11). At most one Session may be made of a
// key, ever.
func NewSession(masterKey, masterSalt []byte) (*Session, error) {
	s := &Session{taken: map[uint32]struct{}{}}
	if len(masterSalt) != len(s.salt) {
		return nil, fmt.Errorf("seal: a master salt of %d bytes, want %d", len(masterSalt), len(s.salt))
	}
	prf, err := aes.NewCipher(masterKey)
	if err != nil {
		return nil, err
	}
	key := make([]byte, len(masterKey))
	derive(prf, masterSalt, labelKey, key)
	derive(prf, masterSalt, labelSalt, s.salt[:])
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	s.aead, err = cipher.NewGCM(block)

	return s, err
}

// derive fills out with key stream of AES in counter mode, from the master salt
// and a label (RFC 3711 §4.3.3; a salt of 96 bits is followed by zeros, RFC 7714
// §11).
func derive(prf cipher.Block, masterSalt []byte, label byte, out []byte) {
	var iv [aes.BlockSize]byte
	copy(iv[:], masterSalt)
	iv[7] ^= label
	clear(out)
	cipher.NewCTR(prf, iv[:]).XORKeyStream(out, out)
}

// Reserve takes an SSRC, so that no Stream gets it: somebody else sends on it.
// The error is [ErrTaken] for one that has an owner.
func (s *Session) Reserve(ssrc uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.taken[ssrc]; ok {
		return fmt.Errorf("%w: %08x", ErrTaken, ssrc)
	}
	s.taken[ssrc] = struct{}{}

	return nil
}

// Stream gives the SSRC to the caller, for good. repeat says that
// retransmissions may be asked for.
func (s *Session) Stream(ssrc uint32, repeat bool) (*Stream, error) {
	if err := s.Reserve(ssrc); err != nil {
		return nil, err
	}
	st := &Stream{s: s, ssrc: ssrc}
	if repeat {
		st.tags = new([repeats]uint64)
	}

	return st, nil
}

// Stream seals the packets of one SSRC. Sequence numbers may come out of order,
// up to 4096 behind the newest; the roll-over counter follows them.
type Stream struct {
	s    *Session
	ssrc uint32

	started bool
	newest  uint64 // index: roll-over counter and sequence number
	used    [window / 64]uint64
	tags    *[repeats]uint64 // of the newest packets, where they may be repeated
	nonce   [12]byte
}

// Packet is what is to be sealed.
type Packet struct {
	PayloadType uint8
	Marker      bool
	Sequence    uint16
	Timestamp   uint32
	Payload     []byte
}

// Seal appends the packet to dst, which must have room for it. Nothing is
// appended with an error, which wraps [ErrUsed] or [ErrExhausted].
func (st *Stream) Seal(dst []byte, p *Packet) ([]byte, error) {
	index, err := st.take(p.Sequence)
	if err != nil {
		return dst, err
	}
	dst = st.seal(dst, p, index)
	if st.tags != nil && st.newest-index < repeats {
		st.tags[index%repeats] = tagOf(dst)
	}

	return dst, nil
}

// Repeat appends a packet that has been sealed before, byte for byte as it was.
// The error wraps [ErrUsed] where it is too long ago, and [ErrDiffers] where the
// packet is not the same: nothing is appended then.
func (st *Stream) Repeat(dst []byte, p *Packet) ([]byte, error) {
	index := st.extend(p.Sequence)
	if st.tags == nil || !st.started || index > st.newest || st.newest-index >= repeats || !st.isUsed(index) {
		return dst, fmt.Errorf("%w: sequence number %d cannot be repeated", ErrUsed, p.Sequence)
	}
	from := len(dst)
	dst = st.seal(dst, p, index)
	// Equal tags mean equal packets: the tag covers header and payload under
	// one nonce.
	if tagOf(dst) != st.tags[index%repeats] {
		clear(dst[from:])

		return dst[:from], fmt.Errorf("%w: sequence number %d", ErrDiffers, p.Sequence)
	}

	return dst, nil
}

func tagOf(sealed []byte) uint64 { return binary.BigEndian.Uint64(sealed[len(sealed)-tagSize:]) }

// seal writes header, encrypted payload and tag (RFC 7714 §8).
func (st *Stream) seal(dst []byte, p *Packet, index uint64) []byte {
	second := p.PayloadType & 0x7f
	if p.Marker {
		second |= 0x80
	}
	from := len(dst)
	dst = append(dst, 0x80, second)
	dst = binary.BigEndian.AppendUint16(dst, p.Sequence)
	dst = binary.BigEndian.AppendUint32(dst, p.Timestamp)
	dst = binary.BigEndian.AppendUint32(dst, st.ssrc)

	// Two zero bytes, SSRC, roll-over counter and sequence number, XOR the salt.
	n := &st.nonce
	binary.BigEndian.PutUint16(n[0:], 0)
	binary.BigEndian.PutUint32(n[2:], st.ssrc)
	binary.BigEndian.PutUint32(n[6:], uint32(index>>16))
	binary.BigEndian.PutUint16(n[10:], uint16(index))
	for i, b := range st.s.salt {
		n[i] ^= b
	}

	return st.s.aead.Seal(dst, n[:], p.Payload, dst[from:from+headerSize])
}

// extend places a sequence number nearest to the newest index, as receivers do
// (RFC 3711 §3.3.1).
func (st *Stream) extend(seq uint16) uint64 {
	if !st.started {
		return uint64(seq)
	}
	diff := int64(int16(seq - uint16(st.newest)))
	if diff < 0 && uint64(-diff) > st.newest {
		diff += 1 << 16
	}

	return st.newest + uint64(diff)
}

// take gives the index of a packet to be sealed, and never gives it again.
func (st *Stream) take(seq uint16) (uint64, error) {
	index := st.extend(seq)
	switch {
	case !st.started:
		st.started, st.newest = true, index
	case index > st.newest:
		if index >= 1<<48 {
			return 0, ErrExhausted
		}
		// The indices that fall into the window have not been used.
		for i := st.newest + 1; i <= index && i <= st.newest+window; i++ {
			st.used[i/64%uint64(len(st.used))] &^= 1 << (i % 64)
		}
		st.newest = index
	case st.newest-index >= window || st.isUsed(index):
		return 0, fmt.Errorf("%w: sequence number %d", ErrUsed, seq)
	}
	st.used[index/64%uint64(len(st.used))] |= 1 << (index % 64)

	return index, nil
}

// isUsed is for an index of the window.
func (st *Stream) isUsed(index uint64) bool {
	return st.used[index/64%uint64(len(st.used))]&(1<<(index%64)) != 0
}
