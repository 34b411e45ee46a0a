// Package usersig makes and verifies userSigs: signed texts by which a back end
// says that somebody is a user of an app. Mini-programs get them from their back
// end and show them at login.
//
// There are two forms. The one of 2018 is signed with an EC key (ECDSA, SHA-256);
// with a userbuf it is a privateMapKey, the right to enter one room. The one of
// 2019 and later is signed with a shared key (HMAC-SHA256). Both are a JSON object,
// deflated (zlib), in a base64 that needs no escaping in URLs.
package usersig

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

var (
	// ErrMalformed refuses what is no userSig at all.
	ErrMalformed = errors.New("malformed userSig")
	// ErrSignature refuses a userSig that no known key has signed.
	ErrSignature = errors.New("wrong signature of userSig")
	// ErrExpired refuses a userSig whose time is over.
	ErrExpired = errors.New("userSig expired")
	// ErrNotYet refuses a userSig from the future.
	ErrNotYet = errors.New("userSig not valid yet")
)

const (
	maxText = 4096    // bytes of a userSig
	maxJSON = 8 << 10 // bytes of what is in it
	// maxAhead is how far the clock of whoever signed may be ahead.
	maxAhead = 5 * time.Minute
	// maxTTL bounds the life that is believed: beyond it instants overflow.
	maxTTL = 100 * 365 * 24 * time.Hour
)

// Claims are what a userSig says.
type Claims struct {
	UserID   string
	SDKAppID uint32
	// AccountType and AppIDAt3rd are of the 2018 form only.
	AccountType, AppIDAt3rd string
	Issued                  time.Time
	TTL                     time.Duration
	// UserBuf, if any, is what else is signed.
	UserBuf []byte
}

// Expires is from when on the userSig is refused.
func (c Claims) Expires() time.Time { return c.Issued.Add(c.TTL) }

// Verifier knows the keys of those who may sign.
type Verifier struct {
	Shared []string // for HMAC-SHA256
	Public []PublicKey
}

// Verify returns what a userSig says, if a known key has signed it and its time
// is now. Whose and for which app it is, is the caller's to compare.
func (v Verifier) Verify(sig string, now time.Time) (Claims, error) {
	data, err := unpack(sig)
	if err != nil {
		return Claims{}, err
	}
	var form struct {
		Ver any `json:"TLS.ver"`
	}
	if err := json.Unmarshal(data, &form); err != nil {
		return Claims{}, fmt.Errorf("%w: it holds no JSON object", ErrMalformed)
	}
	var c Claims
	if form.Ver != nil {
		c, err = v.verifyHMAC(data)
	} else {
		c, err = v.verifyECDSA(data)
	}
	switch {
	case err != nil:
		return Claims{}, err
	case c.Issued.After(now.Add(maxAhead)):
		return Claims{}, fmt.Errorf("%w: it was issued at %s; set the clock of whoever signs", ErrNotYet, c.Issued.UTC().Format(time.RFC3339))
	case !now.Before(c.Expires()):
		return Claims{}, fmt.Errorf("%w: it was good until %s; get a new one", ErrExpired, c.Expires().UTC().Format(time.RFC3339))
	}
	return c, nil
}

// check refuses claims whose lines could be read in two ways.
func (c Claims) check() error {
	if c.UserID == "" {
		return fmt.Errorf("%w: it names no user", ErrMalformed)
	}
	if c.TTL <= 0 || c.TTL > maxTTL || c.Issued.Unix() < 0 || c.Issued.Unix() > 1<<40 {
		return fmt.Errorf("%w: its time makes no sense", ErrMalformed)
	}
	return nil
}

// oneLine says whether texts may stand in the signed lines.
func oneLine(texts ...string) bool {
	for _, s := range texts {
		if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return false
		}
	}
	return true
}

var (
	urlSafe  = strings.NewReplacer("+", "*", "/", "-", "=", "_")
	standard = strings.NewReplacer("*", "+", "-", "/", "_", "=")
)

// pack deflates and encodes.
func pack(v any) (string, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("userSig: %w", err)
	}
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	if _, err := w.Write(text); err != nil {
		return "", fmt.Errorf("userSig: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("userSig: %w", err)
	}
	return urlSafe.Replace(base64.StdEncoding.EncodeToString(b.Bytes())), nil
}

// unpack is the inverse of pack. It takes no more than maxJSON bytes, whatever a
// few bytes of zlib promise.
func unpack(sig string) ([]byte, error) {
	switch {
	case sig == "":
		return nil, fmt.Errorf("%w: it is empty", ErrMalformed)
	case len(sig) > maxText:
		return nil, fmt.Errorf("%w: it is longer than %d bytes", ErrMalformed, maxText)
	case strings.ContainsAny(sig, "+/=\r\n"):
		return nil, fmt.Errorf("%w: it is not in the URL-safe base64 of * - and _", ErrMalformed)
	}
	packed, err := base64.StdEncoding.Strict().DecodeString(standard.Replace(sig))
	if err != nil {
		return nil, fmt.Errorf("%w: it is not in the URL-safe base64 of * - and _", ErrMalformed)
	}
	source := bytes.NewReader(packed)
	r, err := zlib.NewReader(source)
	if err != nil {
		return nil, fmt.Errorf("%w: it is not deflated", ErrMalformed)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxJSON+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: it is not deflated", ErrMalformed)
	case len(data) > maxJSON:
		return nil, fmt.Errorf("%w: it holds more than %d bytes", ErrMalformed, maxJSON)
	case source.Len() > 0:
		return nil, fmt.Errorf("%w: something follows it", ErrMalformed)
	}
	return data, nil
}
