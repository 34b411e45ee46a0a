package httpapi

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"hutong/bridge/stream"
	"hutong/gateway/room"
	"hutong/sfu"
)

// talker publishes audio and video of a member as a browser would, and says how
// loud it is.
type talker struct{ level atomic.Int64 }

func talk(t *testing.T, srv *Server, roomID, userID string) *talker {
	t.Helper()
	_, m, err := srv.Rooms.Join(context.Background(), roomID, room.Joining{UserID: userID, Client: room.WebRTC})
	if err != nil {
		t.Fatal(err)
	}
	p, err := srv.Streams.Publish(m.Stream, stream.PublisherInfo{Protocol: "webrtc", Origin: stream.FromWebRTC})
	if err != nil {
		t.Fatal(err)
	}
	feed := p.Stream().Source().Attach(sfu.FeedOptions{HasVideo: true, HasAudio: true})
	who := &talker{}
	who.level.Store(-127)
	stop, done := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() {
		close(stop)
		<-done
		p.Close(true)
	})
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for media := time.Duration(0); ; media += 20 * time.Millisecond {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			feed.WriteFrame(sfu.Audio, media, true, [][]byte{{0xf8, 0xff, 0xfe}})
			feed.SetAudioLevel(float64(who.level.Load()))
			if media%(200*time.Millisecond) == 0 {
				feed.WriteFrame(sfu.Video, media, true, [][]byte{{0x67, 0x42, 0xc0, 0x1f, 0xd9}, {0x68, 0xce, 0x3c, 0x80}, {0x65, 0x88, 1, 2}})
			}
		}
	}()
	return who
}

// TestAudioOfTwelveVideoOfTheVisible has fifteen publish in a room.
func TestAudioOfTwelveVideoOfTheVisible(t *testing.T) {
	srv, base := serve(t, nil)
	createRoom(t, base, "r")
	talkers := map[string]*talker{}
	for i := range 15 {
		user := fmt.Sprintf("u%02d", i)
		talkers[user] = talk(t, srv, "r", user)
	}
	me, _ := join(t, base, "r", "me", "webrtc")
	me.has("type", "welcome")
	me.say(map[string]any{"type": "view", "tiles": []any{
		map[string]any{"userID": "u03", "width": 320, "height": 180, "fit": "cover"},
		map[string]any{"userID": "u14", "width": 320, "height": 180},
		map[string]any{"userID": "u05", "width": 0, "height": 0},
	}})
	// flowing are those of whom something comes within a second, once it is as many
	// as wanted.
	flowing := func(kind string, want int) map[string]bool {
		t.Helper()
		var got map[string]bool
		before, since := map[string]int{}, time.Time{}
		waitFor(t, fmt.Sprintf("not the %s of %d", kind, want), func() bool {
			if time.Since(since) < time.Second {
				return false
			}
			got = map[string]bool{}
			for user := range talkers {
				if n := me.count(user + " " + kind); n > before[user] && !since.IsZero() {
					got[user] = true
				}
				before[user] = me.count(user + " " + kind)
			}
			since = time.Now()
			return len(got) == want
		})
		return got
	}
	if got := flowing("video", 2); !got["u03"] || !got["u14"] {
		t.Errorf("pictures come of %v", got)
	}
	heard := flowing("audio", 12)
	silent := ""
	for user := range talkers {
		if !heard[user] {
			silent = user
		}
	}
	talkers[silent].level.Store(-20)
	me.receives(silent + " audio")
	if got := flowing("audio", 12); !got[silent] {
		t.Errorf("%s speaks, %v are heard", silent, got)
	}
	me.has("type", "speaking")
}

// TestAPhoneIsOfferedNothing: it plays by RTMP, and what nobody answers would be
// transcoded for nobody; a page that has a phone's place says what it shows.
func TestAPhoneIsOfferedNothing(t *testing.T) {
	srv, base := serve(t, nil)
	createRoom(t, base, "r")
	talk(t, srv, "r", "u")
	_, m, err := srv.Rooms.Join(t.Context(), "r", room.Joining{UserID: "u", Client: room.WebRTC})
	if err != nil {
		t.Fatal(err)
	}
	players := func() int { return srv.Streams.Get(m.Stream).Stats().Players["whep"] }
	phone, _ := join(t, base, "r", "phone", "rtmp")
	phone.has("type", "welcome")
	page, _ := join(t, base, "r", "page", "webrtc")
	page.has("type", "offer")
	waitFor(t, "the page does not receive", func() bool { return players() > 0 })
	if n := players(); n != 1 {
		t.Errorf("%d sessions receive, want the page's alone", n)
	}
	phone.say(map[string]any{"type": "view", "tiles": []any{map[string]any{"userID": "u", "width": 320, "height": 180}}})
	phone.has("type", "offer")
	waitFor(t, "the phone's place does not receive", func() bool { return players() == 2 })
}
