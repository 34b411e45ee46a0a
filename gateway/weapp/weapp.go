// Package weapp is the mini-program API of 2018 over hutong's rooms: the room
// service that its clients call, the messages they sent through a cloud's IM, and
// the room signature. docs/weapp.md describes it for those who call it.
//
// It is another face of gateway/rooms. All it knows of a room is kept with the
// room, so every node gives the same answers, and a gateway that was killed too.
package weapp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/store"
	"hutong/gateway/weapp/usersig"
)

// Signer signs the addresses of streams, as an [auth.Authority] does.
type Signer interface {
	Sign(action auth.Action, stream string, expires time.Time) (query string, ok bool)
}

// Options of a [Service].
type Options struct {
	Config *config.Config
	Rooms  *rooms.Service
	Store  *store.Store
	Signer Signer
	// Mixer mixes live rooms; nil says to clients that nothing is mixed.
	Mixer Mixer
	// Now is the clock of signatures; nil is time.Now.
	Now func() time.Time
	Log *slog.Logger
	// Refused counts what is refused, by reason; nil is nobody.
	Refused func(reason string)
}

// Service is the mini-program API. Its methods may be called from many
// goroutines.
type Service struct {
	o        Options
	c        config.Weapp
	services map[string]bool
	ec       usersig.PrivateKey
	issuesEC bool // userSigs are of the form of 2018
	verifier usersig.Verifier
	accounts *accounts
	calls    *auth.Limiter
	mixes    *mixes
	hub      *hub
	closing  sync.Once
	tested   atomic.Pointer[string] // the newest stream of get_test_pushurl
}

// New reads the keys and opens what is kept of users. Close it when done.
func New(o Options) (*Service, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Refused == nil {
		o.Refused = func(string) {}
	}
	c := o.Config.Weapp
	s := &Service{o: o, c: c, services: map[string]bool{}, calls: auth.NewLimiter(c.Calls, o.Now)}
	for _, name := range c.Services {
		s.services[name] = true
	}
	if err := s.readKeys(); err != nil {
		return nil, err
	}
	var err error
	if s.accounts, err = openAccounts(o.Store, c.TokenTTL.Std()); err != nil {
		return nil, fmt.Errorf("weapp: %w", err)
	}
	s.mixes = newMixes(o)
	if s.hub, err = newHub(s); err != nil {
		s.mixes.close()
		return nil, fmt.Errorf("weapp: %w", err)
	}
	s.resumeMixes()
	return s, nil
}

// Close ends the WebSockets and the mixes. It may be called again.
func (s *Service) Close() {
	s.closing.Do(func() {
		s.hub.close()
		s.mixes.close()
	})
}

func (s *Service) readKeys() error {
	c := s.c
	if len(c.Key) < 1 {
		return errors.New("weapp.key is empty; set it to what openssl rand -hex 32 prints")
	}
	s.ec = usersig.Derived(c.Key)
	for _, key := range []string{c.Key, c.BackupKey} {
		if key != "" {
			s.verifier.Shared = append(s.verifier.Shared, key)
			s.verifier.Public = append(s.verifier.Public, usersig.Derived(key).Public())
		}
	}
	if c.PrivateKey != "" {
		file, err := os.ReadFile(c.PrivateKey)
		if err == nil {
			s.ec, err = usersig.ParsePrivateKey(file)
		}
		if err != nil {
			return fmt.Errorf("weapp.private_key %s: %w; name a PEM file with an EC key", c.PrivateKey, err)
		}
		s.issuesEC = true
		s.verifier.Public = append(s.verifier.Public, s.ec.Public())
	}
	for _, name := range c.PublicKeys {
		file, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("weapp.public_keys: %w", err)
		}
		key, err := usersig.ParsePublicKey(file)
		if err != nil {
			return fmt.Errorf("weapp.public_keys %s: %w; name a PEM file with an EC key", name, err)
		}
		s.verifier.Public = append(s.verifier.Public, key)
	}
	return nil
}

// UserSig makes a userSig, as get_login_info answers it.
func (s *Service) UserSig(userID string, ttl time.Duration) (string, error) {
	return Sign(s.c, s.ec, userID, ttl, s.o.Now())
}

// Sign makes a userSig by the configuration: of the form of 2018 where it names
// an EC key, which is key, and of the form of 2019 otherwise.
func Sign(c config.Weapp, key usersig.PrivateKey, userID string, ttl time.Duration, now time.Time) (string, error) {
	claims := usersig.Claims{UserID: userID, SDKAppID: uint32(c.SDKAppID), Issued: now, TTL: ttl}
	if c.PrivateKey == "" {
		return usersig.SignHMAC(c.Key, claims)
	}
	claims.AppIDAt3rd, claims.AccountType = fmt.Sprint(c.SDKAppID), c.AccountType
	return usersig.SignECDSA(key, claims)
}

// genuine says whether a userSig is the user's, for this app, and good now.
func (s *Service) genuine(userSig, userID string) error {
	c, err := s.verifier.Verify(userSig, s.o.Now())
	switch {
	case err != nil:
		return err
	case c.UserID != userID:
		return fmt.Errorf("%w: it is another user's", usersig.ErrSignature)
	case int(c.SDKAppID) != s.c.SDKAppID:
		return fmt.Errorf("%w: it is for app %d, and this is %d", usersig.ErrSignature, c.SDKAppID, s.c.SDKAppID)
	}
	return room.CheckUserID(userID)
}

// limits are how many members each service lets in.
func (s *Service) limit(service string) int {
	switch service {
	case room.DoubleRoom:
		return s.c.MaxDouble
	case room.MultiRoom:
		return s.c.MaxMulti
	case room.LiveRoom:
		return s.c.MaxLive
	}
	return s.c.MaxWebRTC
}

// roomOptions describe a room that a service makes. The audience of a live room
// has places of its own in browsers.
func (s *Service) roomOptions(service, roomID, info, typ string) room.Options {
	w := &room.Weapp{Kind: service, Type: typ, Info: info, KeepEmpty: s.c.IdleRoom.Std()}
	o := room.Options{RoomID: roomID, Capacity: s.limit(service), Weapp: w}
	if service == room.LiveRoom {
		o.Capacity, w.Speakers = room.MaxCapacity, s.limit(service)
	}
	return o
}

// phone is what is kept of a member who enters by a service. Signs of life are
// kept to within room.SeenEvery: a member goes no sooner than weapp.expiry says.
func (s *Service) phone(service, avatar string) room.Phone {
	return room.Phone{Service: service, Avatar: avatar, Grace: s.c.Expiry.Std() + room.SeenEvery, BeatsOnly: service == room.WebRTCRoom}
}

// callTimeout bounds what one call may wait for.
const callTimeout = 10 * time.Second

func (s *Service) timeout() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), callTimeout)
}
