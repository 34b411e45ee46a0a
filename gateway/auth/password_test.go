package auth

import (
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

func TestPasswords(t *testing.T) {
	b, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{HashPassword("secret"), string(b)} {
		for password, want := range map[string]bool{"secret": true, "Secret": false, "": false, strings.Repeat("x", 2000): false} {
			if ok, err := CheckPassword(hash, password); ok != want || err != nil {
				t.Errorf("%.8s of %.8q: %t, %v; want %t", hash, password, ok, err, want)
			}
		}
	}
	if HashPassword("a") == HashPassword("a") {
		t.Error("two hashes share their salt")
	}
}

func TestBadHashes(t *testing.T) {
	for _, hash := range []string{"", "secret", "$argon2id$v=19$m=1,t=1,p=1$$", "$argon2id$v=18$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA",
		"$argon2id$v=19$m=4294967295,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$argon2id$v=19$m=19456,t=0,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA", "$2a$99$x"} {
		if ok, err := CheckPassword(hash, "secret"); ok || !errors.Is(err, ErrBadHash) {
			t.Errorf("%q: %t, %v", hash, ok, err)
		}
	}
}
