package weapp

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/store"
)

// accounts keep who is logged in, by userID. One that nobody uses is forgotten.
type accounts struct {
	bucket *store.Bucket
	ttl    time.Duration
}

type account struct {
	// Token is the SHA-256 of the token of the last login, in any of the services;
	// empty after a logout.
	Token string `json:"token,omitempty"`
	// Minted says that get_login_info has made the userID up.
	Minted bool `json:"minted,omitempty"`
	// UsedAt is the last use, to within a part of the life.
	UsedAt time.Time `json:"usedAt"`
}

func openAccounts(s *store.Store, ttl time.Duration) (*accounts, error) {
	ttl = ttl.Truncate(time.Second)
	b, err := s.Bucket("weapp_users", store.BucketOptions{TTL: ttl})
	return &accounts{b, ttl}, err
}

func (a *accounts) get(ctx context.Context, userID string) (account, bool, error) {
	if room.CheckUserID(userID) != nil {
		return account{}, false, nil
	}
	data, _, err := a.bucket.Get(ctx, userID)
	if errors.Is(err, store.ErrNotFound) {
		return account{}, false, nil
	}
	if err != nil {
		return account{}, false, err
	}
	var who account
	if err := json.Unmarshal(data, &who); err != nil {
		return account{}, false, fmt.Errorf("the account of %s: %w", userID, err)
	}
	return who, true, nil
}

func (a *accounts) change(ctx context.Context, userID string, f func(*account)) error {
	return store.Change(ctx, a.bucket, userID, func(old []byte) ([]byte, error) {
		var who account
		if old != nil {
			if err := json.Unmarshal(old, &who); err != nil {
				return nil, fmt.Errorf("the account of %s: %w", userID, err)
			}
		}
		f(&who)
		return json.Marshal(who)
	})
}

// mint makes a userID up that nobody has.
func (a *accounts) mint(ctx context.Context, now time.Time) (string, error) {
	data, err := json.Marshal(account{Minted: true, UsedAt: now})
	if err != nil {
		return "", err
	}
	for {
		userID := "user_" + random(4) + "_" + random(2)
		_, err := a.bucket.Create(ctx, userID, data)
		if !errors.Is(err, store.ErrExists) {
			return userID, err
		}
	}
}

// login gives a user a token; the one before is void.
func (a *accounts) login(ctx context.Context, userID string, now time.Time) (string, error) {
	token := random(16)
	return token, a.change(ctx, userID, func(who *account) { who.Token, who.UsedAt = hashed(token), now })
}

func (a *accounts) logout(ctx context.Context, userID string) error {
	return a.change(ctx, userID, func(who *account) { who.Token = "" })
}

// knows says whether a token is the user's.
func (a *accounts) knows(ctx context.Context, userID, token string, now time.Time) (bool, error) {
	who, found, err := a.get(ctx, userID)
	if err != nil {
		return false, err
	}
	if !found || who.Token == "" || subtle.ConstantTimeCompare([]byte(who.Token), []byte(hashed(token))) == 0 {
		return false, nil
	}
	if now.Sub(who.UsedAt) > a.ttl/8 {
		err = a.change(ctx, userID, func(who *account) { who.UsedAt = now })
	}
	return true, err
}

func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// random is so many bytes in hex.
func random(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return hex.EncodeToString(b)
}
