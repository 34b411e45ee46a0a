package usersig

import (
	"bytes"
	"compress/zlib"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// vectors were made by testdata/vectors.py: Python 3's zlib, hmac and base64, and
// OpenSSL 3.0's ECDSA, which share no code with this package.
//
//go:embed testdata/vectors.txt
var vectors string

const (
	app    = 1400000001
	secret = "hutong-known-answer-key"
)

var signed = time.Unix(1767323045, 0)

func vector(n int) string { return strings.Fields(vectors)[n] }

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func private(t testing.TB, name string) PrivateKey {
	t.Helper()
	k, err := ParsePrivateKey(read(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func public(t testing.TB, name string) PublicKey {
	t.Helper()
	k, err := ParsePublicKey(read(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func knowing(t testing.TB) Verifier {
	return Verifier{Shared: []string{"another-key", secret}, Public: []PublicKey{public(t, "p.pub"), public(t, "k1.pub")}}
}

func TestKnownAnswers(t *testing.T) {
	v := knowing(t)
	month := 2592000 * time.Second
	for n, want := range []Claims{
		{UserID: "user_1", SDKAppID: app, Issued: signed, TTL: month},
		{UserID: "user_1", SDKAppID: app, Issued: signed, TTL: time.Hour},
		{UserID: "user_1", SDKAppID: app, Issued: signed, TTL: month, AppIDAt3rd: "1400000001", AccountType: "36862"},
		{UserID: "user_1", SDKAppID: app, Issued: signed, TTL: time.Hour, AppIDAt3rd: "0", AccountType: "0"},
		{UserID: "user_1", SDKAppID: app, Issued: signed, TTL: month, AppIDAt3rd: "0", AccountType: "0"},
	} {
		got, err := v.Verify(vector(n), signed.Add(time.Minute))
		if err != nil {
			t.Errorf("vector %d: %v", n, err)
			continue
		}
		buf := got.UserBuf
		got.UserBuf = nil
		if got.UserID != want.UserID || got.SDKAppID != want.SDKAppID || !got.Issued.Equal(want.Issued) || got.TTL != want.TTL ||
			got.AppIDAt3rd != want.AppIDAt3rd || got.AccountType != want.AccountType || (len(buf) > 0) != (n == 1 || n == 3) {
			t.Errorf("vector %d says %+v, want %+v", n, got, want)
		}
		if _, err := v.Verify(vector(n), want.Expires()); !errors.Is(err, ErrExpired) {
			t.Errorf("vector %d at its end: %v", n, err)
		}
		if _, err := v.Verify(vector(n), signed.Add(-time.Hour)); !errors.Is(err, ErrNotYet) {
			t.Errorf("vector %d before its time: %v", n, err)
		}
		if _, err := (Verifier{Shared: []string{"another-key"}, Public: v.Public[:0]}).Verify(vector(n), signed); !errors.Is(err, ErrSignature) {
			t.Errorf("vector %d and other keys: %v", n, err)
		}
	}
	for _, n := range []int{1, 3} {
		m, err := v.VerifyMap(vector(n), signed)
		if err != nil || m.UserID != "user_1" || m.RoomID != 4711 || m.SDKAppID != app || m.Privileges != AllPrivileges || !m.Expires.Equal(signed.Add(time.Hour)) {
			t.Errorf("vector %d allows %+v, %v", n, m, err)
		}
	}
	if _, err := v.VerifyMap(vector(0), signed); !errors.Is(err, ErrMalformed) {
		t.Errorf("a userSig for a privateMapKey: %v", err)
	}
}

func TestHMACIsByteIdenticalToItsKnownAnswer(t *testing.T) {
	sig, err := SignHMAC(secret, Claims{UserID: "user_1", SDKAppID: app, Issued: signed, TTL: 2592000 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	// Deflate has many spellings of one text: compare what is in it.
	var ours, theirs map[string]any
	for text, into := range map[string]*map[string]any{sig: &ours, vector(0): &theirs} {
		data, err := unpack(text)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, into); err != nil {
			t.Fatal(err)
		}
	}
	for key, want := range theirs {
		if ours[key] != want {
			t.Errorf("%s is %v, want %v", key, ours[key], want)
		}
	}
	if len(ours) != len(theirs) {
		t.Errorf("%v has other fields than %v", ours, theirs)
	}
}

// TestOpenSSLVerifiesOurs holds our ECDSA against OpenSSL's.
func TestOpenSSLVerifiesOurs(t *testing.T) {
	for _, name := range []string{"k1", "p"} {
		sig, err := SignECDSA(private(t, name+".pem"), Claims{UserID: "user_1", SDKAppID: app, Issued: signed, TTL: time.Hour, UserBuf: []byte{1, 2}})
		if err != nil {
			t.Fatal(err)
		}
		data, err := unpack(sig)
		if err != nil {
			t.Fatal(err)
		}
		var e map[string]string
		if err := json.Unmarshal(data, &e); err != nil {
			t.Fatal(err)
		}
		lines := ""
		for _, key := range []string{"appid_at_3rd", "account_type", "identifier", "sdk_appid", "time", "expire_after", "userbuf"} {
			lines += "TLS." + key + ":" + e["TLS."+key] + "\n"
		}
		der, err := base64.StdEncoding.DecodeString(e["TLS.sig"])
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "sig")
		if err := os.WriteFile(file, der, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "openssl", "dgst", "-sha256", "-verify", filepath.Join("testdata", name+".pub"), "-signature", file)
		cmd.Stdin = strings.NewReader(lines)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("openssl and %s: %s %v", name, out, err)
		}
	}
}

func TestKeys(t *testing.T) {
	claims := Claims{UserID: "u", SDKAppID: 1, Issued: signed, TTL: time.Hour}
	for name, key := range map[string]PrivateKey{"PKCS #8, secp256k1": private(t, "k1.pem"), "SEC 1, secp256k1": private(t, "k1.sec1.pem"),
		"PKCS #8, P-256": private(t, "p.pem"), "derived": Derived("secret")} {
		sig, err := SignECDSA(key, claims)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Trim(sig, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-_") != "" {
			t.Errorf("%s: %q needs escaping", name, sig)
		}
		if _, err := (Verifier{Public: []PublicKey{key.Public()}}).Verify(sig, signed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := (Verifier{Public: []PublicKey{Derived("other").Public()}}).Verify(sig, signed); !errors.Is(err, ErrSignature) {
			t.Errorf("%s and another key: %v", name, err)
		}
	}
	for name, file := range map[string][]byte{"a public key": read(t, "k1.pub"), "nothing": nil, "text": []byte("key"),
		"half": read(t, "k1.pem")[:80], "zeros": []byte("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")} {
		if _, err := ParsePrivateKey(file); !errors.Is(err, ErrKey) {
			t.Errorf("%s for a private key: %v", name, err)
		}
	}
	for name, file := range map[string][]byte{"a private key": read(t, "k1.pem"), "zeros": []byte("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")} {
		if _, err := ParsePublicKey(file); !errors.Is(err, ErrKey) {
			t.Errorf("%s for a public key: %v", name, err)
		}
	}
}

func deflated(b []byte) string {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	w.Write(b)
	w.Close()
	return urlSafe.Replace(base64.StdEncoding.EncodeToString(out.Bytes()))
}

func TestRefused(t *testing.T) {
	v := knowing(t)
	good := vector(0)
	trailing := base64.StdEncoding.EncodeToString(append(must(base64.StdEncoding.DecodeString(standard.Replace(good))), 'x'))
	for name, tc := range map[string]struct {
		sig  string
		want error
	}{
		"nothing":              {"", ErrMalformed},
		"too long":             {strings.Repeat("A", maxText+1), ErrMalformed},
		"no base64":            {"!!!", ErrMalformed},
		"plain base64":         {"a+b/", ErrMalformed},
		"a line break":         {good[:8] + "\n" + good[8:], ErrMalformed},
		"not deflated":         {"AAAA", ErrMalformed},
		"half":                 {good[:len(good)/8*4], ErrMalformed},
		"something follows":    {urlSafe.Replace(trailing), ErrMalformed},
		"a zlib bomb":          {deflated(make([]byte, 2<<20)), ErrMalformed},
		"no object":            {deflated([]byte(`[1]`)), ErrMalformed},
		"an empty object":      {deflated([]byte(`{}`)), ErrMalformed},
		"another version":      {deflated([]byte(`{"TLS.ver":"3.0"}`)), ErrMalformed},
		"a number for a text":  {deflated([]byte(`{"TLS.identifier":1,"TLS.sig":""}`)), ErrMalformed},
		"a text for a number":  {deflated([]byte(`{"TLS.ver":"2.0","TLS.identifier":"u","TLS.sdkappid":"1"}`)), ErrMalformed},
		"a line in a userID":   {deflated([]byte(`{"TLS.ver":"2.0","TLS.identifier":"u\nTLS.sdkappid:1"}`)), ErrMalformed},
		"no signature":         {deflated([]byte(`{"TLS.ver":"2.0","TLS.identifier":"u","TLS.sdkappid":1,"TLS.time":1767323045,"TLS.expire":9}`)), ErrSignature},
		"an eternal signature": {deflated([]byte(`{"TLS.ver":"2.0","TLS.identifier":"u","TLS.expire":9223372036854775807}`)), ErrMalformed},
	} {
		if _, err := v.Verify(tc.sig, signed); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
	for _, c := range []Claims{{}, {UserID: "u"}, {UserID: "u\n", SDKAppID: 1, Issued: signed, TTL: time.Hour}} {
		if _, err := SignHMAC(secret, c); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v was signed: %v", c, err)
		}
		if _, err := SignECDSA(Derived(secret), c); !errors.Is(err, ErrMalformed) {
			t.Errorf("%+v was signed: %v", c, err)
		}
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func TestMapKey(t *testing.T) {
	key := Derived(secret)
	v := Verifier{Public: []PublicKey{key.Public()}}
	m := Map{UserID: "user_1", SDKAppID: app, RoomID: 1<<31 - 1, Expires: signed.Add(time.Hour), Privileges: AllPrivileges}
	sig, err := SignMap(key, m, signed)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.VerifyMap(sig, signed); err != nil || got.RoomID != m.RoomID || got.UserID != m.UserID {
		t.Errorf("%+v %v", got, err)
	}
	if _, err := v.VerifyMap(sig, signed.Add(time.Hour)); !errors.Is(err, ErrExpired) {
		t.Errorf("late: %v", err)
	}
	other, err := SignECDSA(key, Claims{UserID: "user_2", SDKAppID: app, Issued: signed, TTL: time.Hour, UserBuf: m.Encode()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.VerifyMap(other, signed); !errors.Is(err, ErrMalformed) {
		t.Errorf("of two users: %v", err)
	}
	for _, b := range [][]byte{nil, {0, 0}, {1, 0, 0}, {0, 255, 255, 1}, make([]byte, 24)} {
		if _, err := DecodeMap(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x: %v", b, err)
		}
	}
}

func FuzzVerify(f *testing.F) {
	for n := range 5 {
		f.Add(vector(n))
	}
	f.Add("")
	f.Add(deflated([]byte(`{"TLS.ver":"2.0"}`)))
	f.Add(deflated(make([]byte, maxJSON+1)))
	v := knowing(f)
	f.Fuzz(func(t *testing.T, sig string) {
		c, err := v.Verify(sig, signed)
		if err == nil && c.UserID != "user_1" {
			t.Fatalf("%q says %+v", sig, c)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\r\n") {
			t.Fatalf("an error on two lines: %q", err)
		}
		if m, err := v.VerifyMap(sig, signed); err == nil && m.RoomID != 4711 {
			t.Fatalf("%q allows %+v", sig, m)
		}
	})
}
