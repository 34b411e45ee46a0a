package rooms

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"hutong/gateway/rooms/webhook"
	"hutong/gateway/store"
)

// TestWebhooks has a back end that refuses every other request follow a room.
func TestWebhooks(t *testing.T) {
	var mu sync.Mutex
	var room, streams []string
	calls := 0
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var e webhook.Event
		if err := json.NewDecoder(r.Body).Decode(&e); err != nil {
			t.Error(err)
		}
		if strings.HasPrefix(e.Event, "stream_") {
			streams = append(streams, fmt.Sprint(e.Event, " ", e.Stream, " ", e.RoomID, " ", e.UserID))
		} else {
			room = append(room, fmt.Sprint(e.Revision, " ", e.Event, " ", e.UserID))
		}
	}))
	defer back.Close()
	var node atomic.Pointer[Service]
	reg := registry(t, 0, node.Load)
	s := start(t, Options{Store: openStore(t, store.Options{Dir: t.TempDir()}), Streams: reg, Node: "n1",
		Webhooks: []webhook.Hook{{URL: back.URL, Secret: "0123456789abcdef"}}, webhookRetry: time.Millisecond})
	node.Store(s)
	create(t, s, "r", 0)
	l := listen(t, s, "r")
	m := join(t, s, "r", "phone")
	p := publish(t, reg, m.Stream)
	other := publish(t, reg, "live/other")
	l.hears("member_joined phone", "publish_started phone")
	eventually(t, "the streams", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(streams) == 2
	})
	p.Close(true)
	l.hears("member_joined phone", "publish_started phone", "publish_stopped phone")
	other.Close(true)
	ok(t, s.CloseRoom(t.Context(), "r", "over"))
	want := []string{"0 room_created ", "1 member_joined phone", "2 publish_started phone", "3 publish_stopped phone", "4 room_closed "}
	var got, of []string
	eventually(t, "every event", func() bool {
		mu.Lock()
		defer mu.Unlock()
		got, of = slices.Clone(room), slices.Clone(streams)
		return len(got) >= len(want) && len(of) >= 4
	})
	if !slices.Equal(got, want) {
		t.Errorf("of the room came %q, want %q", got, want)
	}
	slices.Sort(of)
	if want := []string{"stream_ended live/other  ", "stream_ended live/r_phone r phone", "stream_started live/other  ", "stream_started live/r_phone r phone"}; !slices.Equal(of, want) {
		t.Errorf("of streams came %q, want %q", of, want)
	}
}
