package e2e

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"hutong/bridge/testmedia"
)

// composites waits until those of the recording are as wanted.
func (c *deskCall) composites(t *testing.T, what string, ok func(states []string) bool) (names []string) {
	t.Helper()
	testmedia.Eventually(t, waitLong, what, func() bool {
		var answer struct {
			Recording struct {
				Composites []struct{ State, Name string }
			}
		}
		_, _, body := c.gw.get("/api/v1/recordings/" + c.id)
		if json.Unmarshal(body, &answer) != nil {
			return false
		}
		var states []string
		names = nil
		for _, x := range answer.Recording.Composites {
			states, names = append(states, x.State), append(names, x.Name)
		}
		return ok(states)
	})
	return names
}

// oneFile cancels the making of a composite in the middle, and kills the gateway in
// the middle of another, which the next life makes.
func (c *deskCall) oneFile(t *testing.T) {
	outside := &clerk{t: t, gw: c.gw}
	if err := os.WriteFile(c.slow, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	works := func() int {
		paths, err := filepath.Glob(filepath.Join(filepath.Dir(c.dir), ".composite-*", "composite.mp4"))
		if err != nil {
			t.Fatal(err)
		}
		return len(paths)
	}
	first := outside.ask("POST", "/recordings/"+c.id+"/composites", `{"layout":"grid"}`)["id"].(string)
	testmedia.Eventually(t, waitLong, "a composite to be under way", func() bool { return works() == 1 })
	req, err := http.NewRequest(http.MethodDelete, "http://"+c.gw.http+"/api/v1/recordings/"+c.id+"/composites/"+first, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil || resp.StatusCode != http.StatusNoContent {
		t.Fatalf("cancelling: %v %v", resp, err)
	}
	resp.Body.Close()
	c.composites(t, "it to be cancelled", func(s []string) bool { return slices.Equal(s, []string{"cancelled"}) })
	testmedia.Eventually(t, waitLong, "what it had made to be gone", func() bool { return works() == 0 })

	outside.ask("POST", "/recordings/"+c.id+"/composites", `{"layout":"pip"}`)
	testmedia.Eventually(t, waitLong, "another to be under way", func() bool { return works() == 1 })
	c.gw.process.Kill()
	if err := os.Remove(c.slow); err != nil {
		t.Fatal(err)
	}
	c.gw.serve(c.t, c.config) // it outlives this part of the test
	names := c.composites(t, "the next life to make it", func(s []string) bool { return slices.Equal(s, []string{"cancelled", "done"}) })
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(c.dir), ".composite-*")); len(left) > 0 {
		t.Errorf("left behind are %v", left)
	}
	info := testmedia.Probe(t, filepath.Join(c.dir, names[1]))
	if video := info.Stream("video"); len(info.Streams) != 2 || video.Width != 640 || video.Height != 240 {
		t.Errorf("the composite has %+v", info.Streams)
	}
	if out, err := exec.Command(hutong, "verify", filepath.Join(c.dir, "manifest.json")).CombinedOutput(); err != nil {
		t.Errorf("afterwards: %v\n%s", err, out)
	}
}
