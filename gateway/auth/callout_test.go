package auth

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hutong/gateway/config"
)

// withBackend makes an Authority whose call-out is answered by handler.
func withBackend(t *testing.T, timeout time.Duration, handler http.HandlerFunc) *Authority {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	cfg := production()
	cfg.Callout = config.Callout{URL: s.URL + "/authorize?secret=hunter2hunter2", Timeout: config.Duration(timeout), Secret: callSecret}
	return authority(t, cfg, at(start))
}

const patient = 30 * time.Second

func memberRequest(t *testing.T, a *Authority) Request {
	t.Helper()
	return Request{Action: Publish, Stream: "live/r42_alice", Protocol: "rtmp", Remote: "192.0.2.1:5", Query: url.Values{"token": {token(t, a, alice)}}}
}

func TestCalloutAsks(t *testing.T) {
	var got struct {
		method, path, contentType, timestamp, signature string
		body                                            []byte
	}
	a := withBackend(t, patient, func(w http.ResponseWriter, r *http.Request) {
		got.method, got.path, got.contentType = r.Method, r.URL.Path, r.Header.Get("Content-Type")
		got.timestamp, got.signature = r.Header.Get("Hutong-Timestamp"), r.Header.Get("Hutong-Signature")
		got.body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusNoContent)
	})
	g, err := a.Allow(t.Context(), memberRequest(t, a))
	if err != nil || g.UserID != "alice" {
		t.Fatalf("got %+v, %v", g, err)
	}
	if got.method != "POST" || got.path != "/authorize" || got.contentType != "application/json" || got.timestamp != "1767323045" {
		t.Errorf("asked with %+v", got)
	}
	if _, want := SignBody(callSecret, start, got.body); got.signature != want {
		t.Errorf("signature is %s, want %s", got.signature, want)
	}
	var body map[string]string
	if err := json.Unmarshal(got.body, &body); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"action": "publish", "stream": "live/r42_alice", "protocol": "rtmp", "remote": "192.0.2.1:5", "roomID": "r42", "userID": "alice"}
	for k, v := range want {
		if body[k] != v {
			t.Errorf("%s is %q, want %q", k, body[k], v)
		}
	}
	if len(body) != len(want) {
		t.Errorf("body is %v", body)
	}
}

// The answer was made by openssl dgst -sha256 -hmac.
func TestSignBodyKnownAnswer(t *testing.T) {
	timestamp, signature := SignBody(callSecret, time.Unix(1767323045, 0), []byte(`{"action":"play"}`))
	if timestamp != "1767323045" || signature != "sha256=5a8051a5812652799157aaadb781636442507a72bf6c0f3fdf3ba1eff314e69c" {
		t.Errorf("got %s, %s", timestamp, signature)
	}
}

func TestCalloutAnswers(t *testing.T) {
	var elsewhere atomic.Int32
	tests := []struct {
		name   string
		answer http.HandlerFunc
		denied *Denial
		text   string
	}{
		{"200", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "anything") }, nil, ""},
		{"201", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(201) }, nil, ""},
		{"403", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(403) }, ErrRefused, "the back end said no"},
		{"403 with a reason", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			io.WriteString(w, `{"message":"您的余额不足"}`)
		}, ErrRefused, "the back end said no: 您的余额不足"},
		{"403 with an ugly reason", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			io.WriteString(w, `{"message":"a\r\nb\u0000 `+strings.Repeat("x", 1000)+`"}`)
		}, ErrRefused, "the back end said no: a  b  " + strings.Repeat("x", 194) + "..."},
		{"403 with HTML", func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", 403) }, ErrRefused, "said no"},
		{"403 without end", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(403)
			io.WriteString(w, `{"message":"`+strings.Repeat("x", 1<<20))
		}, ErrRefused, "said no"},
		{"401", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(401) }, ErrCallout, "could not be asked"},
		{"404", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, ErrCallout, "could not be asked"},
		{"500", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(500)
			io.WriteString(w, `{"message":"stack trace"}`)
		}, ErrCallout, "whether you may publish; try again"},
		{"redirect to a yes", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/yes" {
				elsewhere.Add(1)
				return
			}
			http.Redirect(w, r, "/yes", http.StatusTemporaryRedirect)
		}, ErrCallout, "could not be asked"},
		{"cut off", func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				c.Close()
			}
		}, ErrCallout, "could not be asked"},
		{"no HTTP", func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				io.WriteString(c, "220 hello\r\n")
				c.Close()
			}
		}, ErrCallout, "could not be asked"},
		{"a body that breaks off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
		}, ErrCallout, "could not be asked"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := withBackend(t, patient, test.answer)
			var log strings.Builder
			a.Log = slog.New(slog.NewTextHandler(&log, nil))
			r := memberRequest(t, a)
			g, err := a.Allow(t.Context(), r)
			if strings.Contains(log.String(), "hunter2") || strings.Contains(log.String(), callSecret) {
				t.Errorf("the log tells a secret: %s", log.String())
			}
			if logged := strings.Contains(log.String(), "authorisation call-out failed"); logged != (test.denied == ErrCallout) {
				t.Errorf("logged %q", log.String())
			}
			if test.denied == nil {
				if err != nil || g.UserID != "alice" {
					t.Errorf("got %+v, %v", g, err)
				}
				return
			}
			checkDenied(t, err, test.denied, r.Query.Get("token"), "hunter2hunter2")
			if !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "stack trace") {
				t.Errorf("error is %v, want %q in it", err, test.text)
			}
		})
	}
	if elsewhere.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestSlowCalloutIsANo(t *testing.T) {
	a := withBackend(t, 100*time.Millisecond, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	})
	_, err := a.Allow(t.Context(), memberRequest(t, a))
	checkDenied(t, err, ErrCallout)
}

