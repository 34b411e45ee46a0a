package auth

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hutong/gateway/config"
)

// txTimeDigits is the length of every txTime from 1978 to 2106. Key, name and
// txTime are hashed without a border between them; were the length free, the
// signature of alice1 until 6A000000 would be one of alice until 16A000000.
const txTimeDigits = 8

// signing is how one app's URLs are signed for one action.
type signing struct {
	hash     string
	keys     []string // the first signs, all verify
	unsigned bool     // players without a signature are let in too
}

func signings(list []config.SignedURL) (publish, play map[string]signing) {
	publish, play = map[string]signing{}, map[string]signing{}
	for _, s := range list {
		rule := signing{hash: s.Hash, keys: []string{s.Key}}
		if s.BackupKey != "" {
			rule.keys = append(rule.keys, s.BackupKey)
		}
		if s.Publish != config.SignOff {
			publish[s.App] = rule
		}
		if s.Play != config.SignOff {
			rule.unsigned = s.Play == config.SignOptional
			play[s.App] = rule
		}
	}
	return publish, play
}

// SignURL returns the parameters that open the stream called name, without its
// app, until expires: txTime is that time in hex Unix seconds, txSecret the
// lower-case hex hash of key, name and txTime. hash is config.HashMD5 or
// config.HashSHA256.
func SignURL(hash, key, name string, expires time.Time) (txSecret, txTime string) {
	seconds := min(max(expires.Unix(), 0), 1<<32-1)
	txTime = fmt.Sprintf("%0*X", txTimeDigits, seconds)
	return txSecretOf(hash, key, name, txTime), txTime
}

func txSecretOf(hash, key, name, txTime string) string {
	if hash == config.HashSHA256 {
		sum := sha256.Sum256([]byte(key + name + txTime))
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum([]byte(key + name + txTime))
	return hex.EncodeToString(sum[:])
}

// Sign returns the query (txSecret=...&txTime=...) that lets anybody publish or
// play a stream, app/name, until expires. It is false where the app's URLs are
// not signed for that.
func (a *Authority) Sign(action Action, stream string, expires time.Time) (query string, ok bool) {
	app, name, _ := strings.Cut(stream, "/")
	rule, ok := a.signing(action, app)
	if !ok || name == "" {
		return "", false
	}
	txSecret, txTime := SignURL(rule.hash, rule.keys[0], name, expires)
	return "txSecret=" + txSecret + "&txTime=" + txTime, true
}

func (a *Authority) signing(action Action, app string) (rule signing, ok bool) {
	switch action {
	case Publish:
		rule, ok = a.publish[app]
	case Play:
		rule, ok = a.play[app]
	}
	return rule, ok
}

// signed decides on a request without a token.
func (a *Authority) signed(r Request, app, name string) (Grant, error) {
	txSecret, txTime := r.Query.Get("txSecret"), r.Query.Get("txTime")
	rule, ok := a.signing(r.Action, app)
	switch {
	case txSecret == "" && txTime == "":
		// WebRTC has no standard path: what is unsigned there would get the best one.
		public := rule.unsigned || r.Action == Play && a.Public != nil && a.Public(r.Stream)
		if public && r.Protocol != "whep" {
			return Grant{Subject: anonymous, Path: PathStandard}, nil
		}
		return Grant{}, fmt.Errorf("%w: add ?token=, or txSecret and txTime, to the address of %q", ErrMissing, clip(r.Stream))
	case !ok:
		return Grant{}, fmt.Errorf("%w: a signed URL does not let you %s in app %q; use a member's token", ErrNoRight, r.Action, clip(app))
	case txSecret == "":
		return Grant{}, fmt.Errorf("%w: txTime is there, txSecret is not", ErrMissing)
	case txTime == "":
		return Grant{}, fmt.Errorf("%w: txSecret is there, txTime is not", ErrMissing)
	}
	expires, err := rule.verify(name, txSecret, txTime)
	if err != nil {
		return Grant{}, err
	}
	if !a.now().Before(expires) {
		return Grant{}, fmt.Errorf("%w: the URL was good until %s; ask the back end for a new one", ErrExpired, expires.UTC().Format(time.RFC3339))
	}
	return Grant{Subject: "url", Path: r.path(PathLive), Expires: expires}, nil
}

// verify compares with every key, whichever matches, so that time tells nothing.
func (s signing) verify(name, txSecret, txTime string) (expires time.Time, err error) {
	seconds, err := strconv.ParseUint(txTime, 16, 32)
	if err != nil || len(txTime) != txTimeDigits {
		return time.Time{}, fmt.Errorf("%w: txTime is not %d hex digits", ErrWrong, txTimeDigits)
	}
	matches := 0
	for _, key := range s.keys {
		matches |= subtle.ConstantTimeCompare([]byte(txSecretOf(s.hash, key, name, txTime)), []byte(txSecret))
	}
	if matches == 0 {
		return time.Time{}, fmt.Errorf("%w: txSecret does not fit %q and txTime", ErrWrong, clip(name))
	}
	return time.Unix(int64(seconds), 0), nil
}
