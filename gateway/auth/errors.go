package auth

import (
	"errors"
	"net/http"
	"strings"
)

// ErrDenied is wrapped by every error of [Authority.Allow] and
// [Authority.VerifyMember].
var ErrDenied = errors.New("access denied")

// Denial is one kind of refusal.
type Denial struct {
	Label  string // for metrics
	Status int    // the HTTP status that says it
	reason string
}

func (d *Denial) Error() string { return ErrDenied.Error() + ", " + d.reason }

func (d *Denial) Unwrap() error { return ErrDenied }

// The kinds of refusal. What Allow returns wraps one of them and says more.
var (
	ErrMissing     = &Denial{"missing", http.StatusUnauthorized, "nothing was shown"}
	ErrWrong       = &Denial{"wrong", http.StatusUnauthorized, "what was shown is wrong"}
	ErrExpired     = &Denial{"expired", http.StatusUnauthorized, "it has expired"}
	ErrNotYet      = &Denial{"not_yet", http.StatusUnauthorized, "it is not valid yet"}
	ErrOtherStream = &Denial{"other_stream", http.StatusForbidden, "it is for another stream"}
	ErrNoRight     = &Denial{"no_right", http.StatusForbidden, "this right was not given"}
	ErrVoid        = &Denial{"removed", http.StatusForbidden, "it opens nothing any more"}
	ErrRefused     = &Denial{"callout_denied", http.StatusForbidden, "the back end said no"}
	ErrCallout     = &Denial{"callout_failed", http.StatusServiceUnavailable, "the back end did not answer"}
	ErrTooMany     = &Denial{"too_many", http.StatusTooManyRequests, "too often"}
)

// DenialOf returns the kind of refusal that err is, nil for none.
func DenialOf(err error) *Denial {
	var d *Denial
	if !errors.As(err, &d) {
		return nil
	}
	return d
}

// blames reports whether a refusal counts against the address: not what the back
// end or the rate itself is the reason for.
func blames(err error) bool {
	return !errors.Is(err, ErrCallout) && !errors.Is(err, ErrTooMany)
}

// clip shortens what a caller sent for the error that names it.
func clip(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
