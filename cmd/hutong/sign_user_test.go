package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hutong/gateway/weapp/usersig"
)

const weappConfig = `
weapp: {enabled: true, sdk_app_id: 1400000001, key: 0123456789abcdef0123456789abcdef}
`

// signed runs sign and returns the line it prints.
func signed(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(append([]string{"sign"}, args...), &out, &errs); code != exitOK {
		t.Fatalf("%v: %d %s", args, code, errs.String())
	}
	return strings.TrimSpace(out.String())
}

func TestSignUser(t *testing.T) {
	path := write(t, weappConfig)
	now := time.Now()
	v := usersig.Verifier{Shared: []string{"0123456789abcdef0123456789abcdef"}}
	c, err := v.Verify(signed(t, "user", "--config", path, "--user", "alice", "--ttl", "2h"), now)
	if err != nil || c.UserID != "alice" || c.SDKAppID != 1400000001 || c.TTL != 2*time.Hour {
		t.Errorf("%+v %v", c, err)
	}
	v.Public = []usersig.PublicKey{usersig.Derived("0123456789abcdef0123456789abcdef").Public()}
	m, err := v.VerifyMap(signed(t, "map", "--config", path, "--user", "alice", "--room", "4711", "--ttl", "1h"), now)
	if err != nil || m.UserID != "alice" || m.RoomID != 4711 || m.Privileges != usersig.AllPrivileges {
		t.Errorf("%+v %v", m, err)
	}
}

// TestSignUserByAKeyOf2018 takes a key of OpenSSL's.
func TestSignUserByAKeyOf2018(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	if out, err := exec.CommandContext(t.Context(), "openssl", "ecparam", "-name", "secp256k1", "-genkey", "-noout", "-out", file).CombinedOutput(); err != nil {
		t.Fatalf("%s %v", out, err)
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := usersig.ParsePrivateKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, strings.Replace(weappConfig, "}", ", private_key: "+file+"}", 1))
	v := usersig.Verifier{Public: []usersig.PublicKey{key.Public()}}
	c, err := v.Verify(signed(t, "user", "--config", path, "--user", "alice"), time.Now())
	if err != nil || c.UserID != "alice" || c.AccountType != "36862" || c.AppIDAt3rd != "1400000001" {
		t.Errorf("%+v %v", c, err)
	}
}

func TestSignUserRefusals(t *testing.T) {
	path, bare := write(t, weappConfig), write(t, "log: {level: info}\n")
	for _, test := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"user", "--config", path}, exitUsage, "userID"},
		{[]string{"user", "--config", path, "--user", "a.b"}, exitUsage, "a.b"},
		{[]string{"map", "--config", path, "--user", "alice"}, exitUsage, "--room"},
		{[]string{"map", "--config", path, "--user", "alice", "--room", "0"}, exitUsage, "--room"},
		{[]string{"user", "--config", bare, "--user", "alice"}, exitFailure, "weapp.key"},
		{[]string{"user", "--config", path, "--user", "alice", "--ttl", "0s"}, exitUsage, "--ttl"},
		{nil, exitUsage, "user or map"},
	} {
		var out, errs bytes.Buffer
		if code := run(append([]string{"sign"}, test.args...), &out, &errs); code != test.code || !strings.Contains(errs.String(), test.says) || out.Len() > 0 {
			t.Errorf("%v: %d, %q", test.args, code, errs.String())
		}
	}
}
