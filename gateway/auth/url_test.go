package auth

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"hutong/gateway/config"
)

// The known answer that mini-program back ends are tested with.
func TestKnownAnswer(t *testing.T) {
	const key = "e12c46f2612d5106e2034781ab261ca3"
	expires := time.Unix(0x5C271099, 0)
	txSecret, txTime := SignURL(config.HashMD5, key, "test", expires)
	if txSecret != "f85a2ab363fe4deaffef9754d79da6fe" || txTime != "5C271099" {
		t.Errorf("got txSecret %s, txTime %s", txSecret, txTime)
	}
	// By sha256sum of key, name and time.
	txSecret, _ = SignURL(config.HashSHA256, key, "test", expires)
	if txSecret != "2fe51d13bff48deaddd7e4e086265e69d5a04a64db9a2cbc737bd585c472fd07" {
		t.Errorf("with SHA-256 got txSecret %s", txSecret)
	}
	cfg := config.Auth{Mode: config.AuthToken, TokenSecret: tokenSecret, SignedURLs: []config.SignedURL{{App: "live", Key: key}}}
	a := authority(t, cfg, at(expires.Add(-time.Second)))
	q, _ := url.ParseQuery("txSecret=f85a2ab363fe4deaffef9754d79da6fe&txTime=5C271099&bizid=1")
	g, err := a.Allow(t.Context(), Request{Action: Play, Stream: "live/test", Protocol: "rtmp", Query: q})
	if err != nil || g != (Grant{Subject: "url", Path: PathLive, Expires: expires}) {
		t.Errorf("got %+v, %v", g, err)
	}
}

func TestTxTimeStaysEightDigits(t *testing.T) {
	for _, test := range []struct {
		expires time.Time
		want    string
	}{
		{time.Unix(-5, 0), "00000000"},
		{time.Unix(0xABC, 0), "00000ABC"},
		{time.Unix(0x6A2B3C4D, 999), "6A2B3C4D"},
		{time.Unix(1<<40, 0), "FFFFFFFF"},
	} {
		if _, got := SignURL(config.HashMD5, liveKey, "a", test.expires); got != test.want {
			t.Errorf("%v gives txTime %s, want %s", test.expires, got, test.want)
		}
	}
}