func TestSlowBodyIsANo(t *testing.T) {
	a := withBackend(t, 100*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	})
	_, err := a.Allow(t.Context(), memberRequest(t, a))
	checkDenied(t, err, ErrCallout)
}

func TestUnreachableCalloutIsANo(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	cfg := production()
	cfg.Callout = config.Callout{URL: "http://" + l.Addr().String(), Timeout: config.Duration(patient), Secret: callSecret}
	a := authority(t, cfg, at(start))
	_, err = a.Allow(t.Context(), memberRequest(t, a))
	checkDenied(t, err, ErrCallout)
}

func TestCalloutIsAskedOnlyWhenItMatters(t *testing.T) {
	var asked atomic.Int32
	a := withBackend(t, patient, func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	for _, r := range []Request{
		{Action: Publish, Stream: "live/x"},
		{Action: Admin, Bearer: backendKey},
		{Action: Room, Bearer: token(t, a, alice)},
	} {
		a.Allow(t.Context(), r)
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("asked %d times about a refusal, REST and the WebSocket", n)
	}
	for range 2 { // nothing is cached
		if _, err := a.Allow(t.Context(), Request{Action: Play, Stream: "show/x", Protocol: "flv"}); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times about two unsigned plays, want 2", n)
	}
}

// TestCalloutsAtOnce holds every question until as many are under way as may be,
// and sees that no more ever were.
func TestCalloutsAtOnce(t *testing.T) {
	var running, most atomic.Int32
	full := make(chan struct{})
	var once sync.Once
	a := withBackend(t, patient, func(_ http.ResponseWriter, r *http.Request) {
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		if n == calloutsAtOnce {
			once.Do(func() { close(full) })
		}
		select {
		case <-full:
		case <-r.Context().Done():
		}
	})
	r := memberRequest(t, a)
	var group sync.WaitGroup
	for range 2 * calloutsAtOnce {
		group.Go(func() {
			if _, err := a.Allow(context.Background(), r); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := most.Load(); n != calloutsAtOnce {
		t.Errorf("%d at once, want %d", n, calloutsAtOnce)
	}
}

// What anybody may play is for the back end to forbid.
func TestCalloutIsAskedAboutAnAudience(t *testing.T) {
	status := http.StatusNoContent
	a := withBackend(t, patient, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	a.Public = func(stream string) bool { return stream == "live/anchor" }
	play := func(stream, protocol string) (Grant, error) {
		return a.Allow(t.Context(), Request{Action: Play, Stream: stream, Protocol: protocol, Remote: "192.0.2.1:5"})
	}
	for _, protocol := range []string{"flv", "rtmp"} {
		if g, err := play("live/anchor", protocol); err != nil || g.Path != PathStandard {
			t.Errorf("%s: %+v, %v", protocol, g, err)
		}
	}
	if _, err := play("live/anchor", "whep"); !errors.Is(err, ErrMissing) {
		t.Errorf("WHEP, which has no standard path: %v", err)
	}
	if _, err := play("live/other", "flv"); !errors.Is(err, ErrMissing) {
		t.Errorf("another stream: %v", err)
	}
	status = http.StatusForbidden
	if _, err := play("live/anchor", "flv"); !errors.Is(err, ErrRefused) {
		t.Errorf("the back end said no: %v", err)
	}
}
