package usersig

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// envelopeHMAC is the JSON of the form of 2019.
type envelopeHMAC struct {
	Ver        string `json:"TLS.ver"`
	Identifier string `json:"TLS.identifier"`
	SDKAppID   uint32 `json:"TLS.sdkappid"`
	Expire     int64  `json:"TLS.expire"`
	Time       int64  `json:"TLS.time"`
	UserBuf    string `json:"TLS.userbuf,omitempty"`
	Sig        string `json:"TLS.sig"`
}

const versionHMAC = "2.0"

// content is what is signed.
func (e envelopeHMAC) content() string {
	var b strings.Builder
	fmt.Fprintf(&b, "TLS.identifier:%s\nTLS.sdkappid:%d\nTLS.time:%d\nTLS.expire:%d\n", e.Identifier, e.SDKAppID, e.Time, e.Expire)
	if e.UserBuf != "" {
		fmt.Fprintf(&b, "TLS.userbuf:%s\n", e.UserBuf)
	}
	return b.String()
}

func (e envelopeHMAC) sum(key string) []byte {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(e.content()))
	return h.Sum(nil)
}

// SignHMAC makes a userSig of the form of 2019.
func SignHMAC(key string, c Claims) (string, error) {
	if err := c.check(); err != nil {
		return "", err
	}
	if !oneLine(c.UserID) {
		return "", fmt.Errorf("%w: the userID has a control character in it", ErrMalformed)
	}
	e := envelopeHMAC{Ver: versionHMAC, Identifier: c.UserID, SDKAppID: c.SDKAppID, Expire: int64(c.TTL / time.Second), Time: c.Issued.Unix()}
	if len(c.UserBuf) > 0 {
		e.UserBuf = base64.StdEncoding.EncodeToString(c.UserBuf)
	}
	e.Sig = base64.StdEncoding.EncodeToString(e.sum(key))
	return pack(e)
}

func (v Verifier) verifyHMAC(data []byte) (Claims, error) {
	var e envelopeHMAC
	if err := json.Unmarshal(data, &e); err != nil {
		return Claims{}, fmt.Errorf("%w: a field is missing or of the wrong type", ErrMalformed)
	}
	if e.Ver != versionHMAC {
		return Claims{}, fmt.Errorf("%w: its TLS.ver is not %s", ErrMalformed, versionHMAC)
	}
	sig, err := base64.StdEncoding.DecodeString(e.Sig)
	if err != nil || !oneLine(e.Identifier, e.UserBuf) || e.Expire > int64(maxTTL/time.Second) {
		return Claims{}, fmt.Errorf("%w: a field has no sense", ErrMalformed)
	}
	good := false
	for _, key := range v.Shared { // with each, whichever fits, so that time tells nothing
		good = hmac.Equal(e.sum(key), sig) || good
	}
	if !good {
		return Claims{}, fmt.Errorf("%w: no key of weapp.key fits", ErrSignature)
	}
	c := Claims{UserID: e.Identifier, SDKAppID: e.SDKAppID, Issued: time.Unix(e.Time, 0), TTL: time.Duration(e.Expire) * time.Second}
	if c.UserBuf, err = base64.StdEncoding.DecodeString(e.UserBuf); err != nil {
		return Claims{}, fmt.Errorf("%w: its userbuf is not base64", ErrMalformed)
	}
	return c, c.check()
}
