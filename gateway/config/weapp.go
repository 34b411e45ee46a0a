package config

import (
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"hutong/gateway/weapp/usersig"
)

// Weapp is the mini-program API of 2018 (docs/weapp.md).
type Weapp struct {
	Enabled bool `yaml:"enabled"`
	// Path is before every endpoint: /weapp, or /video/weapp.
	Path string `yaml:"path"`
	// Services are those served, of WeappServices.
	Services    []string `yaml:"services"`
	SDKAppID    int      `yaml:"sdk_app_id" min:"0" max:"4294967295"`
	AccountType string   `yaml:"account_type"`
	// Key makes and verifies userSigs of the HMAC form, and privateMapKeys where there is no PrivateKey.
	Key string `yaml:"key" secret:"true"`
	// BackupKey is accepted too.
	BackupKey string `yaml:"backup_key" secret:"true"`
	// PrivateKey is a PEM file; userSigs are then of the ECDSA form.
	PrivateKey string `yaml:"private_key"`
	// PublicKeys are PEM files of those who sign elsewhere.
	PublicKeys []string `yaml:"public_keys"`
	// LoginInfo serves get_login_info, and AnyUser lets it name any user.
	LoginInfo   bool     `yaml:"login_info"`
	AnyUser     bool     `yaml:"any_user"`
	UserSigTTL  Duration `yaml:"user_sig_ttl" min:"1m" max:"8760h"`
	MapKeyTTL   Duration `yaml:"map_key_ttl" min:"1m" max:"8760h"`
	MapKey      string   `yaml:"map_key" choice:"required,optional"`
	TokenTTL    Duration `yaml:"token_ttl" min:"1h" max:"8760h"`
	BizID       string   `yaml:"biz_id"`
	PushURL     string   `yaml:"push_url"`
	PlayURL     string   `yaml:"play_url"`
	URLTTL      Duration `yaml:"url_ttl" min:"1m" max:"8760h"`
	Expiry      Duration `yaml:"expiry" min:"10s" max:"10m"`
	IdleRoom    Duration `yaml:"idle_room" min:"1m" max:"24h"`
	MaxDouble   int      `yaml:"max_double" min:"1" max:"100"`
	MaxMulti    int      `yaml:"max_multi" min:"1" max:"100"`
	MaxLive     int      `yaml:"max_live" min:"1" max:"100"`
	MaxWebRTC   int      `yaml:"max_webrtc" min:"1" max:"100"`
	MaxAudience int      `yaml:"max_audience" min:"0" max:"1000"`
	MaxRoomInfo int      `yaml:"max_room_info" min:"16" max:"16384"`
	History     int      `yaml:"history" min:"0" max:"50"`
	Messages    Rate     `yaml:"messages"`
	Calls       Rate     `yaml:"calls"`
	MaxSockets  int      `yaml:"max_sockets" min:"1" max:"1000000"`
}

// WeappServices are what [Weapp.Services] may name.
var WeappServices = []string{"double_room", "multi_room", "live_room", "webrtc_room"}

// The values of [Weapp.MapKey].
const (
	MapKeyRequired = "required"
	MapKeyOptional = "optional"
)

func (l *loader) weapp() {
	w := l.cfg.Weapp
	if w.Path == "/" || !strings.HasPrefix(w.Path, "/") || strings.HasSuffix(w.Path, "/") ||
		slices.ContainsFunc(strings.Split(w.Path[1:], "/"), func(s string) bool { return !isWord(s) }) {
		l.fault("weapp.path", w.Path, "is not a path", "write it like /weapp or /video/weapp")
	} else if first := strings.Split(w.Path, "/")[1]; slices.Contains([]string{"api", "whip", "whep", "live", "assets", "v4", "metrics", "debug", "healthz", "readyz"}, first) {
		l.fault("weapp.path", w.Path, "is where something else is served", "write it like /weapp or /video/weapp")
	}
	for i, s := range w.Services {
		if path := fmt.Sprintf("weapp.services[%d]", i); !l.broken[path] && !slices.Contains(WeappServices, s) {
			l.fault(path, s, "is no service", "write "+strings.Join(WeappServices, ", "))
		}
	}
	if !isWord(w.BizID) {
		l.fault("weapp.biz_id", w.BizID, "cannot begin a stream's name", "write up to 48 letters, digits, _ and -")
	}
	if w.AccountType == "" {
		l.fault("weapp.account_type", "", "is empty, and clients refuse to log in with none", "write a number, such as 36862")
	}
	l.weappURL("weapp.push_url", w.PushURL, "rtmp", "rtmps")
	l.weappURL("weapp.play_url", w.PlayURL, "http", "https")
	l.weappKeys()
}

func (l *loader) weappKeys() {
	w := l.cfg.Weapp
	if w.Key != "" {
		l.strongKey("weapp.key", w.Key)
	}
	if w.BackupKey != "" && l.strongKey("weapp.backup_key", w.BackupKey) && w.BackupKey == w.Key {
		l.fault("weapp.backup_key", "", "is the same as key", "remove it, or set it to the key that is to be given up")
	}
	if !w.Enabled {
		return
	}
	if w.Key == "" {
		l.fault("weapp.enabled", "true", "needs weapp.key, which signs", "set it to what openssl rand -hex 32 prints, or to the key of the cloud's console")
	}
	if w.SDKAppID == 0 {
		l.fault("weapp.enabled", "true", "needs weapp.sdk_app_id, which clients and userSigs name", "set it to the app's number, or any you like")
	}
	if l.cfg.Auth.Mode != AuthToken {
		return
	}
	var push, play bool
	for _, s := range l.cfg.Auth.SignedURLs {
		if s.App == "live" {
			push, play = push || s.Publish != SignOff, play || s.Play != SignOff
		}
	}
	if !push || !play {
		l.fault("weapp.enabled", "true", "needs auth.signed_urls for the app live, to publish and to play, since its addresses are signed",
			"add - app: live with a key made by openssl rand -hex 32")
	}
}

func (l *loader) weappURL(path, s string, schemes ...string) {
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	if err != nil || !slices.Contains(schemes, u.Scheme) || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		l.fault(path, "", "is not the address of a host", "write scheme, host and port only, like "+schemes[len(schemes)-1]+"://media.example.com")
	}
}

// weappFiles reads the keys that are files.
func (l *loader) weappFiles() {
	w := l.cfg.Weapp
	if w.PrivateKey != "" {
		l.keyFile("weapp.private_key", w.PrivateKey, func(b []byte) error { _, err := usersig.ParsePrivateKey(b); return err })
	}
	for i, file := range w.PublicKeys {
		if path := fmt.Sprintf("weapp.public_keys[%d]", i); !l.broken[path] {
			l.keyFile(path, file, func(b []byte) error { _, err := usersig.ParsePublicKey(b); return err })
		}
	}
}

func (l *loader) keyFile(path, file string, parse func([]byte) error) {
	b, err := os.ReadFile(file)
	if err != nil {
		l.fault(path, file, "cannot be read: "+reason(err), "write the path of a PEM file")
		return
	}
	if err := parse(b); err != nil {
		l.fault(path, file, firstLine(err.Error()), "write the path of a PEM file with an EC key")
	}
}
