package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"hutong/bridge/testmedia"
)

// company is a web page of another origin than the gateway's, with the widget in it,
// and the back end that places its visitors' calls.
func company(t *testing.T, gw *gateway) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>A bank</title><h1>A bank</h1><a href="#" class="video">Talk to us</a>
<script src="http://%s/widget.js" data-queue="support" data-place="/place" data-button=".video"></script>`, gw.http)
	})
	mux.HandleFunc("POST /place", func(w http.ResponseWriter, r *http.Request) {
		var asked struct{ Queue, Client string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		who, _ := json.Marshal(map[string]any{"userID": "visitor", "nickName": "李娜", "client": asked.Client, "userData": map[string]any{"account": 4711}})
		answer, err := http.Post("http://"+gw.http+"/api/v1/queues/"+asked.Queue+"/calls", "application/json", strings.NewReader(string(who)))
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// inner is the document of a page's only frame, of another origin than the page. Tests
// get at its elements, and not at its scripts.
type inner struct {
	page  *testmedia.Page
	world runtime.ExecutionContextID
}

// innerOf waits for the frame and its document.
func innerOf(t *testing.T, p *testmedia.Page) *inner {
	t.Helper()
	f := &inner{page: p}
	testmedia.Eventually(t, waitLong, "the frame of the widget", func() (there bool) {
		p.Run(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			tree, err := cdp.Call(ctx, target, page.GetFrameTree, cdp.Empty{})
			if err != nil || len(tree.FrameTree.ChildFrames) == 0 {
				return err
			}
			world, err := cdp.Call(ctx, target, page.CreateIsolatedWorld, page.CreateIsolatedWorldParams{FrameID: tree.FrameTree.ChildFrames[0].Frame.ID})
			f.world = world.ExecutionContextID
			there = err == nil && f.is(ctx, target, `document.readyState === 'complete' && location.pathname === '/caller'`)
			return nil
		}))
		return there
	})
	return f
}

func (f *inner) is(ctx context.Context, target *chromedp.Target, condition string) bool {
	yes := true
	got, err := cdp.Call(ctx, target, runtime.Evaluate, runtime.EvaluateParams{Expression: "!!(" + condition + ")", ContextID: f.world, ReturnByValue: &yes})
	return err == nil && got.Result != nil && string(got.Result.Value) == "true"
}

// until waits for a condition to hold in the frame.
func (f *inner) until(t *testing.T, what, condition string) {
	t.Helper()
	testmedia.Eventually(t, waitLong, what, func() (holds bool) {
		f.page.Run(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			holds = f.is(ctx, target, condition)
			return nil
		}))
		return holds
	})
}

func (f *inner) press(t *testing.T, id string) {
	t.Helper()
	f.until(t, id+" to be pressed", fmt.Sprintf(`(e => e && !e.disabled && (e.click(), true))(document.querySelector('[data-testid="%s"]'))`, id))
}

// TestDeskWidget has a visitor of a company's page call through the widget, which one
// script tag has put there: the company's back end places the call.
func TestDeskWidget(t *testing.T) {
	o, ben := openBooth(t)

	visitor := &guest{face: faceOf(0), name: "the visitor", userID: "visitor"}
	visitor.page = visitor.face.browser(t, testmedia.BrowserOptions{Init: auditScript}).Open(t, company(t, o.gw))
	visitor.clicks(t, ".video")
	frame := innerOf(t, visitor.page)
	frame.until(t, "the visitor to see the own camera", `document.querySelector('[data-testid="preview"]')?.videoWidth > 0`)
	frame.press(t, "caller-call")
	frame.until(t, "the call to wait or ring", `['waiting', 'ringing'].includes(document.querySelector('[data-testid="caller"]')?.dataset.state)`)
	ben.press(t, "answer")
	ben.attends(visitor)
	ben.perceives(t, visitor)
	ben.reading(t, "user-data", "4711")
	playing := `(v => v && v.videoWidth > 0 && !v.paused && v.currentTime > 1)(document.querySelector('[data-user="agent-ben"] video'))`
	frame.until(t, "the agent's picture in the widget", playing)
	// The page that the widget is in was left alone.
	var title string
	visitor.page.Eval(`document.querySelector('h1').textContent + document.querySelectorAll('body > iframe').length`, &title)
	if title != "A bank0" {
		t.Errorf("the company's page has become %q", title)
	}
	ben.press(t, "hangup")
	frame.until(t, "the end in the widget", `document.querySelector('[data-testid="call-ended"]')`)
	visitor.page.Eval(`hutong.close()`, nil)
	testmedia.Eventually(t, waitLong, "the widget to be closed", func() (closed bool) {
		visitor.page.Eval(`frames.length === 0`, &closed)
		return closed
	})
}
