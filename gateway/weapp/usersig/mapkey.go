package usersig

import (
	"encoding/binary"
	"fmt"
	"time"
)

// AllPrivileges are the bits of a [Map] that let its user do everything.
const AllPrivileges = 255

// Map is what a privateMapKey allows: one user in one room.
type Map struct {
	UserID     string
	SDKAppID   uint32
	RoomID     uint32
	Expires    time.Time
	Privileges uint32
	Account    uint32
}

// Encode writes it as a userbuf: u8 0, the userID behind its length (u16), and five
// u32, all big endian.
func (m Map) Encode() []byte {
	b := []byte{0}
	b = binary.BigEndian.AppendUint16(b, uint16(len(m.UserID)))
	b = append(b, m.UserID...)
	for _, n := range []uint32{m.SDKAppID, m.RoomID, uint32(m.Expires.Unix()), m.Privileges, m.Account} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return b
}

// DecodeMap reads what [Map.Encode] wrote.
func DecodeMap(b []byte) (Map, error) {
	if len(b) < 3 || b[0] != 0 {
		return Map{}, fmt.Errorf("%w: its userbuf is of another kind", ErrMalformed)
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	if len(b) != 3+n+20 {
		return Map{}, fmt.Errorf("%w: its userbuf is %d bytes long", ErrMalformed, len(b))
	}
	m := Map{UserID: string(b[3 : 3+n])}
	b = b[3+n:]
	m.SDKAppID, m.RoomID = binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
	m.Expires = time.Unix(int64(binary.BigEndian.Uint32(b[8:])), 0)
	m.Privileges, m.Account = binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:])
	return m, nil
}

// SignMap makes a privateMapKey, good from now until m.Expires.
func SignMap(key PrivateKey, m Map, now time.Time) (string, error) {
	return SignECDSA(key, Claims{UserID: m.UserID, SDKAppID: m.SDKAppID, Issued: now, TTL: m.Expires.Sub(now), UserBuf: m.Encode()})
}

// VerifyMap returns what a privateMapKey allows, if it is genuine and its time is
// now.
func (v Verifier) VerifyMap(sig string, now time.Time) (Map, error) {
	c, err := v.Verify(sig, now)
	if err != nil {
		return Map{}, err
	}
	m, err := DecodeMap(c.UserBuf)
	switch {
	case err != nil:
		return Map{}, err
	case m.UserID != c.UserID || m.SDKAppID != c.SDKAppID:
		return Map{}, fmt.Errorf("%w: it names two users or apps", ErrMalformed)
	case !now.Before(m.Expires):
		return Map{}, fmt.Errorf("%w: it was good until %s; get a new one", ErrExpired, m.Expires.UTC().Format(time.RFC3339))
	}
	return m, nil
}
