package e2e

import (
	_ "embed"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

//go:embed page.js
var pageScript string

// answer is a WHIP or WHEP response as the page saw it.
type answer struct {
	Status      int    `json:"status"`
	Type        string `json:"type"`
	Location    string `json:"location"`
	ETag        string `json:"etag"`
	AcceptPatch string `json:"acceptPatch"`
	Body        string `json:"body"`
}

// options of the page's play and publish; see page.js.
type options map[string]any

// browserPage opens a bare page on the gateway with the test script in it.
func browserPage(t *testing.T, b *testmedia.Browser, gw *gateway) *testmedia.Page {
	t.Helper()
	page := b.Open(t, gw.page())
	page.Eval(testmedia.StripScript, nil)
	page.Eval(pageScript, nil)
	return page
}

// player is a WHEP subscription in a page.
type player struct {
	t    *testing.T
	page *testmedia.Page
	name string
}

func call(t *testing.T, page *testmedia.Page, function, name, url string, o options) answer {
	t.Helper()
	if o == nil {
		o = options{}
	}
	raw, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	var a answer
	page.Eval(fmt.Sprintf("e2e.%s(%q, %q, %s)", function, name, url, raw), &a)
	return a
}

// watch plays a stream by WHEP and requires a proper answer.
func watch(t *testing.T, page *testmedia.Page, name string, o options) *player {
	t.Helper()
	requireCreated(t, call(t, page, "play", name, "/whep/live/"+name, o))
	return &player{t, page, name}
}

// publish sends the fake devices by WHIP and requires a proper answer.
func publish(t *testing.T, page *testmedia.Page, name string, o options) {
	t.Helper()
	requireCreated(t, call(t, page, "publish", name, "/whip/live/"+name, o))
}

func requireCreated(t *testing.T, a answer) {
	t.Helper()
	if a.Status != 201 || a.Type != "application/sdp" || a.Location == "" || a.ETag == "" || a.AcceptPatch == "" {
		t.Fatalf("the answer is %d, type %q, location %q, etag %q, accept-patch %q:\n%.600s",
			a.Status, a.Type, a.Location, a.ETag, a.AcceptPatch, a.Body)
	}
}

// pictures waits until ok accepts what the player has shown so far.
func (p *player) pictures(what string, ok func([]testmedia.Sample) bool) (got []testmedia.Sample) {
	p.t.Helper()
	testmedia.Eventually(p.t, time.Minute, what+" at the WHEP player", func() bool {
		p.page.Eval(fmt.Sprintf("e2e.players[%q].watch.samples", p.name), &got)
		return ok(got)
	})
	return got
}

// next waits for n pictures from now on.
func (p *player) next(n int) []testmedia.Sample {
	p.t.Helper()
	p.page.Eval(fmt.Sprintf("e2e.players[%q].watch.samples.length = 0", p.name), nil)
	return p.pictures(fmt.Sprintf("%d pictures", n), func(s []testmedia.Sample) bool { return len(s) >= n })
}

// heard is a stretch of sound from a page, at 48 kHz.
type heard struct {
	at          float64 // performance.now() of the first sample, ms
	channels    int
	left, right []float64
}

// listen waits until the player has heard the given length of sound that ok
// accepts, and gives it.
func (p *player) listen(length time.Duration, what string, ok func(heard) bool) (h heard) {
	p.t.Helper()
	testmedia.Eventually(p.t, time.Minute, what+" at the WHEP player", func() bool {
		var raw *struct {
			At          float64
			Channels    int
			Left, Right string
		}
		p.page.Eval(fmt.Sprintf("e2e.pcm(%q, %f)", p.name, length.Seconds()), &raw)
		if raw == nil {
			return false
		}
		h = heard{at: raw.At, channels: raw.Channels, left: floats(raw.Left), right: floats(raw.Right)}
		return ok(h)
	})
	return h
}

func floats(text string) []float64 {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	out := make([]float64, len(raw)/4)
	for i := range out {
		out[i] = float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[i*4:])))
	}
	return out
}
