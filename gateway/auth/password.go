package auth

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// ErrBadHash says that a password's hash cannot be used.
var ErrBadHash = errors.New("bad password hash")

// Parameters of new hashes: argon2id with 19 MiB and two passes, which OWASP
// recommends as the least.
const (
	argonTime   = 2
	argonMemory = 19 * 1024 // KiB
	argonLanes  = 1
	argonKey    = 32
)

// Bounds of hashes that somebody else made: each check costs this much.
const (
	maxArgonMemory = 1 << 20 // KiB
	maxArgonTime   = 64
	maxPassword    = 1024 // bytes
)

// HashPassword returns an argon2id hash in the usual form, which [CheckPassword]
// reads.
func HashPassword(password string) string {
	salt := make([]byte, 16)
	rand.Read(salt)
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonLanes,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

// CheckPassword says whether a password is that of a hash, of argon2id or bcrypt.
func CheckPassword(hash, password string) (bool, error) {
	if len(password) > maxPassword {
		return false, nil
	}
	if strings.HasPrefix(hash, "$2") {
		err := bcrypt.CompareHashAndPassword([]byte(hash), []byte(password))
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, bcrypt.ErrMismatchedHashAndPassword), errors.Is(err, bcrypt.ErrPasswordTooLong):
			return false, nil
		}
		return false, fmt.Errorf("%w: %w; make one with hutong password", ErrBadHash, err)
	}
	a, err := parseArgon(hash)
	if err != nil {
		return false, err
	}
	key := argon2.IDKey([]byte(password), a.salt, a.time, a.memory, a.lanes, uint32(len(a.key)))
	return subtle.ConstantTimeCompare(key, a.key) == 1, nil
}

type argon struct {
	time, memory uint32
	lanes        uint8
	salt, key    []byte
}

func parseArgon(hash string) (argon, error) {
	wrong := fmt.Errorf("%w: it is neither bcrypt nor argon2id; make one with hutong password", ErrBadHash)
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return argon{}, wrong
	}
	var a argon
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &a.memory, &a.time, &a.lanes); n != 3 || err != nil {
		return argon{}, wrong
	}
	var err1, err2 error
	a.salt, err1 = base64.RawStdEncoding.DecodeString(parts[4])
	a.key, err2 = base64.RawStdEncoding.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(a.salt) < 8 || len(a.key) < 16 || len(a.key) > 128 ||
		a.memory > maxArgonMemory || a.time < 1 || a.time > maxArgonTime || a.lanes < 1 {
		return argon{}, wrong
	}
	return a, nil
}
