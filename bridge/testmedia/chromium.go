package testmedia

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// BrowserOptions shape a Chromium.
type BrowserOptions struct {
	Video string   // Y4M clip for the fake camera, "" for Chromium's own pattern
	Audio string   // WAV clip for the fake microphone, "" for Chromium's own beeps
	Flags []string // further switches, "name" or "name=value"
}

// Browser is a headless Chromium with an empty profile.
type Browser struct {
	tb  testing.TB
	ctx context.Context
}

// Page is one tab.
type Page struct {
	tb      testing.TB
	ctx     context.Context
	console *Log
}

// NewBrowser starts a Chromium. It ends, with all its processes, when the test
// does.
func NewBrowser(tb testing.TB, options BrowserOptions) *Browser {
	tb.Helper()
	camera := "fps=30"
	flags := []chromedp.ExecAllocatorOption{
		chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.UserDataDir(tb.TempDir()),
		chromedp.Flag("headless", "new"),
		chromedp.Flag("disable-gpu", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("disable-background-timer-throttling", true),
		chromedp.Flag("disable-backgrounding-occluded-windows", true),
		chromedp.Flag("disable-renderer-backgrounding", true),
		chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-fake-device-for-media-stream", camera),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("mute-audio", true),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }),
		chromedp.WSURLReadTimeout(time.Minute),
	}
	if options.Video != "" {
		flags = append(flags, chromedp.Flag("use-file-for-fake-video-capture", options.Video))
	}
	if options.Audio != "" {
		flags = append(flags, chromedp.Flag("use-file-for-fake-audio-capture", options.Audio))
	}
	for _, f := range options.Flags {
		name, value, has := strings.Cut(f, "=")
		if has {
			flags = append(flags, chromedp.Flag(name, value))
		} else {
			flags = append(flags, chromedp.Flag(name, true))
		}
	}
	stderr := &Log{}
	flags = append(flags, chromedp.CombinedOutput(stderr))
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), flags...)
	ctx, cancel := chromedp.NewContext(alloc)
	tb.Cleanup(func() {
		var pid int
		if c := chromedp.FromContext(ctx); c != nil && c.Browser != nil && c.Browser.Process() != nil {
			pid = c.Browser.Process().Pid
		}
		cancel()
		cancelAlloc()
		if pid > 1 {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
		}
		if tb.Failed() {
			tb.Logf("chromium said:\n%s", stderr.Tail(2000))
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		tb.Fatalf("testmedia: starting chromium: %v\n%s", err, stderr.Tail(4000))
	}
	return &Browser{tb: tb, ctx: ctx}
}

// Open opens a tab on an address. tb may be a subtest: the tab closes with it.
func (b *Browser) Open(tb testing.TB, url string) *Page {
	tb.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	p := &Page{tb: tb, ctx: ctx, console: &Log{}}
	if err := chromedp.Do(ctx); err != nil {
		tb.Fatalf("testmedia: opening a tab: %v", err)
	}
	messages := chromedp.Console(ctx)
	go func() {
		for m := range messages {
			fmt.Fprintln(p.console, m)
		}
	}()
	tb.Cleanup(func() {
		cancel()
		if tb.Failed() {
			tb.Logf("the page %s said:\n%s", url, p.console.Tail(4000))
		}
	})
	if err := p.do(time.Minute, chromedp.Navigate(url)); err != nil {
		tb.Fatalf("testmedia: opening %s: %v", url, err)
	}
	return p
}

func (p *Page) do(limit time.Duration, steps ...chromedp.Action[chromedp.Void]) error {
	ctx, cancel := context.WithTimeout(p.ctx, limit)
	defer cancel()
	return chromedp.Do(ctx, steps...)
}

// Run is for chromedp actions of the test's own (clicks, typing), bounded in time.
func (p *Page) Run(steps ...chromedp.Action[chromedp.Void]) {
	p.tb.Helper()
	if err := p.do(time.Minute, steps...); err != nil {
		p.tb.Fatalf("page: %v", err)
	}
}

// Try evaluates an expression, awaiting a promise, and stores its value in out
// (nil to drop it).
func (p *Page) Try(expression string, out any) error {
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	raw, err := chromedp.Run(ctx, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err != nil || out == nil {
		return err
	}
	if len(raw) == 0 {
		raw = []byte("null")
	}
	return json.Unmarshal(raw, out)
}

// Eval is Try that fails the test on an error.
func (p *Page) Eval(expression string, out any) {
	p.tb.Helper()
	if err := p.Try(expression, out); err != nil {
		p.tb.Fatalf("page: %v, evaluating %.300s", err, expression)
	}
}

// Console is what the page has written to its console, exceptions included.
func (p *Page) Console() *Log { return p.console }
