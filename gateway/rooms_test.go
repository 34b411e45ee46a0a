package gateway

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
	"testing"
	"time"

	"hutong/bridge/rtmp"
	"hutong/bridge/stream"
	"hutong/bridge/testmedia"
	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/room"
)

const patience = 20 * time.Second

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	testmedia.Eventually(t, patience, what, holds)
}

// TestPhoneComesBack has a phone whose place has expired push again with the
// token it had.
func TestPhoneComesBack(t *testing.T) {
	g := newGateway(t)
	ctx := t.Context()
	if _, err := g.rooms.Create(ctx, room.Options{RoomID: "r", Capacity: 1}); err != nil {
		t.Fatal(err)
	}
	join := func(user string) room.Member {
		t.Helper()
		_, m, err := g.rooms.Join(ctx, "r", room.Joining{UserID: user, NickName: "N", Client: room.RTMP})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	phone := join("phone")
	token, err := g.auth.MemberToken(auth.MemberClaims{RoomID: "r", UserID: "phone", NickName: "N", Role: "guest", Stream: phone.Stream})
	if err != nil {
		t.Fatal(err)
	}
	push := func(want error) {
		t.Helper()
		_, err := g.authorizeRTMP(ctx, rtmp.Request{App: "live", Name: phone.Stream, Query: url.Values{"token": {token}}, Publish: true,
			Remote: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}})
		if !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("pushing: %v, want %v", err, want)
		}
	}
	expire := func() {
		t.Helper()
		_, err := g.rooms.Alter(ctx, "r", func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
			return r.Expire(now.Add(time.Hour), time.Second)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	push(nil)
	expire()
	push(nil)
	view, err := g.rooms.Get(ctx, "r")
	if err != nil || len(view.Members) != 1 || view.Members[0].Stream != phone.Stream || view.Members[0].NickName != "N" || view.Members[0].Client != room.RTMP {
		t.Errorf("the room has %+v, %v", view.Members, err)
	}
	expire()
	join("other")
	push(room.ErrFull)
	if err := g.rooms.Leave(ctx, "r", "other"); err != nil {
		t.Fatal(err)
	}
	push(nil)
	pub, err := g.streams.Publish(phone.Stream, stream.PublisherInfo{Protocol: "rtmp", Origin: stream.FromFrames})
	if err != nil {
		t.Fatal(err)
	}
	defer pub.Close(true)
	if err := g.rooms.CloseRoom(ctx, "r", "over"); err != nil {
		t.Fatal(err)
	}
	if g.streams.Get(phone.Stream) != nil {
		t.Error("the phone is on the air although its room is over")
	}
	push(room.ErrClosed)
}

// TestRoomsFollowAReload changes what pages and back ends are told.
func TestRoomsFollowAReload(t *testing.T) {
	told := make(chan struct{}, 100)
	back := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { told <- struct{}{} }))
	defer back.Close()
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	for _, address := range []*string{&cfg.HTTP.Address, &cfg.RTMP.Address, &cfg.WebRTC.UDPAddress, &cfg.WebRTC.TCPAddress} {
		*address = "127.0.0.1:0"
	}
	g, err := New(cfg, slog.New(slog.DiscardHandler), "test")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	}()
	settings := func() (s struct {
		Simulcast  bool
		ICEServers []struct{ URLs []string }
	}) {
		t.Helper()
		resp, err := http.Get("http://" + g.http.Addr().String() + "/api/v1/settings")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || json.Unmarshal(body, &s) != nil {
			t.Fatalf("%s, %v", body, err)
		}
		return s
	}
	if s := settings(); !s.Simulcast || len(s.ICEServers) != 0 {
		t.Errorf("at first %+v", s)
	}
	next := *cfg
	next.WebRTC.Simulcast = false
	next.WebRTC.ICEServers = []config.ICEServer{{URLs: []string{"stun:stun.example.net"}}}
	next.Rooms.Webhooks = []config.Webhook{{URL: back.URL, Secret: "0123456789abcdef0123456789abcdef"}}
	if err := g.adopt(&next); err != nil {
		t.Fatal(err)
	}
	if s := settings(); s.Simulcast || len(s.ICEServers) != 1 || s.ICEServers[0].URLs[0] != "stun:stun.example.net" {
		t.Errorf("then %+v", s)
	}
	if _, err := g.rooms.Create(ctx, room.Options{RoomID: "r"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the back end's being told", func() bool { return len(told) == 1 })
	if err := g.adopt(cfg); err != nil {
		t.Fatal(err)
	}
	if s := settings(); !s.Simulcast || len(s.ICEServers) != 0 {
		t.Errorf("at last %+v", s)
	}
}
