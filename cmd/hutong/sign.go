package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"hutong/bridge/stream"
	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/room"
)

var signCommand = command{
	name:     "sign",
	synopsis: "token|url|user|map [flags]",
	summary:  "make a member's token, signed addresses, a userSig or a privateMapKey",
	help: `sign url prints the push and play addresses of a stream with txSecret and txTime, as auth.signed_urls wants them:

  hutong sign url --config FILE --app live --stream NAME --ttl 1h

sign token prints the token of a member of a room, which opens the WebSocket, WHIP, WHEP, RTMP and HTTP-FLV:

  hutong sign token --config FILE --room ROOM --user USER --role guest --ttl 1h

sign user prints the userSig of a user, with which a mini-program logs in: of the form of 2019 (HMAC) with weapp.key, of that
of 2018 (ECDSA) where weapp.private_key is set. sign map prints a privateMapKey, which opens one room to one user:

  hutong sign user --config FILE --user alice --ttl 720h
  hutong sign map --config FILE --user alice --room 4711 --ttl 1h

All need nothing but the keys: no gateway has to run. The environment counts as it does for serve, for instance
HUTONG_AUTH_TOKEN_SECRET. What is printed is a credential.`,
	run: sign,
}

// signing is what the flags of sign say.
type signing struct {
	file, app, stream, host, room, user, role, play string
	ttl                                             time.Duration
}

func sign(flags *flag.FlagSet, args []string, out, errs io.Writer) int {
	var s signing
	flags.StringVar(&s.file, "config", "", "the YAML configuration file that holds the keys")
	flags.StringVar(&s.app, "app", "live", "url: the app of the stream")
	flags.StringVar(&s.stream, "stream", "", "url: the name of the stream; token: the stream that the member may publish, a bare name under live/")
	flags.StringVar(&s.host, "host", "", "url: the host that clients reach the gateway at; http.public_url's when empty")
	flags.StringVar(&s.room, "room", "", "token: the roomID; map: the room's number")
	flags.StringVar(&s.user, "user", "", "token, user, map: the userID")
	flags.StringVar(&s.role, "role", "guest", "token: host, agent, guest or audience")
	flags.StringVar(&s.play, "play", "", "token: streams that may be played beside the room's, with commas between")
	flags.DurationVar(&s.ttl, "ttl", time.Hour, "how long it is to be good, such as 1h")
	what := ""
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		what, args = args[0], args[1:]
	}
	if code, done := parse(flags, args, 0, 0); done {
		return code
	}
	do := map[string]func(*config.Config, *auth.Authority, io.Writer) error{"url": s.urls, "token": s.token, "user": s.userSig, "map": s.mapKey}[what]
	if wrong := s.wrong(what); wrong != "" {
		fmt.Fprintln(errs, "hutong sign: "+wrong)
		return exitUsage
	}
	if err := s.run(do, out); err != nil {
		fail(errs, err)
		return exitFailure
	}
	return exitOK
}

// wrong says which word or flag cannot be right, "" for none.
func (s *signing) wrong(what string) string {
	var err error
	switch what {
	case "url":
		if s.stream == "" {
			return "--stream is missing; write the name of the stream"
		}
		_, err = stream.ParseName(s.app + "/" + s.stream)
	case "token":
		if !slices.Contains([]room.Role{room.Host, room.Agent, room.Guest, room.Audience}, room.Role(s.role)) {
			return fmt.Sprintf("--role %q is no role; write host, agent, guest or audience", s.role)
		}
		err = errors.Join(room.CheckRoomID(s.room), room.CheckUserID(s.user))
		for _, name := range s.streams() {
			_, bad := stream.ParseName(name)
			err = errors.Join(err, bad)
		}
	case "user", "map":
		err = s.wrongUser(what)
	default:
		return "say first what to sign: hutong sign token, url, user or map"
	}
	if err != nil {
		return strings.ReplaceAll(err.Error(), "\n", "; ")
	}
	if s.ttl < time.Second {
		return fmt.Sprintf("--ttl %v is too short; write at least 1s", s.ttl)
	}
	return ""
}

// streams are those a token is to name: the member's own, if any, and then those to play.
func (s *signing) streams() (names []string) {
	for name := range strings.SplitSeq(s.stream+","+s.play, ",") {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, under(name))
		}
	}
	return names
}

func (s *signing) run(do func(*config.Config, *auth.Authority, io.Writer) error, out io.Writer) error {
	cfg, err := config.Read(s.file, os.Environ())
	if err != nil {
		return err
	}
	a, err := auth.New(cfg.Auth, time.Now)
	if err != nil {
		return err
	}
	defer a.Close()
	return do(cfg, a, out)
}

func (s *signing) token(cfg *config.Config, a *auth.Authority, out io.Writer) error {
	if cfg.Auth.TokenSecret == "" {
		return errors.New("auth.token_secret is not set, so no gateway would know the token; set it in the file or by HUTONG_AUTH_TOKEN_SECRET")
	}
	m := auth.MemberClaims{RoomID: s.room, UserID: s.user, Role: s.role, Play: s.streams(), TTL: s.ttl}
	if s.stream != "" {
		m.Stream, m.Play = m.Play[0], m.Play[1:]
	}
	token, err := a.MemberToken(m)
	if err == nil {
		fmt.Fprintln(out, token)
	}
	return err
}

// under puts a bare name under live/, as demo does.
func under(name string) string {
	if name == "" || strings.Contains(name, "/") {
		return name
	}
	return "live/" + name
}

func (s *signing) urls(cfg *config.Config, a *auth.Authority, out io.Writer) error {
	expires := time.Now().Add(s.ttl)
	name, err := stream.ParseName(s.app + "/" + s.stream)
	if err != nil {
		return err
	}
	push, mayPush := a.Sign(auth.Publish, name, expires)
	play, mayPlay := a.Sign(auth.Play, name, expires)
	if !mayPush && !mayPlay {
		return fmt.Errorf("auth.signed_urls has no entry for app %s, so no gateway would take the address; add one, or name another --app", s.app)
	}
	rtmp, web := s.addresses(cfg)
	if mayPush {
		fmt.Fprintf(out, "push    %s/%s?%s\n", rtmp, name, push)
	}
	if mayPlay {
		fmt.Fprintf(out, "play    %s/%s?%s\n", rtmp, name, play)
		fmt.Fprintf(out, "play    %s/%s.flv?%s\n", web, name, play)
	}
	fmt.Fprintf(out, "until   %s\n", expires.UTC().Format(time.RFC3339))
	return nil
}

// addresses are where clients find RTMP and HTTP: at the host given, or that of http.public_url, or the listener's own.
func (s *signing) addresses(cfg *config.Config) (rtmp, web string) {
	scheme := "http"
	if cfg.HTTP.TLS.Enabled() {
		scheme = "https"
	}
	host := s.host
	if u, err := url.Parse(cfg.HTTP.PublicURL); err == nil && cfg.HTTP.PublicURL != "" && host == "" {
		host, web = u.Hostname(), cfg.HTTP.PublicURL
	}
	if web == "" {
		web = scheme + "://" + reach(cfg.HTTP.Address, host, map[string]string{"http": "80", "https": "443"}[scheme])
	}
	return "rtmp://" + reach(cfg.RTMP.Address, host, "1935"), web
}

// reach is where a client reaches a listener: at the host given or the listener's own, without the scheme's usual port.
func reach(listen, host, usual string) string {
	own, port, _ := net.SplitHostPort(listen)
	if host == "" {
		host = own
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	if port == usual {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, port)
}
