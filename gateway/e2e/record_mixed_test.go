package e2e

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// TestMixedRecording has a live room's stream recorded as its audience gets it,
// from before the mix to behind its end, and as the anchor sends it beside that.
func TestMixedRecording(t *testing.T) {
	gw := &gateway{}
	config := writeConfigAt(t, gw, "127.0.0.1", "publisher_grace: 0s", `recording: {linger: 2s, disk: {min_free: 1MiB, alarm_free: 1MiB}}
weapp: {enabled: true, any_user: true, sdk_app_id: 1400000001, key: "0123456789abcdef0123456789abcdef"}`)
	gw.run(t, config)
	anchor, phone := newLiveUser(t, gw, "anchor"), newLiveUser(t, gw, "phone")
	anchor.camera("red", 360, 640, 440)
	roomID := anchor.call("create_room", map[string]any{"roomInfo": "live"})["roomID"].(string)
	anchor.enter(roomID)
	begin := func(mixed bool) (id string) {
		var r struct{ RecordingID string }
		gw.post(t, "/api/v1/recordings", fmt.Sprintf(`{"stream": "live/%s", "mixed": %v}`, anchor.stream, mixed), &r)
		return r.RecordingID
	}
	mixed, own := begin(true), begin(false)
	if mixed == own {
		t.Fatal("both are one recording")
	}
	audience, path := testmedia.Play(t, testmedia.Curl, gw.flvURL(anchor.stream))
	phone.camera("lime", 240, 320, 1000)
	phone.enter(roomID)
	anchor.merge(roomID, phone)
	var since time.Time
	testmedia.Eventually(t, 3*waitLong, "the audience to get both for a while", func() bool {
		tl := tailOf(t, path, 440, 1000)
		if tl.at(300, 490) != "lime" || tl.levels[0] < 0.1 || tl.levels[1] < 0.1 {
			since = time.Time{}
		} else if since.IsZero() {
			since = time.Now()
		}
		return !since.IsZero() && time.Since(since) > 4*time.Second
	})
	audience.Stop()
	data := filepath.Join(filepath.Dir(config), "data", "recordings")
	seen := map[string]tail{}
	for name, id := range map[string]string{"mixed": mixed, "own": own} {
		(&clerk{t: t, gw: gw}).ask("POST", "/recordings/"+id+"/stop", "")
		var answer struct {
			Recording struct {
				Mixed bool
				Files []struct {
					Name  string
					Video *struct{ Width int }
				}
			}
			Manifest struct{ Gaps []any }
		}
		_, _, body := gw.get("/api/v1/recordings/" + id)
		if err := json.Unmarshal(body, &answer); err != nil || len(answer.Recording.Files) == 0 {
			t.Fatalf("%s: %s, %v", name, body, err)
		}
		if answer.Recording.Mixed != (name == "mixed") || len(answer.Manifest.Gaps) > 0 {
			t.Errorf("%s: %s", name, body)
		}
		for _, f := range answer.Recording.Files {
			if f.Video == nil {
				continue // sound alone, until the mix has its first picture
			}
			if media := testmedia.Decode(t, filepath.Join(data, id, f.Name)); media.Errors != "" || len(media.Pictures) == 0 {
				t.Errorf("%s: %d pictures, the decoder complains:\n%.600s", f.Name, len(media.Pictures), media.Errors)
			}
		}
		seen[name] = tailOf(t, filepath.Join(data, id, answer.Recording.Files[len(answer.Recording.Files)-1].Name), 440, 1000)
	}
	if tl := seen["mixed"]; tl.at(300, 490) != "lime" || tl.at(100, 300) != "red" || tl.levels[0] < 0.1 || tl.levels[1] < 0.1 {
		t.Errorf("the mixed recording ends with %s in the tile, %s beside it, levels %.3f", tl.at(300, 490), tl.at(100, 300), tl.levels)
	}
	if tl := seen["own"]; tl.at(300, 490) != "red" || tl.levels[0] < 0.1 || tl.levels[1] > 0.05 {
		t.Errorf("the anchor's own recording ends with %s in the tile's place, levels %.3f", tl.at(300, 490), tl.levels)
	}
}
