// Package auth decides who may do what: publish or play a stream, enter a room,
// call REST.
//
// There are three ways to show a right. A back end has a key. A member has a
// token, a short-lived JWT that names room, user and streams. And anybody may
// hold a signed URL, whose txTime and txSecret open one stream until a time.
// Whatever is refused is refused with an error that wraps [ErrDenied], whose
// text may be told to the one refused: it never contains what was shown.
package auth

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"hutong/gateway/config"
)

// Action is what somebody wants to do.
type Action string

const (
	Publish Action = "publish"
	Play    Action = "play"
	Room    Action = "room"   // be a member on the WebSocket; always takes a token, which says who
	Admin   Action = "admin"  // any REST call
	Member  Action = "member" // a REST call on behalf of the member that RoomID and UserID name
	// Inside is a REST call of a member of the room that RoomID names; what the
	// member's role allows there is for the caller to see to.
	Inside Action = "inside"
)

// Request is somebody's wish, with everything they showed.
type Request struct {
	Action   Action
	Stream   string // app/name, for Publish and Play
	RoomID   string // for Member and Inside
	UserID   string // for Member
	Protocol string // rtmp, rtmps, flv, whip, whep, ws or rest
	Query    url.Values
	Bearer   string // what follows "Authorization: Bearer"
	Remote   string // IP, or IP:PORT
}

// The values of Grant.Path: how frames are written to an RTMP or HTTP-FLV
// player.
const (
	PathLive     = "live"
	PathStandard = "standard"
)

// Grant is what a request is allowed.
type Grant struct {
	Subject string // who, for logs: key:NAME, member:ROOM/USER, url or anonymous
	RoomID  string // of a member; empty otherwise
	UserID  string
	Role    string
	Path    string
	// NickName, Stream and Issued are what a member's token says for one whose place
	// has expired.
	NickName, Stream string
	Issued           time.Time
	publishes        string    // names, with a space around each
	Expires          time.Time // when what was shown stops opening; zero for never
}

// Publishes says whether a member's token lets a stream be published.
func (g Grant) Publishes(stream string) bool { return strings.Contains(g.publishes, " "+stream+" ") }

const anonymous = "anonymous"

// Authority decides. Set its fields before the first Allow; Close it when done.
// Its methods may be called from many goroutines.
type Authority struct {
	// RoomOf returns the room that a stream belongs to, empty for none. A member may
	// play every stream of the member's room.
	RoomOf func(stream string) (roomID string)
	// Voids says of a genuine member token that it opens nothing any more, as when
	// its member has been removed. nil voids none.
	Voids func(roomID, userID string, issued time.Time) bool
	// Public says of a stream that anybody may play it on the standard path, as the
	// audience of a live room does. nil is none.
	Public func(stream string) bool
	// Log is told when the call-out fails; nil is nobody.
	Log *slog.Logger

	open     bool
	now      func() time.Time
	ttl      time.Duration
	secret   []byte
	parser   *jwt.Parser
	keys     apiKeys
	publish  map[string]signing // by app
	play     map[string]signing
	callout  *callout // nil for none
	calls    *Limiter
	failures *Limiter
}

// New makes an Authority. cfg has been validated. An empty token secret, which
// only mode open may have, is replaced by a random one: tokens then end with the
// Authority (see [SecretFile]).
func New(cfg config.Auth, now func() time.Time) (*Authority, error) {
	if cfg.TokenSecret == "" {
		if cfg.Mode != config.AuthOpen {
			return nil, fmt.Errorf("auth.token_secret is empty; mode %s needs one of at least %d bytes", cfg.Mode, config.MinTokenSecret)
		}
		cfg.TokenSecret = rand.Text() + rand.Text()
	}
	if n := len(cfg.TokenSecret); n < config.MinTokenSecret {
		return nil, fmt.Errorf("auth.token_secret is %d bytes long; use at least %d", n, config.MinTokenSecret)
	}
	keys, err := newAPIKeys(cfg.APIKeys)
	if err != nil {
		return nil, err
	}
	a := &Authority{
		open: cfg.Mode == config.AuthOpen, now: now, ttl: cfg.TokenTTL.Std(),
		secret: []byte(cfg.TokenSecret), parser: newParser(now), keys: keys,
		calls: NewLimiter(cfg.Rate, now), failures: NewLimiter(cfg.Rate, now),
	}
	a.publish, a.play = signings(cfg.SignedURLs)
	if cfg.Callout.URL != "" {
		a.callout = newCallout(cfg.Callout, now)
	}
	return a, nil
}

// Close ends idle connections of the call-out.
func (a *Authority) Close() {
	if a.callout != nil {
		a.callout.client.CloseIdleConnections()
	}
}

// Allow decides on a request. It may wait for the call-out, within its timeout
// and ctx.
func (a *Authority) Allow(ctx context.Context, r Request) (Grant, error) {
	g, err := a.decide(r)
	if err == nil {
		err = a.bound(r, g)
	}
	if err == nil && a.callout != nil && (r.Action == Publish || r.Action == Play) {
		err = a.ask(ctx, r, g)
	}
	if err == nil {
		return g, nil
	}
	if blames(err) && !a.failures.Allow(AddressKey(r.Remote)) {
		err = fmt.Errorf("%w: this address was refused too often; wait a second", ErrTooMany)
	}
	return Grant{}, err
}

