package testmedia

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"
)

// pageServer serves an empty page and the clips, on a secure-context address.
func pageServer(t *testing.T, files map[string]string) string {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<!doctype html><title>strip</title><body></body>"))
	})
	for name, path := range files {
		mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, path) })
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// samples waits until the page's watcher w has read n pictures.
func samples(t *testing.T, page *Page, n int) (got []Sample) {
	t.Helper()
	Eventually(t, time.Minute, "pictures in the page", func() bool {
		page.Eval(`w.samples`, &got)
		return len(got) >= n
	})
	return got
}

func TestChromium(t *testing.T) {
	clip := Clip(t, Spec{Duration: 4 * time.Second, FlashBeep: true}, MP4)
	url := pageServer(t, map[string]string{"clip.mp4": clip})
	camera := Spec{Duration: 4 * time.Second}
	browser := NewBrowser(t, BrowserOptions{Video: Clip(t, camera, Y4M), Audio: Clip(t, camera, WAV)})

	t.Run("a clip", func(t *testing.T) {
		page := browser.Open(t, url)
		page.Eval(StripScript, nil)
		page.Eval(`(async () => {
			const v = document.createElement('video');
			v.muted = true; v.loop = true; v.src = '/clip.mp4';
			document.body.append(v);
			window.w = hutongStrip.watch(v);
			await v.play();
		})()`, nil)
		lit := 0
		for _, s := range samples(t, page, 60) {
			if s.Strip().Damaged() || s.Width != 640 || s.Height != 480 {
				t.Errorf("sample %+v", s)
			}
			if s.Flash {
				lit++
			}
			if want := s.Counter >= 30 && s.Counter%30 < 3; s.Flash != want {
				t.Errorf("the flash in picture %d is %v", s.Counter, s.Flash)
			}
		}
	})

	t.Run("the fake camera", func(t *testing.T) {
		page := browser.Open(t, url)
		page.Eval(StripScript, nil)
		page.Eval(`(async () => {
			const v = document.createElement('video');
			v.muted = true;
			v.srcObject = await navigator.mediaDevices.getUserMedia({video: {width: 640, height: 480, frameRate: 30}, audio: true});
			document.body.append(v);
			window.w = hutongStrip.watch(v);
			await v.play();
		})()`, nil)
		got := samples(t, page, 60)
		// What is presented before the camera is open is black.
		open := slices.IndexFunc(got, func(s Sample) bool { return s.OK })
		if open < 0 || open > 15 {
			t.Fatalf("the first picture of the camera is number %d: %+v", open, got[:3])
		}
		seen := map[int]bool{}
		for _, s := range got[open:] {
			if s.Strip().Damaged() {
				t.Errorf("sample %+v", s)
			}
			seen[s.Counter] = true
		}
		if len(seen) < 30 {
			t.Errorf("%d different pictures of 60", len(seen))
		}
	})

	t.Run("a drawn picture", func(t *testing.T) {
		page := browser.Open(t, url)
		page.Eval(StripScript, nil)
		var bad []Strip
		page.Eval(`(() => {
			const c = new OffscreenCanvas(640, 480), x = c.getContext('2d');
			const bad = [];
			for (let n = 0; n < 65536; n += 331) {
				hutongStrip.draw(x, 640, 480, n, n % 2 === 1);
				const s = hutongStrip.read(x.getImageData(0, 0, 640, 480));
				if (!s.ok || s.bad || s.counter !== n || s.flash !== (n % 2 === 1)) bad.push(s);
			}
			return bad;
		})()`, &bad)
		if len(bad) > 0 {
			t.Errorf("%d misread, the first %+v", len(bad), bad[0])
		}
	})
}
