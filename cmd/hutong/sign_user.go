package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/weapp"
	"hutong/gateway/weapp/usersig"
)

// wrongUser says which flag of sign user and sign map cannot be right.
func (s *signing) wrongUser(what string) error {
	err := room.CheckUserID(s.user)
	if n, bad := strconv.ParseUint(s.room, 10, 31); what == "map" && (bad != nil || n == 0) {
		err = errors.Join(err, fmt.Errorf("--room %q is no room number; write 1 to 2147483647", s.room))
	}
	return err
}

// userSig prints what a back end hands to a mini-program to log in with.
func (s *signing) userSig(cfg *config.Config, _ *auth.Authority, out io.Writer) error {
	key, err := signingKey(cfg)
	if err != nil {
		return err
	}
	sig, err := weapp.Sign(cfg.Weapp, key, s.user, s.ttl, time.Now())
	if err == nil {
		fmt.Fprintln(out, sig)
	}
	return err
}

// mapKey prints what opens one room to one user.
func (s *signing) mapKey(cfg *config.Config, _ *auth.Authority, out io.Writer) error {
	key, err := signingKey(cfg)
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(s.room, 10, 31)
	if err != nil {
		return err
	}
	now := time.Now()
	sig, err := usersig.SignMap(key, usersig.Map{UserID: s.user, SDKAppID: uint32(cfg.Weapp.SDKAppID), RoomID: uint32(n),
		Expires: now.Add(s.ttl), Privileges: usersig.AllPrivileges}, now)
	if err == nil {
		fmt.Fprintln(out, sig)
	}
	return err
}

// signingKey is the EC key that a gateway with this configuration signs with.
func signingKey(cfg *config.Config) (usersig.PrivateKey, error) {
	w := cfg.Weapp
	if w.Key == "" || w.SDKAppID == 0 {
		return usersig.PrivateKey{}, errors.New("weapp.key or weapp.sdk_app_id is not set, so no gateway would take what is signed; set them in the file or by HUTONG_WEAPP_KEY and HUTONG_WEAPP_SDK_APP_ID")
	}
	if w.PrivateKey == "" {
		return usersig.Derived(w.Key), nil
	}
	file, err := os.ReadFile(w.PrivateKey)
	if err != nil {
		return usersig.PrivateKey{}, fmt.Errorf("weapp.private_key: %w", err)
	}
	return usersig.ParsePrivateKey(file)
}
