package desk

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"hutong/gateway/call"
	"hutong/gateway/config"
)

var (
	// ErrNoProvider says that the configuration has no provider to log in by.
	ErrNoProvider = errors.New("no OpenID Connect provider")
	// ErrProvider refuses what a provider has sent, or did not send.
	ErrProvider = errors.New("logging in by the provider failed")
)

// OIDCCallback is where a provider sends agents back to, behind http.public_url.
const OIDCCallback = "/api/v1/agent/oidc/callback"

const providerTimeout = 10 * time.Second

// providers remembers what the provider says of itself.
type providers struct {
	mu     sync.Mutex
	issuer string
	known  *oidc.Provider
}

func (p *providers) find(ctx context.Context, issuer string) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known != nil && p.issuer == issuer {
		return p.known, nil
	}
	// Its keys are fetched again later, when this request is long over.
	known, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), &http.Client{Timeout: providerTimeout}), issuer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	p.issuer, p.known = issuer, known
	return known, nil
}

func (s *Service) client(ctx context.Context, publicURL string) (*oidc.Provider, oauth2.Config, error) {
	o := s.set.Load().OIDC
	if o.Issuer == "" {
		return nil, oauth2.Config{}, fmt.Errorf("%w; set desk.oidc", ErrNoProvider)
	}
	p, err := s.providers.find(ctx, o.Issuer)
	if err != nil {
		return nil, oauth2.Config{}, err
	}
	return p, oauth2.Config{ClientID: o.ClientID, ClientSecret: o.ClientSecret, Endpoint: p.Endpoint(), RedirectURL: publicURL + OIDCCallback,
		Scopes: append([]string{oidc.ScopeOpenID, "profile"}, o.Scopes...)}, nil
}

// OIDCBegin returns where to send an agent's browser, and what it has to bring
// back in a cookie: state, nonce, and the verifier of RFC 7636.
func (s *Service) OIDCBegin(ctx context.Context, publicURL string) (redirect, cookie string, err error) {
	_, c, err := s.client(ctx, publicURL)
	if err != nil {
		return "", "", err
	}
	state, nonce, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	return c.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)), state + "." + nonce + "." + verifier, nil
}

// OIDCEnd logs in the agent whom the provider has sent back.
func (s *Service) OIDCEnd(ctx context.Context, publicURL, brought, state, code, remote string) (cookie string, l Login, err error) {
	parts := strings.Split(brought, ".")
	if len(parts) != 3 || state == "" || subtle.ConstantTimeCompare([]byte(parts[0]), []byte(state)) != 1 {
		return "", Login{}, fmt.Errorf("%w: it did not begin in this browser; begin again", ErrProvider)
	}
	p, c, err := s.client(ctx, publicURL)
	if err != nil {
		return "", Login{}, err
	}
	token, err := c.Exchange(oidc.ClientContext(ctx, &http.Client{Timeout: providerTimeout}), code, oauth2.VerifierOption(parts[2]))
	if err != nil {
		return "", Login{}, fmt.Errorf("%w: the code was not taken", ErrProvider) // the error may quote secrets
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.Verifier(&oidc.Config{ClientID: c.ClientID, Now: s.o.Now}).Verify(ctx, raw)
	if err != nil {
		return "", Login{}, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(parts[1])) != 1 {
		return "", Login{}, fmt.Errorf("%w: the token is of another log-in; begin again", ErrProvider)
	}
	var claims map[string]any
	if err := id.Claims(&claims); err != nil {
		return "", Login{}, fmt.Errorf("%w: %w", ErrProvider, err)
	}
	a, err := s.set.Load().accountOf(claims)
	if err != nil {
		return "", Login{}, err
	}
	if err := putJSON(ctx, s.people, a.AgentID, a); err != nil {
		return "", Login{}, err
	}
	s.crowd.know(a)
	return s.admit(ctx, a, remote)
}

// accountOf makes an account of what the provider says. The configuration's own
// accounts are nobody's to take.
func (set *settings) accountOf(claims map[string]any) (Account, error) {
	o := set.OIDC
	name, _ := claims[o.NameClaim].(string)
	id := wordOf(name)
	if id == "" {
		return Account{}, fmt.Errorf("%w: the claim %s names nobody", ErrProvider, o.NameClaim)
	}
	if slices.ContainsFunc(set.Agents, func(a config.DeskAgent) bool { return a.Name == id }) {
		return Account{}, fmt.Errorf("%w: %s is an account of the configuration", ErrNoRight, id)
	}
	a := Account{AgentID: id, NickName: name, Queues: list(claims[o.QueuesClaim]), Skills: list(claims[o.SkillsClaim])}
	if full, _ := claims["name"].(string); full != "" && call.CheckName("name", full) == nil {
		a.NickName = full
	}
	roles := list(claims[o.RoleClaim])
	for _, role := range []string{config.RoleAdmin, config.RoleSupervisor, config.RoleAgent} {
		if a.Role == "" && slices.Contains(roles, role) {
			a.Role = role
		}
	}
	if a.Role == "" {
		return Account{}, fmt.Errorf("%w: the claim %s of %s has none of agent, supervisor and admin", ErrNoRight, o.RoleClaim, id)
	}
	a.Queues = slices.DeleteFunc(a.Queues, func(q string) bool { _, ok := set.queues[q]; return !ok })
	a.Skills = slices.DeleteFunc(a.Skills, func(s string) bool { return call.CheckID("skill", s) != nil })
	return a, nil
}

// wordOf is a name as an agentID: what else is in it becomes -.
func wordOf(name string) string {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '-'
	}, name)
	return id[:min(len(id), call.MaxAgentID)]
}

// list reads a claim that is a list, or words with spaces or commas between.
func list(claim any) []string {
	out := []string{}
	switch v := claim.(type) {
	case string:
		out = append(out, strings.FieldsFunc(v, func(r rune) bool { return r == ' ' || r == ',' })...)
	case []any:
		for _, x := range v {
			if s, ok := x.(string); ok {
				out = append(out, s)
			}
		}
	}
	return out
}
