package auth

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hutong/gateway/config"
)

// SecretFile reads a token secret from the file at path, and makes the file
// first, for its owner only, when it is missing. With it tokens outlive a restart
// where auth.token_secret is not set.
func SecretFile(path string) (string, error) {
	secret, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	// Written aside and linked: of two who start at once, both read the whole secret
	// of the first.
	f, err := os.CreateTemp(filepath.Dir(path), ".token-secret-*") // mode 0600
	if err != nil {
		return "", fmt.Errorf("token secret %s: %w; set auth.token_secret, or let the gateway write there", path, err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(rand.Text() + rand.Text() + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("token secret %s: %w", path, err)
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("token secret %s: %w", path, err)
	}
	return readSecret(path)
}

func readSecret(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("token secret: %w", err)
	}
	secret := strings.TrimSpace(string(text))
	if n := len(secret); n < config.MinTokenSecret {
		return "", fmt.Errorf("token secret %s: %d bytes long, shorter than %d; remove the file to have one made", path, n, config.MinTokenSecret)
	}
	return secret, nil
}
