package config

import (
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
)

// Auth says who may publish, play, enter rooms and call REST. Its lists are secret as a whole: a value written in the
// wrong place of them may be a key.
type Auth struct {
	// Mode is AuthOpen or AuthToken.
	Mode    string   `yaml:"mode" choice:"open,token"`
	APIKeys []APIKey `yaml:"api_keys" secret:"true"`
	// TokenSecret signs members' tokens. It is empty or at least MinTokenSecret bytes long.
	TokenSecret string      `yaml:"token_secret" secret:"true"`
	TokenTTL    Duration    `yaml:"token_ttl" min:"1m" max:"168h"`
	SignedURLs  []SignedURL `yaml:"signed_urls" secret:"true"`
	Callout     Callout     `yaml:"callout"`
	Rate        Rate        `yaml:"rate"`
}

// APIKey is a back end's key for REST. Key is the key itself, or KeyHashPrefix and the hex SHA-256 of it.
type APIKey struct {
	Name string `yaml:"name"`
	Key  string `yaml:"key" secret:"true"`
}

// SignedURL says how the streams of one app are signed for publishing, for playing, or for both. Two entries of one app
// give publishing and playing keys of their own.
type SignedURL struct {
	App string `yaml:"app"`
	// Key signs; BackupKey is accepted too, which lets keys change without a break.
	Key       string `yaml:"key" secret:"true"`
	BackupKey string `yaml:"backup_key" secret:"true"`
	// Hash is HashMD5 or HashSHA256.
	Hash string `yaml:"hash" choice:"md5,sha256" default:"md5"`
	// Publish is SignRequired or SignOff.
	Publish string `yaml:"publish" choice:"required,off" default:"required"`
	// Play is SignRequired, SignOptional or SignOff.
	Play string `yaml:"play" choice:"required,optional,off" default:"required"`
}

// Callout is the back end's own decision on each publish and play. An empty URL means that it is not asked.
type Callout struct {
	URL     string   `yaml:"url"`
	Timeout Duration `yaml:"timeout" min:"100ms" max:"9s"`
	// Secret signs the question.
	Secret string `yaml:"secret" secret:"true"`
}

// Rate bounds REST calls per key and refusals per address: so many per second, after Burst at once. Zero per second is
// no bound.
type Rate struct {
	PerSecond int `yaml:"per_second" min:"0" max:"100000"`
	Burst     int `yaml:"burst" min:"1" max:"1000000"`
}

// Secrets shorter than this could be found by trying.
const (
	MinTokenSecret = 32 // bytes of auth.token_secret
	minKey         = 16 // bytes of any other key
)

// KeyHashPrefix starts an API key that is given by its hash.
const KeyHashPrefix = "sha256:"

func (l *loader) auth() {
	a := l.cfg.Auth
	if a.Mode == AuthToken {
		if len(a.APIKeys) == 0 {
			l.fault("auth.mode", a.Mode, "needs auth.api_keys, or no back end could call REST",
				"add - name: backend and key: ..., made with openssl rand -hex 32")
		}
		if a.TokenSecret == "" {
			l.fault("auth.mode", a.Mode, "needs auth.token_secret, which signs members' tokens", "set it to what openssl rand -hex 32 prints")
		}
	}
	if n := len(a.TokenSecret); n > 0 && n < MinTokenSecret {
		l.fault("auth.token_secret", "", fmt.Sprintf("is %d bytes long, shorter than %d", n, MinTokenSecret), "set it to what openssl rand -hex 32 prints")
	}
	l.apiKeys()
	l.signedURLs()
	l.callout()
}

