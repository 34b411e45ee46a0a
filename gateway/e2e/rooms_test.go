package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

// post calls REST and reads the answer into v.
func (gw *gateway) post(t *testing.T, path, body string, v any) {
	t.Helper()
	resp, err := http.Post("http://"+gw.http+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("POST %s: %s", path, resp.Status)
	}
	if err := json.NewDecoder(resp.Body).Decode(v); err != nil {
		t.Fatal(err)
	}
}

type roomMember struct{ UserID, NickName, Client, Stream string }

// members waits until a room has n members that publish.
func (gw *gateway) members(t *testing.T, roomID string, n int) map[string]roomMember {
	t.Helper()
	byName := map[string]roomMember{}
	testmedia.Eventually(t, waitLong, fmt.Sprintf("%d members to publish", n), func() bool {
		_, _, body := gw.get("/api/v1/rooms/" + roomID)
		var room struct {
			Members []struct {
				roomMember
				Publishing bool
			}
		}
		if json.Unmarshal(body, &room) != nil {
			return false
		}
		clear(byName)
		for _, m := range room.Members {
			if m.Publishing {
				byName[m.NickName] = m.roomMember
			}
		}
		return len(byName) == n
	})
	return byName
}

// enter opens the call page of a room and joins.
func (s *suite) enter(t *testing.T, b *testmedia.Browser, roomID, name string) *testmedia.Page {
	t.Helper()
	page := s.view(t, b, "/room/"+roomID+"?name="+name, "")
	present(t, page, "room-join")
	page.Run(chromedp.Click(chromedp.CSS(`[data-testid="room-join"]`)))
	present(t, page, "room-leave")
	return page
}

// watchTile reads the pictures of a member's tile.
func (s *suite) watchTile(t *testing.T, page *testmedia.Page, userID string) {
	t.Helper()
	tile := fmt.Sprintf(`document.querySelector('[data-testid="tile"][data-user="%s"] [data-testid="tile-video"]')`, userID)
	testmedia.Eventually(t, waitLong, "the tile of "+userID, func() (there bool) {
		page.Eval(`!!`+tile, &there)
		return there
	})
	page.Eval(`window.e2eWatch = hutongStrip.watch(`+tile+`); null`, nil)
}

// A phone and two browsers meet in a room: each browser sees the phone and the
// other browser, and the phone sees and hears a browser.
func (s *suite) room(t *testing.T) {
	var made, joined struct{ RoomID, Stream string }
	s.gw.post(t, "/api/v1/rooms", `{"roomID":"court","capacity":3}`, &made)
	s.gw.post(t, "/api/v1/rooms/court/members", `{"userID":"phone","nickName":"Plaintiff","client":"rtmp"}`, &joined)
	s.gw.push(t, strings.TrimPrefix(joined.Stream, "live/"), phone)

	judge := s.enter(t, s.publisher, "court", "Judge")
	clerk := s.enter(t, s.watcher, "court", "Clerk")
	members := s.gw.members(t, "court", 3)
	if members["Plaintiff"].Client != "rtmp" || members["Judge"].Client != "webrtc" {
		t.Errorf("members %v", members)
	}

	s.watchTile(t, judge, "phone")
	requireAdvance(t, sampleStrips(seen(t, judge, 60)), phone, phone.Frames()-1)
	s.watchTile(t, clerk, "phone")
	requireAdvance(t, sampleStrips(seen(t, clerk, 60)), phone, phone.Frames()-1)
	s.watchTile(t, clerk, members["Judge"].UserID)
	requireAdvance(t, sampleStrips(seen(t, clerk, 60)), camera, camera.Frames()-1)
	s.requireVoice(t, strings.TrimPrefix(members["Judge"].Stream, "live/"))

	resp, err := http.Post("http://"+s.gw.http+"/api/v1/rooms/court/members", "application/json", strings.NewReader(`{"userID":"fourth","client":"webrtc"}`))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusConflict {
		t.Errorf("a fourth member of a room for three: %s", resp.Status)
	}
	judge.Run(chromedp.Click(chromedp.CSS(`[data-testid="room-leave"]`)))
	s.gw.members(t, "court", 2)
}
