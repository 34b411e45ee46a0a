package auth

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"hutong/gateway/config"
)

// The headers by which a back end knows that a request is the gateway's own and
// not an old one repeated; see [SignBody].
const (
	TimestampHeader = "Hutong-Timestamp"
	SignatureHeader = "Hutong-Signature"
)

const (
	calloutsAtOnce = 64
	maxCalloutBody = 4 << 10 // of the answer that is read
	maxMessage     = 200     // characters of the back end's reason
)

// SignBody signs a request to a back end: the signature is "sha256=" and the hex
// HMAC-SHA256 of the timestamp (Unix seconds), a dot and the body.
func SignBody(secret string, at time.Time, body []byte) (timestamp, signature string) {
	timestamp = strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return timestamp, "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// callout asks a back end about a publish or a play.
type callout struct {
	config.Callout
	now    func() time.Time
	client *http.Client
	slots  chan struct{} // one token per question under way
}

func newCallout(cfg config.Callout, now func() time.Time) *callout {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = calloutsAtOnce
	t.MaxResponseHeaderBytes = 64 << 10
	return &callout{
		Callout: cfg, now: now, slots: make(chan struct{}, calloutsAtOnce),
		client: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse // an answer like any other that is not 2xx
		}},
	}
}

// question is the body of the call-out.
type question struct {
	Action   Action `json:"action"`
	Stream   string `json:"stream"`
	Protocol string `json:"protocol"`
	Remote   string `json:"remote"`
	RoomID   string `json:"roomID"`
	UserID   string `json:"userID"`
}

// Consult asks the call-out, if there is one, about somebody who has shown their
// right before: a member whose WebSocket is open.
func (a *Authority) Consult(ctx context.Context, r Request, g Grant) error {
	if a.callout == nil {
		return nil
	}
	return a.ask(ctx, r, g)
}

// ask returns nil only when the back end said yes.
func (a *Authority) ask(ctx context.Context, r Request, g Grant) error {
	err := a.callout.ask(ctx, question{r.Action, r.Stream, r.Protocol, r.Remote, g.RoomID, g.UserID})
	if err == nil || errors.Is(err, ErrRefused) {
		return err
	}
	if a.Log != nil {
		a.Log.Warn("authorisation call-out failed; denied", "action", r.Action, "stream", r.Stream, "subject", g.Subject, "error", err)
	}
	return fmt.Errorf("%w: it could not be asked whether you may %s; try again", ErrCallout, r.Action)
}

func (c *callout) ask(ctx context.Context, q question) error {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout.Std())
	defer cancel()
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return fmt.Errorf("%d questions under way: %w", calloutsAtOnce, ctx.Err())
	}
	body, err := json.Marshal(q)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, bytes.NewReader(body))
	if err != nil {
		return errors.New("auth.callout.url is not a URL")
	}
	timestamp, signature := SignBody(c.Secret, c.now(), body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "hutong")
	req.Header.Set(TimestampHeader, timestamp)
	req.Header.Set(SignatureHeader, signature)
	resp, err := c.client.Do(req)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the URL, whose query may be a secret
		}
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxCalloutBody))
	switch {
	case resp.StatusCode == http.StatusForbidden:
		return refusedBy(answer)
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("HTTP status %d; answer 2xx to allow, 403 to deny", resp.StatusCode)
	}
	return err
}

// refusedBy tells the back end's own reason, if it gave one that can be shown.
func refusedBy(answer []byte) error {
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(answer, &said) != nil {
		return ErrRefused
	}
	message := strings.TrimSpace(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, said.Message))
	if runes := []rune(message); len(runes) > maxMessage {
		message = string(runes[:maxMessage]) + "..."
	}
	if message == "" {
		return ErrRefused
	}
	return fmt.Errorf("%w: %s", ErrRefused, message)
}