func (l *loader) apiKeys() {
	names, keys := map[string]string{}, map[string]string{}
	for i, k := range l.cfg.Auth.APIKeys {
		path := fmt.Sprintf("auth.api_keys[%d]", i)
		if l.broken[path] {
			continue
		}
		if !isWord(k.Name) {
			l.fault(path+".name", "", "is not a name", "write who has the key, such as backend1: up to 48 letters, digits, _ and -")
		} else if first, twice := names[k.Name]; twice {
			l.fault(path+".name", "", "is the name of "+first+" too", "give each key a name of its own; logs tell them apart by it")
		}
		names[k.Name] = path
		if hash, hashed := strings.CutPrefix(k.Key, KeyHashPrefix); hashed {
			if sum, err := hex.DecodeString(hash); err != nil || len(sum) != 32 {
				l.fault(path+".key", "", "is not "+KeyHashPrefix+" and 64 hex digits", "write what printf %s KEY | sha256sum prints after "+KeyHashPrefix)
				continue
			}
		} else if !l.strongKey(path+".key", k.Key) {
			continue
		}
		if first, twice := keys[k.Key]; twice {
			l.fault(path+".key", "", "is the key of "+first+" too", "give each back end a key of its own")
		}
		keys[k.Key] = path
	}
}

func (l *loader) signedURLs() {
	publish, play := map[string]string{}, map[string]string{}
	for i, s := range l.cfg.Auth.SignedURLs {
		path := fmt.Sprintf("auth.signed_urls[%d]", i)
		if l.broken[path] {
			continue
		}
		if !isWord(s.App) {
			l.fault(path+".app", "", "is not the name of an app", "write the first part of the stream's address, such as live")
		}
		l.strongKey(path+".key", s.Key)
		if s.BackupKey != "" && l.strongKey(path+".backup_key", s.BackupKey) && s.BackupKey == s.Key {
			l.fault(path+".backup_key", "", "is the same as key", "remove it, or set it to the key that is to be given up")
		}
		if s.Publish == SignOff && s.Play == SignOff {
			l.fault(path, "", "is for neither publishing nor playing", "set publish or play to required, or remove the entry")
		}
		for _, use := range []struct {
			what, value string
			taken       map[string]string
		}{{"publish", s.Publish, publish}, {"play", s.Play, play}} {
			if use.value == SignOff {
				continue
			}
			if first, twice := use.taken[s.App]; twice {
				l.fault(path, "", "decides on "+use.what+" of an app that "+first+" decides on", "set "+use.what+": off in one of them")
			}
			use.taken[s.App] = path
		}
	}
}

func (l *loader) callout() {
	c := l.cfg.Auth.Callout
	if c.URL == "" {
		if c.Secret != "" {
			l.fault("auth.callout.secret", "", "is set, but auth.callout.url is empty", "set the URL, or remove the secret")
		}
		return
	}
	u, err := url.Parse(c.URL)
	wrong := ""
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		wrong = "is not an http or https URL"
	case u.User != nil:
		wrong = "has a user name or password in it"
	case u.Fragment != "":
		wrong = "has a fragment"
	}
	if wrong != "" {
		l.fault("auth.callout.url", "", wrong, "write it like https://backend.example.com/hutong/authorize; auth.callout.secret proves who asks")
	}
	if c.Secret == "" {
		l.fault("auth.callout.url", "", "is set without auth.callout.secret", "set the secret to what openssl rand -hex 32 prints, and check the signature")
		return
	}
	l.strongKey("auth.callout.secret", c.Secret)
}

// strongKey reports a key that could be guessed or could not be sent in a header.
func (l *loader) strongKey(path, key string) bool {
	switch {
	case len(key) < minKey:
		l.fault(path, "", fmt.Sprintf("is %d bytes long, shorter than %d", len(key), minKey), "set it to what openssl rand -hex 32 prints")
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }):
		l.fault(path, "", "has a space or another character that is not printable ASCII", "set it to what openssl rand -hex 32 prints")
	default:
		return true
	}
	return false
}

// isWord reports whether s is 1 to 48 of the characters that names and the parts of a stream's address are made of.
func isWord(s string) bool {
	return s != "" && len(s) <= 48 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-'
	})
}
