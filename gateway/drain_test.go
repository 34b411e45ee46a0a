package gateway

import (
	"log/slog"
	"testing"

	"hutong/bridge/stream"
	"hutong/gateway/config"
	"hutong/gateway/room"
)

// newGateway is a gateway on free ports of loopback, which serves nothing.
func newGateway(t *testing.T) *Gateway {
	t.Helper()
	cfg := config.Default()
	cfg.DataDir = t.TempDir()
	for _, address := range []*string{&cfg.HTTP.Address, &cfg.RTMP.Address, &cfg.WebRTC.UDPAddress, &cfg.WebRTC.TCPAddress} {
		*address = "127.0.0.1:0"
	}
	g, err := New(cfg, slog.New(slog.DiscardHandler), "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.drain)
	return g
}

func TestWhoIsLetInWhileCallsFinish(t *testing.T) {
	g := newGateway(t)
	if _, err := g.rooms.Create(t.Context(), room.Options{RoomID: "r42"}); err != nil {
		t.Fatal(err)
	}
	_, alice, err := g.rooms.Join(t.Context(), "r42", room.Joining{UserID: "alice", Client: "rtmp"})
	if err != nil {
		t.Fatal(err)
	}
	pub, err := g.streams.Publish("live/phone", stream.PublisherInfo{Protocol: "rtmp", Origin: stream.FromFrames})
	if err != nil {
		t.Fatal(err)
	}
	pub.Close(false) // lost, and may come back

	running := newGateway(t).http
	for _, test := range []struct {
		who       string
		stream    string
		publish   bool
		finishing bool
	}{
		{"a stranger who publishes", "live/stranger", true, false},
		{"a stranger who plays", "live/phone", false, false},
		{"a publisher who comes back", "live/phone", true, true},
		{"a member who publishes", alice.Stream, true, true},
		{"somebody who plays a member", alice.Stream, false, true},
	} {
		if !running.Admits(test.stream, test.publish) {
			t.Errorf("%s is turned away by a gateway that runs", test.who)
		}
		g.http.Finish()
		if got := g.http.Admits(test.stream, test.publish); got != test.finishing {
			t.Errorf("%s is let in while calls finish: %v, want %v", test.who, got, test.finishing)
		}
		g.http.Drain()
		if g.http.Admits(test.stream, test.publish) {
			t.Errorf("%s is let in while everybody has to go", test.who)
		}
	}
}