// bound keeps REST calls to their rate: per key or member, and per address for
// those who showed nothing.
func (a *Authority) bound(r Request, g Grant) error {
	if r.Action != Admin && r.Action != Member && r.Action != Inside {
		return nil
	}
	who := g.Subject
	if who == anonymous {
		who = AddressKey(r.Remote)
	}
	if !a.calls.Allow(who) {
		return fmt.Errorf("%w: too many calls; wait a second, or raise auth.rate", ErrTooMany)
	}
	return nil
}

func (a *Authority) decide(r Request) (Grant, error) {
	switch r.Action {
	case Publish, Play:
		return a.media(r)
	case Room:
		return a.room(r)
	case Admin, Member, Inside:
		return a.rest(r)
	}
	return Grant{}, fmt.Errorf("%w: no such action", ErrNoRight)
}

// token is the member token shown; a header says more clearly than a URL.
func (r Request) token() string {
	if r.Bearer != "" {
		return r.Bearer
	}
	return r.Query.Get("token")
}

// path is what of the best path allowed the query wants: less, if it says so.
func (r Request) path(allowed string) string {
	if r.Query.Get("path") == PathStandard {
		return PathStandard
	}
	return allowed
}

func (a *Authority) media(r Request) (Grant, error) {
	g, err := a.shown(r)
	if a.open && (err != nil || g.Subject == anonymous) {
		g, err = Grant{Subject: anonymous, Path: r.path(PathLive)}, nil
	}
	return g, err
}

// shown decides on a publish or play by what was shown, the strongest first: a
// bad token is not forgiven for a good signature beside it.
func (a *Authority) shown(r Request) (Grant, error) {
	app, name, ok := strings.Cut(r.Stream, "/")
	if !ok || app == "" || name == "" {
		return Grant{}, fmt.Errorf("%w: %q is not a stream; use the form app/name", ErrNoRight, clip(r.Stream))
	}
	if key, ok := a.keys.find(r.Bearer); ok {
		return Grant{Subject: key, Path: r.path(PathLive)}, nil
	}
	if r.token() == "" {
		return a.signed(r, app, name)
	}
	m, err := a.valid(r.token())
	if err != nil {
		return Grant{}, err
	}
	if err := a.right(m, r.Action, r.Stream); err != nil {
		return Grant{}, err
	}
	return r.member(m), nil
}

func (r Request) member(m MemberClaims) Grant {
	return Grant{Subject: "member:" + m.RoomID + "/" + m.UserID, RoomID: m.RoomID, UserID: m.UserID, Role: m.Role,
		NickName: m.NickName, Stream: m.Stream, Issued: m.Issued, publishes: " " + strings.Join(m.Publish, " ") + " ", Path: r.path(PathLive), Expires: m.Expires}
}

func (a *Authority) room(r Request) (Grant, error) {
	token := r.token()
	if token == "" {
		return Grant{}, fmt.Errorf("%w: add ?token= with what POST /api/v1/rooms/{roomID}/members gave", ErrMissing)
	}
	if _, ok := a.keys.find(r.Bearer); ok {
		return Grant{}, fmt.Errorf("%w: a key is nobody in a room; use a member's token", ErrNoRight)
	}
	m, err := a.valid(token)
	if err != nil {
		return Grant{}, err
	}
	return r.member(m), nil
}

// valid is VerifyMember, and refuses tokens that are void.
func (a *Authority) valid(token string) (MemberClaims, error) {
	m, err := a.VerifyMember(token)
	if err == nil && a.Voids != nil && a.Voids(m.RoomID, m.UserID, m.Issued) {
		return MemberClaims{}, fmt.Errorf("%w: %q was removed from room %q, or the token is of an earlier room; ask the back end for a new one",
			ErrVoid, clip(m.UserID), clip(m.RoomID))
	}
	return m, err
}

func (a *Authority) rest(r Request) (Grant, error) {
	if key, ok := a.keys.find(r.Bearer); ok {
		return Grant{Subject: key}, nil
	}
	token := r.Bearer
	if r.Action != Admin {
		token = r.token()
	}
	g, err := a.restMember(r, token)
	if err != nil && a.open {
		g, err = Grant{Subject: anonymous}, nil
	}
	return g, err
}

// restMember decides on a REST call without a key: a member may speak for
// themselves.
func (a *Authority) restMember(r Request, token string) (Grant, error) {
	if token == "" {
		return Grant{}, fmt.Errorf("%w: add the header Authorization: Bearer KEY, with a key of auth.api_keys", ErrMissing)
	}
	m, err := a.valid(token)
	switch {
	case err != nil && r.Action == Admin && !strings.Contains(token, "."):
		return Grant{}, fmt.Errorf("%w: the key is not one of auth.api_keys", ErrWrong)
	case err != nil:
		return Grant{}, err
	case r.Action == Admin:
		return Grant{}, fmt.Errorf("%w: this takes a key of auth.api_keys, not a member's token", ErrNoRight)
	case r.Action == Inside && m.RoomID != r.RoomID:
		return Grant{}, fmt.Errorf("%w: the token is of another room", ErrNoRight)
	case r.Action == Member && (m.RoomID != r.RoomID || m.UserID != r.UserID):
		return Grant{}, fmt.Errorf("%w: the token is another member's; use one of your own", ErrNoRight)
	}
	g := r.member(m)
	g.Path = ""
	return g, nil
}
