package record

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// LoadKey reads the key that manifests are signed with, an Ed25519 key in PKCS #8
// PEM, as openssl genpkey -algorithm ed25519 makes it. Where create is set and
// there is no file, one is made, and its public half beside it.
func LoadKey(path string, create bool) (ed25519.PrivateKey, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && create {
		return newKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("signing key %s: it is not PEM; make one with openssl genpkey -algorithm ed25519", path)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := k.(ed25519.PrivateKey)
	if err != nil || !ok {
		return nil, fmt.Errorf("signing key %s: it is no Ed25519 key; make one with openssl genpkey -algorithm ed25519", path)
	}
	return key, nil
}

func newKey(path string) (ed25519.PrivateKey, error) {
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600); err != nil {
		return nil, fmt.Errorf("signing key: %w", err)
	}
	b, err := PublicPEM(public)
	if err == nil {
		err = os.WriteFile(path+".pub", b, 0o644)
	}
	return key, err
}

// PublicPEM is a public key as openssl reads it.
func PublicPEM(key ed25519.PublicKey) ([]byte, error) {
	b, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b}), nil
}

// ParsePublicPEM reads what PublicPEM makes.
func ParsePublicPEM(b []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("not a public key in PEM")
	}
	k, err := x509.ParsePKIXPublicKey(block.Bytes)
	key, ok := k.(ed25519.PublicKey)
	if err != nil || !ok {
		return nil, errors.New("not a public Ed25519 key in PEM")
	}
	return key, nil
}
