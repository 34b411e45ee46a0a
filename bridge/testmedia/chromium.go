package testmedia

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// BrowserOptions shape a Chromium.
type BrowserOptions struct {
	Video string   // Y4M clip for the fake camera, "" for Chromium's own pattern
	Audio string   // WAV clip for the fake microphone, "" for Chromium's own beeps
	Flags []string // further switches, "name" or "name=value"
	// Init is a script that every page runs before its own.
	Init string
	// Prompts leaves it to the browser whom it lets use devices and screens: the
	// flags say so of screens, Permit of devices. Otherwise everything is allowed, and
	// a shared screen is made up.
	Prompts bool
	// Namespace is the network namespace that the browser lives in, as ip-netns(8)
	// names it; "" for the test's own.
	Namespace string
}

// noise is what every Chromium says of a machine without a sound card, a desktop
// and a graphics card.
var noise = regexp.MustCompile(`ALSA|alsa_util|dbus/|vkCreateInstance|CheckVkSuccess|OpenH264|on_device_model`)

// Browser is a headless Chromium with an empty profile.
type Browser struct {
	tb   testing.TB
	ctx  context.Context
	init string
}

// Page is one tab.
type Page struct {
	tb      testing.TB
	ctx     context.Context
	cancel  context.CancelFunc
	console *Log
}

// NewBrowser starts a Chromium. It ends, with all its processes, when the test
// does.
func NewBrowser(tb testing.TB, options BrowserOptions) *Browser {
	tb.Helper()
	camera := "fps=30"
	var ip string
	if options.Namespace != "" {
		var err error
		if ip, err = exec.LookPath("ip"); err != nil {
			tb.Fatalf("testmedia: a browser in a network namespace needs iproute2: %v", err)
		}
	}
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
		chromedp.Flag("use-fake-ui-for-media-stream", !options.Prompts),
		chromedp.Flag("use-fake-device-for-media-stream", camera),
		chromedp.Flag("autoplay-policy", "no-user-gesture-required"),
		chromedp.Flag("mute-audio", true),
		chromedp.ModifyCmdFunc(func(cmd *exec.Cmd) {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			if options.Namespace != "" {
				// ip becomes the browser, and passes the pipes of its protocol on.
				cmd.Args = append([]string{"ip", "netns", "exec", options.Namespace, cmd.Path}, cmd.Args[1:]...)
				cmd.Path = ip
			}
		}),
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
			tb.Logf("chromium said:\n%s", stderr.Without(noise).Tail(1000))
		}
	})
	if err := chromedp.Do(ctx); err != nil {
		tb.Fatalf("testmedia: starting chromium: %v\n%s", err, stderr.Tail(4000))
	}
	return &Browser{tb: tb, ctx: ctx, init: options.Init}
}

// Permit decides whether pages may use camera and microphone: "granted", "denied"
// or "prompt".
func (b *Browser) Permit(decision browser.PermissionSetting) {
	b.tb.Helper()
	for _, name := range []string{"camera", "microphone"} {
		ctx, cancel := context.WithTimeout(b.ctx, time.Minute)
		_, err := chromedp.CallBrowser(ctx, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: name}, Setting: decision,
		})
		cancel()
		if err != nil {
			b.tb.Fatalf("testmedia: permission for the %s: %v", name, err)
		}
	}
}

// Open opens a tab on an address. tb may be a subtest: the tab closes with it.
func (b *Browser) Open(tb testing.TB, url string) *Page {
	tb.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx)
	p := &Page{tb: tb, ctx: ctx, cancel: cancel, console: &Log{}}
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
	steps := []chromedp.Action[chromedp.Void]{chromedp.Navigate(url)}
	if b.init != "" {
		steps = slices.Insert(steps, 0, chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
			_, err := cdp.Call(ctx, t, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: b.init})
			return err
		}))
	}
	if err := p.do(time.Minute, steps...); err != nil {
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

// Screenshot is what the tab shows now, as PNG.
func (p *Page) Screenshot() []byte {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, time.Minute)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		p.tb.Fatalf("page: taking a picture of it: %v", err)
	}
	return png
}

// Close closes the tab before the test ends.
func (p *Page) Close() { p.cancel() }

// Console is what the page has written to its console, exceptions included.
func (p *Page) Console() *Log { return p.console }
