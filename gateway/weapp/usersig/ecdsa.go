package usersig

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// envelopeECDSA is the JSON of the form of 2018: texts only.
type envelopeECDSA struct {
	AppIDAt3rd  string `json:"TLS.appid_at_3rd"`
	AccountType string `json:"TLS.account_type"`
	Identifier  string `json:"TLS.identifier"`
	SDKAppID    string `json:"TLS.sdk_appid"`
	Time        string `json:"TLS.time"`
	ExpireAfter string `json:"TLS.expire_after"`
	UserBuf     string `json:"TLS.userbuf,omitempty"`
	Version     string `json:"TLS.version,omitempty"`
	Sig         string `json:"TLS.sig"`
}

// versionECDSA is what the libraries of 2018 write; nobody reads it.
const versionECDSA = "201512300000"

// digest is the SHA-256 of what is signed.
func (e envelopeECDSA) digest() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "TLS.appid_at_3rd:%s\nTLS.account_type:%s\nTLS.identifier:%s\nTLS.sdk_appid:%s\nTLS.time:%s\nTLS.expire_after:%s\n",
		e.AppIDAt3rd, e.AccountType, e.Identifier, e.SDKAppID, e.Time, e.ExpireAfter)
	if e.UserBuf != "" {
		fmt.Fprintf(&b, "TLS.userbuf:%s\n", e.UserBuf)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return sum[:]
}

// SignECDSA makes a userSig of the form of 2018; with a UserBuf, a privateMapKey.
// AccountType and AppIDAt3rd are "0" when empty.
func SignECDSA(key PrivateKey, c Claims) (string, error) {
	if err := c.check(); err != nil {
		return "", err
	}
	e := envelopeECDSA{AppIDAt3rd: orZero(c.AppIDAt3rd), AccountType: orZero(c.AccountType), Identifier: c.UserID,
		SDKAppID: strconv.FormatUint(uint64(c.SDKAppID), 10), Time: strconv.FormatInt(c.Issued.Unix(), 10),
		ExpireAfter: strconv.FormatInt(int64(c.TTL/time.Second), 10), Version: versionECDSA}
	if !oneLine(e.AppIDAt3rd, e.AccountType, e.Identifier) {
		return "", fmt.Errorf("%w: the userID or accountType has a control character in it", ErrMalformed)
	}
	if len(c.UserBuf) > 0 {
		e.UserBuf = base64.StdEncoding.EncodeToString(c.UserBuf)
	}
	der, err := key.sign(e.digest())
	if err != nil {
		return "", fmt.Errorf("userSig: %w", err)
	}
	e.Sig = base64.StdEncoding.EncodeToString(der)
	return pack(e)
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}

func (v Verifier) verifyECDSA(data []byte) (Claims, error) {
	var e envelopeECDSA
	if err := json.Unmarshal(data, &e); err != nil {
		return Claims{}, fmt.Errorf("%w: a field is missing or of the wrong type", ErrMalformed)
	}
	der, err := base64.StdEncoding.DecodeString(e.Sig)
	if err != nil || !oneLine(e.AppIDAt3rd, e.AccountType, e.Identifier, e.UserBuf) {
		return Claims{}, fmt.Errorf("%w: a field has no sense", ErrMalformed)
	}
	app, errApp := strconv.ParseUint(e.SDKAppID, 10, 32)
	issued, errTime := strconv.ParseInt(e.Time, 10, 64)
	ttl, errTTL := strconv.ParseInt(e.ExpireAfter, 10, 64)
	if errApp != nil || errTime != nil || errTTL != nil || ttl > int64(maxTTL/time.Second) {
		return Claims{}, fmt.Errorf("%w: a number in it is none", ErrMalformed)
	}
	digest := e.digest()
	good := false
	for _, key := range v.Public {
		good = good || key.verify(digest, der)
	}
	if !good {
		return Claims{}, fmt.Errorf("%w: no public key fits", ErrSignature)
	}
	c := Claims{UserID: e.Identifier, SDKAppID: uint32(app), AccountType: e.AccountType, AppIDAt3rd: e.AppIDAt3rd,
		Issued: time.Unix(issued, 0), TTL: time.Duration(ttl) * time.Second}
	if c.UserBuf, err = base64.StdEncoding.DecodeString(e.UserBuf); err != nil {
		return Claims{}, fmt.Errorf("%w: its userbuf is not base64", ErrMalformed)
	}
	return c, c.check()
}
