package usersig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	k1 "github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
)

// ErrKey refuses a file that holds no key of a known kind.
var ErrKey = errors.New("no EC key")

// PrivateKey signs. It is on a NIST curve, or on secp256k1, on which the keys of
// 2018 are and which the standard library lacks.
type PrivateKey struct {
	nist *ecdsa.PrivateKey
	k1   *secp256k1.PrivateKey
}

// PublicKey verifies.
type PublicKey struct {
	nist *ecdsa.PublicKey
	k1   *secp256k1.PublicKey
}

// Public returns the other half.
func (k PrivateKey) Public() PublicKey {
	if k.k1 != nil {
		return PublicKey{k1: k.k1.PubKey()}
	}
	return PublicKey{nist: &k.nist.PublicKey}
}

func (k PrivateKey) sign(digest []byte) ([]byte, error) {
	if k.k1 != nil {
		return k1.Sign(k.k1, digest).Serialize(), nil
	}
	return ecdsa.SignASN1(rand.Reader, k.nist, digest)
}

func (k PublicKey) verify(digest, der []byte) bool {
	if k.k1 == nil {
		return ecdsa.VerifyASN1(k.nist, digest, der)
	}
	sig, err := k1.ParseDERSignature(der)
	return err == nil && sig.Verify(digest, k.k1)
}

// Derived is a P-256 key made of a secret, for those who have no EC key: the same
// for the same secret, and of no use for finding it.
func Derived(secret string) PrivateKey {
	for n := byte(0); ; n++ {
		h := hmac.New(sha256.New, []byte(secret))
		h.Write(append([]byte("hutong userSig EC key "), n))
		if key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), h.Sum(nil)); err == nil {
			return PrivateKey{nist: key} // nearly every 32 bytes are one
		}
	}
}

var (
	oidECPublicKey = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidSecp256k1   = asn1.ObjectIdentifier{1, 3, 132, 0, 10}
)

// algorithm is an AlgorithmIdentifier whose parameters name a curve (RFC 5480 §2.1.1).
type algorithm struct {
	Algorithm asn1.ObjectIdentifier
	Curve     asn1.ObjectIdentifier
}

func (a algorithm) secp256k1() bool {
	return a.Algorithm.Equal(oidECPublicKey) && a.Curve.Equal(oidSecp256k1)
}

// sec1 is an ECPrivateKey (RFC 5915 §3).
type sec1 struct {
	Version    int
	PrivateKey []byte
	Curve      asn1.ObjectIdentifier `asn1:"optional,explicit,tag:0"`
	Public     asn1.BitString        `asn1:"optional,explicit,tag:1"`
}

// ParsePrivateKey reads a PEM file: PKCS #8 or SEC 1.
func ParsePrivateKey(file []byte) (PrivateKey, error) {
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case "PRIVATE KEY":
			return parsePKCS8(block.Bytes)
		case "EC PRIVATE KEY":
			var raw sec1
			if _, err := asn1.Unmarshal(block.Bytes, &raw); err == nil && raw.Curve.Equal(oidSecp256k1) {
				return parseK1(raw)
			}
			key, err := x509.ParseECPrivateKey(block.Bytes)
			if err != nil {
				return PrivateKey{}, fmt.Errorf("%w: %w", ErrKey, err)
			}
			return PrivateKey{nist: key}, nil
		}
	}
	return PrivateKey{}, fmt.Errorf("%w: no PRIVATE KEY or EC PRIVATE KEY block; write the key as PEM", ErrKey)
}

func parsePKCS8(der []byte) (PrivateKey, error) {
	var info struct { // PrivateKeyInfo (RFC 5208 §5); attributes may follow
		Version    int
		Algorithm  algorithm
		PrivateKey []byte
		Rest       []asn1.RawValue `asn1:"optional,omitempty,tag:0"`
	}
	if _, err := asn1.Unmarshal(der, &info); err == nil && info.Algorithm.secp256k1() {
		var raw sec1
		if _, err := asn1.Unmarshal(info.PrivateKey, &raw); err != nil {
			return PrivateKey{}, fmt.Errorf("%w: %w", ErrKey, err)
		}
		return parseK1(raw)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("%w: %w", ErrKey, err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return PrivateKey{}, fmt.Errorf("%w: it is a %T; make one with openssl ecparam -name prime256v1 -genkey", ErrKey, key)
	}
	return PrivateKey{nist: ec}, nil
}

func parseK1(raw sec1) (PrivateKey, error) {
	var d secp256k1.ModNScalar
	if len(raw.PrivateKey) != 32 || d.SetByteSlice(raw.PrivateKey) || d.IsZero() {
		return PrivateKey{}, fmt.Errorf("%w: a secp256k1 key out of range", ErrKey)
	}
	return PrivateKey{k1: secp256k1.NewPrivateKey(&d)}, nil
}

// ParsePublicKey reads a PEM file: SubjectPublicKeyInfo.
func ParsePublicKey(file []byte) (PublicKey, error) {
	for block, rest := pem.Decode(file); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "PUBLIC KEY" {
			continue
		}
		var info struct {
			Algorithm algorithm
			Public    asn1.BitString
		}
		if _, err := asn1.Unmarshal(block.Bytes, &info); err == nil && info.Algorithm.secp256k1() {
			key, err := secp256k1.ParsePubKey(info.Public.RightAlign())
			if err != nil {
				return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
			}
			return PublicKey{k1: key}, nil
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return PublicKey{}, fmt.Errorf("%w: %w", ErrKey, err)
		}
		ec, ok := key.(*ecdsa.PublicKey)
		if !ok {
			return PublicKey{}, fmt.Errorf("%w: it is a %T; EC keys sign userSigs", ErrKey, key)
		}
		return PublicKey{nist: ec}, nil
	}
	return PublicKey{}, fmt.Errorf("%w: no PUBLIC KEY block; write the key as PEM", ErrKey)
}