func TestSignedURLs(t *testing.T) {
	hour := fmt.Sprintf("%X", start.Add(time.Hour).Unix())
	good := func(hash, key, name, txTime string) string {
		return "txTime=" + txTime + "&txSecret=" + txSecretOf(hash, key, name, txTime)
	}
	md5, sha := config.HashMD5, config.HashSHA256
	tests := []struct {
		name     string
		action   Action
		stream   string
		protocol string
		query    string
		denied   *Denial
		path     string
	}{
		{"publish", Publish, "live/alice", "rtmp", good(md5, liveKey, "alice", hour), nil, PathLive},
		{"play", Play, "live/alice", "flv", good(md5, liveKey, "alice", hour), nil, PathLive},
		{"play by WHEP", Play, "live/alice", "whep", good(md5, liveKey, "alice", hour), nil, PathLive},
		{"backup key", Publish, "live/alice", "rtmp", good(md5, oldLiveKey, "alice", hour), nil, PathLive},
		{"lower-case txTime", Publish, "live/alice", "rtmp", good(md5, liveKey, "alice", strings.ToLower(hour)), nil, PathLive},
		{"name of two parts", Publish, "live/a/b", "rtmp", good(md5, liveKey, "a/b", hour), nil, PathLive},
		{"SHA-256 publish", Publish, "show/alice", "rtmp", good(sha, pushKey, "alice", hour), nil, PathLive},
		{"SHA-256 play", Play, "show/alice", "rtmp", good(sha, playKey, "alice", hour), nil, PathLive},
		{"the lesser path by wish", Play, "live/alice", "flv", good(md5, liveKey, "alice", hour) + "&path=standard", nil, PathStandard},
		{"unsigned", Play, "show/alice", "flv", "", nil, PathStandard},
		{"unsigned RTMP", Play, "show/alice", "rtmp", "a=b", nil, PathStandard},
		{"unsigned wants the live path", Play, "show/alice", "flv", "path=live", nil, PathStandard},

		{"unsigned WHEP", Play, "show/alice", "whep", "", ErrMissing, ""},
		{"unsigned publish where play is optional", Publish, "show/alice", "rtmp", "", ErrMissing, ""},
		{"unsigned play where it is required", Play, "live/alice", "rtmp", "", ErrMissing, ""},
		{"unsigned in an unknown app", Play, "other/alice", "rtmp", "", ErrMissing, ""},
		{"no txSecret", Publish, "live/alice", "rtmp", "txTime=" + hour, ErrMissing, ""},
		{"no txTime", Publish, "live/alice", "rtmp", "txSecret=" + strings.Repeat("a", 32), ErrMissing, ""},
		{"half signed where play is optional", Play, "show/alice", "rtmp", "txTime=" + hour, ErrMissing, ""},
		{"other stream", Publish, "live/bob", "rtmp", good(md5, liveKey, "alice", hour), ErrWrong, ""},
		{"other app", Play, "vod/alice", "rtmp", good(md5, liveKey, "alice", hour), ErrWrong, ""},
		{"the player's key to publish", Publish, "show/alice", "rtmp", good(sha, playKey, "alice", hour), ErrWrong, ""},
		{"the publisher's key to play", Play, "show/alice", "rtmp", good(sha, pushKey, "alice", hour), ErrWrong, ""},
		{"wrong signature where play is optional", Play, "show/alice", "rtmp", good(sha, "another-key", "alice", hour), ErrWrong, ""},
		{"other hash", Publish, "live/alice", "rtmp", good(sha, liveKey, "alice", hour), ErrWrong, ""},
		{"upper-case txSecret", Publish, "live/alice", "rtmp", "txTime=" + hour + "&txSecret=" + strings.ToUpper(txSecretOf(md5, liveKey, "alice", hour)), ErrWrong, ""},
		{"txSecret cut short", Publish, "live/alice", "rtmp", strings.TrimRight(good(md5, liveKey, "alice", hour), "0123456789abcdef") + "ab", ErrWrong, ""},
		{"txTime in another case than signed", Publish, "live/alice", "rtmp", strings.Replace(good(md5, liveKey, "alice", hour), hour, strings.ToLower(hour), 1), ErrWrong, ""},
		{"later txTime", Publish, "live/alice", "rtmp", strings.Replace(good(md5, liveKey, "alice", hour), hour, "7"+hour[1:], 1), ErrWrong, ""},
		{"a digit moved into txTime", Publish, "live/alice", "rtmp", strings.Replace(good(md5, liveKey, "alice1", hour), hour, "1"+hour, 1), ErrWrong, ""},
		{"a digit moved out of txTime", Publish, "live/alice6", "rtmp", strings.Replace(good(md5, liveKey, "alice", hour), hour, hour[1:], 1), ErrWrong, ""},
		{"txTime in decimal", Publish, "live/alice", "rtmp", good(md5, liveKey, "alice", "1767326645"), ErrWrong, ""},
		{"txTime is no number", Publish, "live/alice", "rtmp", good(md5, liveKey, "alice", "tomorrow"), ErrWrong, ""},
		{"txTime with a sign", Publish, "live/alice", "rtmp", "txSecret=" + txSecretOf(md5, liveKey, "alice", "+"+hour[1:]) + "&txTime=%2B" + hour[1:], ErrWrong, ""},
		{"txTime with 0x", Publish, "live/alice", "rtmp", good(md5, liveKey, "alice", "0x"+hour[2:]), ErrWrong, ""},
		{"long ago", Publish, "live/alice", "rtmp", good(md5, liveKey, "alice", "5C271099"), ErrExpired, ""},
		{"expired where play is optional", Play, "show/alice", "flv", good(sha, playKey, "alice", "5C271099"), ErrExpired, ""},
		{"expired and wrong", Publish, "live/bob", "rtmp", good(md5, liveKey, "alice", "5C271099"), ErrWrong, ""},
		{"publish is off", Publish, "vod/alice", "rtmp", good(md5, playKey, "alice", hour), ErrNoRight, ""},
		{"unknown app", Publish, "other/alice", "rtmp", good(md5, liveKey, "alice", hour), ErrNoRight, ""},
		{"no name", Publish, "live/", "rtmp", good(md5, liveKey, "", hour), ErrNoRight, ""},
		{"no app", Publish, "alice", "rtmp", good(md5, liveKey, "alice", hour), ErrNoRight, ""},
		{"no stream", Play, "", "rtmp", "", ErrNoRight, ""},
	}
	a := authority(t, production(), at(start))
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			q, err := url.ParseQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			g, err := a.Allow(t.Context(), Request{Action: test.action, Stream: test.stream, Protocol: test.protocol, Query: q, Remote: "192.0.2.1:5"})
			if test.denied != nil {
				checkDenied(t, err, test.denied, q.Get("txSecret"))
				if g != (Grant{}) {
					t.Errorf("denied, and granted %+v", g)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := Grant{Subject: "url", Path: test.path, Expires: start.Add(time.Hour)}
			if !q.Has("txSecret") {
				want.Subject, want.Expires = "anonymous", time.Time{}
			}
			if !g.Expires.Equal(want.Expires) || g.Subject != want.Subject || g.Path != want.Path || g.RoomID != "" {
				t.Errorf("got %+v, want %+v", g, want)
			}
		})
	}
}

func TestURLExpiresAtTheSecond(t *testing.T) {
	now := start
	a := authority(t, production(), func() time.Time { return now })
	query, ok := a.Sign(Publish, "live/alice", start.Add(10*time.Second))
	if !ok {
		t.Fatal("not signed")
	}
	q, _ := url.ParseQuery(query)
	r := Request{Action: Publish, Stream: "live/alice", Query: q}
	now = start.Add(10*time.Second - 1)
	if _, err := a.Allow(t.Context(), r); err != nil {
		t.Errorf("refused a moment before its end: %v", err)
	}
	now = start.Add(10 * time.Second)
	_, err := a.Allow(t.Context(), r)
	checkDenied(t, err, ErrExpired)
	if !strings.Contains(err.Error(), "2026-01-02T03:04:15Z") {
		t.Errorf("%v does not say until when it was good", err)
	}
}

func TestSignMakesWhatAllowTakes(t *testing.T) {
	a := authority(t, production(), at(start))
	for _, test := range []struct {
		action Action
		stream string
		ok     bool
	}{
		{Publish, "live/alice", true}, {Play, "live/alice", true}, {Publish, "live/a/b", true},
		{Publish, "show/alice", true}, {Play, "show/alice", true}, {Play, "vod/alice", true},
		{Publish, "vod/alice", false}, {Play, "other/alice", false}, {Play, "live/", false}, {Play, "live", false}, {Room, "live/alice", false},
	} {
		query, ok := a.Sign(test.action, test.stream, start.Add(time.Minute))
		if ok != test.ok {
			t.Errorf("%s %s: signed is %v, want %v", test.action, test.stream, ok, test.ok)
		}
		if !ok {
			continue
		}
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if g, err := a.Allow(t.Context(), Request{Action: test.action, Stream: test.stream, Query: q}); err != nil || g.Subject != "url" {
			t.Errorf("%s %s with %s: %+v, %v", test.action, test.stream, query, g, err)
		}
	}
}
