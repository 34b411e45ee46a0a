package desk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"hutong/gateway/auth"
	"hutong/gateway/call"
	"hutong/gateway/store"
)

var (
	// ErrWrongPassword refuses a name and a password that do not belong together.
	ErrWrongPassword = errors.New("wrong name or password")
	// ErrTooOften refuses more attempts to log in.
	ErrTooOften = errors.New("too many attempts to log in")
	// ErrLoggedOut refuses a cookie that opens nothing, or no more.
	ErrLoggedOut = errors.New("not logged in")
	// ErrCSRF refuses a request that another site may have made.
	ErrCSRF = errors.New("X-CSRF-Token is missing or wrong")
)

// Login is an agent who is logged in.
type Login struct {
	Account
	CSRF    string
	Expires time.Time
}

// kept is a log-in in the store, under the hash of its cookie.
type kept struct {
	AgentID string    `json:"agentID"`
	CSRF    string    `json:"csrf"`
	Expires time.Time `json:"expires"`
}

// guard bounds the attempts to log in, by address and by name, and how many
// hashes are computed at once: each takes megabytes.
type guard struct {
	now     func() time.Time
	hashing chan struct{}

	mu    sync.Mutex
	tries map[string]tries
}

type tries struct {
	n     int
	since time.Time
}

const (
	guardWindow = 5 * time.Minute
	maxByName   = 10 // failures within the window
	maxByRemote = 50
	maxGuarded  = 10_000
	maxHashing  = 2
)

func newGuard(now func() time.Time) *guard {
	return &guard{now: now, hashing: make(chan struct{}, maxHashing), tries: map[string]tries{}}
}

// allows says whether one more attempt may be made.
func (g *guard) allows(key string, most int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.tries[key]
	return t.n < most || g.now().Sub(t.since) >= guardWindow
}

func (g *guard) failed(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	t, there := g.tries[key]
	if !there && len(g.tries) >= maxGuarded {
		for k, old := range g.tries {
			if now.Sub(old.since) >= guardWindow {
				delete(g.tries, k)
			}
		}
		for k := range g.tries { // all are new: any goes
			if len(g.tries) < maxGuarded {
				break
			}
			delete(g.tries, k)
		}
	}
	if now.Sub(t.since) >= guardWindow {
		t = tries{since: now}
	}
	t.n++
	g.tries[key] = t
}

func (g *guard) forget(key string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.tries, key)
}

// strangers is a hash whose password is checked for names that there are not, so that the time
// an answer takes does not tell.
var strangers = sync.OnceValue(func() string { return auth.HashPassword(rand.Text()) })

// Login checks a name and a password, and returns the cookie that stands for
// them from then on.
func (s *Service) Login(ctx context.Context, name, password, remote string) (cookie string, l Login, err error) {
	byName, byRemote := "name:"+name, "remote:"+auth.AddressKey(remote)
	if !s.guard.allows(byName, maxByName) || !s.guard.allows(byRemote, maxByRemote) {
		return "", Login{}, fmt.Errorf("%w: wait a few minutes", ErrTooOften)
	}
	a, ok := s.Account(name)
	hash := a.password
	if !ok || hash == "" {
		ok, hash = false, strangers()
	}
	select {
	case s.guard.hashing <- struct{}{}:
	case <-ctx.Done():
		return "", Login{}, fmt.Errorf("%w: too many at once", ErrTooOften)
	}
	right, err := auth.CheckPassword(hash, password)
	<-s.guard.hashing
	if err != nil {
		return "", Login{}, err
	}
	if !right || !ok {
		s.guard.failed(byName)
		s.guard.failed(byRemote)
		shown := name
		if call.CheckID("name", name) != nil {
			shown = "(not a name)" // somebody may have typed the password there
		}
		s.Audit(ctx, AuditEntry{Who: "agent:" + shown, Action: "login_failed", Remote: remote})
		return "", Login{}, fmt.Errorf("%w; try again", ErrWrongPassword)
	}
	s.guard.forget(byName)
	return s.admit(ctx, a, remote)
}

// admit gives an account a cookie.
func (s *Service) admit(ctx context.Context, a Account, remote string) (cookie string, l Login, err error) {
	cookie = rand.Text() + rand.Text()
	l = Login{Account: a, CSRF: rand.Text(), Expires: s.o.Now().Add(s.set.Load().SessionTTL.Std()).UTC().Truncate(time.Second)}
	data, err := json.Marshal(kept{AgentID: a.AgentID, CSRF: l.CSRF, Expires: l.Expires})
	if err != nil {
		return "", Login{}, err
	}
	if _, err := s.logins.Create(ctx, hashed(cookie), data); err != nil {
		return "", Login{}, err
	}
	if err := s.Audit(ctx, AuditEntry{Who: "agent:" + a.AgentID, Action: "login", Remote: remote}); err != nil {
		return "", Login{}, err
	}
	s.o.Log.Info("agent logged in", "agent", a.AgentID, "role", a.Role)
	return cookie, l, nil
}

func hashed(cookie string) string {
	sum := sha256.Sum256([]byte(cookie))
	return hex.EncodeToString(sum[:])
}

// LoggedIn returns who a cookie stands for.
func (s *Service) LoggedIn(ctx context.Context, cookie string) (Login, error) {
	if cookie == "" {
		return Login{}, fmt.Errorf("%w: log in first", ErrLoggedOut)
	}
	data, _, err := s.logins.Get(ctx, hashed(cookie))
	if errors.Is(err, store.ErrNotFound) {
		return Login{}, fmt.Errorf("%w: log in again", ErrLoggedOut)
	}
	if err != nil {
		return Login{}, err
	}
	var k kept
	if err := json.Unmarshal(data, &k); err != nil {
		return Login{}, err
	}
	a, ok := s.Account(k.AgentID)
	if !ok || s.o.Now().After(k.Expires) {
		return Login{}, fmt.Errorf("%w: the log-in is over; log in again", ErrLoggedOut)
	}
	return Login{Account: a, CSRF: k.CSRF, Expires: k.Expires}, nil
}

// CheckCSRF compares what a request carries with what the page was told.
func (l Login) CheckCSRF(token string) error {
	if subtle.ConstantTimeCompare([]byte(token), []byte(l.CSRF)) != 1 {
		return fmt.Errorf("%w; send what logging in, or GET /api/v1/agent/me, gave as csrf", ErrCSRF)
	}
	return nil
}

// Logout voids a cookie. The agent is off duty, once no call needs them.
func (s *Service) Logout(ctx context.Context, cookie, remote string) error {
	l, err := s.LoggedIn(ctx, cookie)
	if err != nil {
		return err
	}
	if err := s.logins.Delete(ctx, hashed(cookie), 0); err != nil {
		return err
	}
	s.changeAgent(ctx, l.AgentID, func(a call.Agent) call.Agent {
		n, err := a.Choose(call.Offline, "", s.o.Now())
		if err != nil {
			return a
		}
		return n
	})
	s.closeConsole(l.AgentID, "logged_out")
	return s.Audit(ctx, AuditEntry{Who: "agent:" + l.AgentID, Action: "logout", Remote: remote})
}

// Choose sets an agent's state.
func (s *Service) Choose(ctx context.Context, agentID string, to call.AgentState, note string) (call.Agent, error) {
	a, err := s.reserveAgent(ctx, agentID, func(a call.Agent) (call.Agent, error) { return a.Choose(to, note, s.o.Now()) })
	if err == nil {
		s.wake()
	}
	return a, err
}
