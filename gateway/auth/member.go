package auth

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	issuer   = "hutong"
	maxToken = 4096 // bytes
)

// MemberClaims are what a token says of a member.
type MemberClaims struct {
	RoomID string
	UserID string
	Role   string
	// NickName is what the member is called, for one who comes back.
	NickName string
	// Stream is the member's own stream, app/name; it may always be played.
	Stream string
	// Publish lists the streams that may be published. For MemberToken, nil means
	// Stream, and an empty list none.
	Publish []string
	// Play lists streams that may be played beside Stream and those of the room.
	Play []string
	// TTL is how long the token is to be good; zero means auth.token_ttl. For
	// MemberToken.
	TTL time.Duration
	// Issued is when the token was made, zero if it does not say, and Expires from
	// when on it is refused. From VerifyMember.
	Issued, Expires time.Time
}

// claims are the token's JSON (RFC 7519). sub is the userID.
type claims struct {
	jwt.RegisteredClaims
	Room    string   `json:"room"`
	Role    string   `json:"role,omitempty"`
	Name    string   `json:"name,omitempty"`
	Stream  string   `json:"stream,omitempty"`
	Publish []string `json:"publish,omitempty"`
	Play    []string `json:"play,omitempty"`
}

// newParser takes HS256 and nothing else, whatever a token's header asks for.
func newParser(now func() time.Time) *jwt.Parser {
	return jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithIssuer(issuer),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(now), jwt.WithStrictDecoding())
}

// MemberToken makes a member's token: a JWT signed with HS256. It needs no
// escaping in a URL.
func (a *Authority) MemberToken(m MemberClaims) (string, error) {
	if m.RoomID == "" || m.UserID == "" {
		return "", errors.New("a member token needs a roomID and a userID; one is empty")
	}
	if m.TTL == 0 {
		m.TTL = a.ttl
	}
	if m.TTL < time.Second {
		return "", fmt.Errorf("a member token of %v would be of no use; give it at least 1s", m.TTL)
	}
	if m.Publish == nil && m.Stream != "" {
		m.Publish = []string{m.Stream}
	}
	now := a.now()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		// Without nbf: the clock of the node that verifies may be behind.
		RegisteredClaims: jwt.RegisteredClaims{Issuer: issuer, Subject: m.UserID,
			IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(m.TTL))},
		Room: m.RoomID, Role: m.Role, Name: m.NickName, Stream: m.Stream, Publish: m.Publish, Play: m.Play,
	}).SignedString(a.secret)
	if err != nil {
		return "", fmt.Errorf("member token of %s/%s: %w", m.RoomID, m.UserID, err)
	}
	if len(token) > maxToken {
		return "", fmt.Errorf("the member token of %s/%s is %d bytes long, more than %d; name fewer streams", m.RoomID, m.UserID, len(token), maxToken)
	}
	return token, nil
}

// VerifyMember returns what a token says, if it is genuine and its time is now.
func (a *Authority) VerifyMember(token string) (MemberClaims, error) {
	if len(token) > maxToken {
		return MemberClaims{}, fmt.Errorf("%w: the token is longer than %d bytes", ErrWrong, maxToken)
	}
	if strings.ContainsAny(token, "\r\n") { // which base64 would skip
		return MemberClaims{}, fmt.Errorf("%w: the token has a line break in it", ErrWrong)
	}
	var c claims
	_, err := a.parser.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return a.secret, nil })
	switch {
	case err == nil:
	case errors.Is(err, jwt.ErrTokenMalformed):
		return MemberClaims{}, fmt.Errorf("%w: the token is not a JWT", ErrWrong)
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return MemberClaims{}, fmt.Errorf("%w: the token's iss is not %s", ErrWrong, issuer)
	case errors.Is(err, jwt.ErrTokenExpired):
		return MemberClaims{}, fmt.Errorf("%w: the token was good until %s; ask the back end for a new one", ErrExpired, c.ExpiresAt.UTC().Format(time.RFC3339))
	case errors.Is(err, jwt.ErrTokenNotValidYet):
		return MemberClaims{}, fmt.Errorf("%w: the token is good from %s on", ErrNotYet, c.NotBefore.UTC().Format(time.RFC3339))
	case errors.Is(err, jwt.ErrTokenRequiredClaimMissing):
		return MemberClaims{}, fmt.Errorf("%w: the token has no iss or no exp", ErrWrong)
	default: // whose texts may quote the token
		return MemberClaims{}, fmt.Errorf("%w: the token's signature is not HS256 with auth.token_secret", ErrWrong)
	}
	if c.Room == "" || c.Subject == "" {
		return MemberClaims{}, fmt.Errorf("%w: the token names no room or no sub", ErrWrong)
	}
	m := MemberClaims{RoomID: c.Room, UserID: c.Subject, Role: c.Role, NickName: c.Name, Stream: c.Stream, Publish: c.Publish,
		Play: c.Play, Expires: c.ExpiresAt.Time}
	if c.IssuedAt != nil {
		m.Issued = c.IssuedAt.Time
	}
	return m, nil
}

// right says whether a member may publish or play a stream.
func (a *Authority) right(m MemberClaims, action Action, stream string) error {
	if action == Publish {
		switch {
		case slices.Contains(m.Publish, stream):
			return nil
		case len(m.Publish) == 0:
			return fmt.Errorf("%w: the token lets %q publish nothing", ErrNoRight, clip(m.UserID))
		}
		return fmt.Errorf("%w: the token does not let %q publish %q", ErrOtherStream, clip(m.UserID), clip(stream))
	}
	if stream == m.Stream || slices.Contains(m.Publish, stream) || slices.Contains(m.Play, stream) {
		return nil
	}
	if a.RoomOf != nil && a.RoomOf(stream) == m.RoomID {
		return nil
	}
	return fmt.Errorf("%w: the token does not let %q play %q, which is not in room %q", ErrOtherStream, clip(m.UserID), clip(stream), clip(m.RoomID))
}
