package auth

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"hutong/gateway/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	backendKey  = "backend-key-0123456789"
	hashedKey   = "hashed-key-0123456789"
	tokenSecret = "token-secret-0123456789-0123456789"
	liveKey     = "live-key-0123456789"
	oldLiveKey  = "old-live-key-0123456789"
	pushKey     = "push-key-0123456789"
	playKey     = "play-key-0123456789"
	callSecret  = "call-secret-0123456789"
)

var secrets = []string{backendKey, hashedKey, tokenSecret, liveKey, oldLiveKey, pushKey, playKey, callSecret}

// start is when every test begins.
var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func at(t time.Time) func() time.Time { return func() time.Time { return t } }

// production is a configuration in mode token with every kind of signed app.
func production() config.Auth {
	return config.Auth{
		Mode: config.AuthToken,
		APIKeys: []config.APIKey{
			{Name: "backend1", Key: backendKey},
			{Name: "backend2", Key: "sha256:62c5559717da6012427d84b732fdf7292e3426e5a620fd08af73ebf6300f6d91"},
		},
		TokenSecret: tokenSecret, TokenTTL: config.Duration(time.Hour),
		SignedURLs: []config.SignedURL{
			{App: "live", Key: liveKey, BackupKey: oldLiveKey, Hash: config.HashMD5, Publish: config.SignRequired, Play: config.SignRequired},
			{App: "show", Key: pushKey, Hash: config.HashSHA256, Publish: config.SignRequired, Play: config.SignOff},
			{App: "show", Key: playKey, Hash: config.HashSHA256, Publish: config.SignOff, Play: config.SignOptional},
			{App: "vod", Key: playKey, Hash: config.HashMD5, Publish: config.SignOff, Play: config.SignRequired},
		},
	}
}

func authority(t *testing.T, cfg config.Auth, now func() time.Time) *Authority {
	t.Helper()
	a, err := New(cfg, now)
	if err != nil {
		t.Fatal(err)
	}
	a.RoomOf = func(stream string) string {
		if strings.HasPrefix(stream, "live/r42_") {
			return "r42"
		}
		return ""
	}
	t.Cleanup(a.Close)
	return a
}

// checkDenied checks that err is of the kind wanted, says what to do, and gives
// nothing away.
func checkDenied(t *testing.T, err error, want *Denial, shown ...string) {
	t.Helper()
	if !errors.Is(err, want) || !errors.Is(err, ErrDenied) || DenialOf(err) != want {
		t.Fatalf("got error %v, want %v", err, want)
	}
	for _, secret := range append(shown, secrets...) {
		if len(secret) > 6 && strings.Contains(err.Error(), secret) {
			t.Errorf("the error tells the secret %q: %v", secret, err)
		}
	}
}
