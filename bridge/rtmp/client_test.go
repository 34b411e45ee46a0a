package rtmp

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestDialErrors(t *testing.T) {
	free := freeAddress(t)
	for address, want := range map[string]string{
		"http://127.0.0.1/live/alice":    "use rtmp or rtmps",
		"rtmp://127.0.0.1/alice":         "use /app/name",
		"rtmp://" + free + "/live/alice": "refused",
		"rtmp://127.0.0.1:x/live/alice":  "invalid port",
	} {
		if _, err := Dial(t.Context(), address, ClientOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", address, err, want)
		}
	}
}

func TestDialGivesUp(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	address := "rtmp://" + l.Addr().String() + "/live/alice"
	if _, err := Dial(t.Context(), address, ClientOptions{Timeout: 50 * time.Millisecond}); err == nil {
		t.Error("a silent server was dialled")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, address, ClientOptions{}); err == nil || ctx.Err() == nil {
		t.Errorf("the context was not heeded: %v", err)
	}
}

// freeAddress returns an address nobody listens on.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// dialWhenThere dials a tool that takes a moment to listen.
func dialWhenThere(t testing.TB, url string) (c *Client) {
	t.Helper()
	eventually(t, "the tool listens", func() (ok bool) {
		var err error
		c, err = Dial(t.Context(), url, ClientOptions{ChunkSize: 4096})
		return err == nil
	})
	t.Cleanup(func() { c.nc.Close() })
	return c
}

func TestClientPushesToFFmpeg(t *testing.T) {
	t.Parallel()
	url := "rtmp://" + freeAddress(t) + "/live/alice"
	file := filepath.Join(t.TempDir(), "got.flv")
	media := plain(t)
	done := make(chan string, 1)
	go func() {
		_, stderr, _ := try(t, "ffmpeg", "-v", "error", "-listen", "1", "-i", url, "-c", "copy", "-y", file)
		done <- stderr
	}()
	c := dialWhenThere(t, url)
	if err := c.Publish(short(t)); err != nil {
		t.Fatal(err)
	}
	push(t, c, media, 0)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	stderr := <-done
	if got := packets(t, file, "v"); len(got) < 45 {
		t.Errorf("ffmpeg received %d pictures of 50: %s", len(got), stderr)
	}
}

func TestClientPullsFromFFmpeg(t *testing.T) {
	t.Parallel()
	url := "rtmp://" + freeAddress(t) + "/live/alice"
	background(t, "ffmpeg", "-v", "error", "-re", "-i", clip(t, "20", plainClip...), "-c", "copy", "-f", "flv", "-listen", "1", url)
	c := dialWhenThere(t, url)
	if err := c.Play(short(t)); err != nil {
		t.Fatal(err)
	}
	pictures := 0
	readUntil(t, c, func(m Message) bool {
		if m.Type == typeVideo && !isHeader(m) {
			pictures++
		}
		return pictures == 30
	})
}
