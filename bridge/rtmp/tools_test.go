package rtmp

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// clip makes an FLV file with the given ffmpeg encoder arguments.
func clip(t testing.TB, seconds string, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clip.flv")
	all := []string{"-v", "error", "-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25:duration=" + seconds,
		"-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000:duration=" + seconds}
	all = append(all, args...)
	run(t, "ffmpeg", append(all, "-y", file)...)
	return file
}

var plainClip = []string{"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "25", "-c:a", "aac", "-ac", "1"}

// packets returns a checksum for each packet of one kind (v or a) that ffmpeg
// reads from a URL or file.
func packets(t testing.TB, source, kind string, args ...string) []string {
	t.Helper()
	all := append([]string{"-v", "error"}, args...)
	out := run(t, "ffmpeg", append(all, "-i", source, "-map", "0:"+kind, "-c", "copy", "-f", "framemd5", "-")...)
	var sums []string
	for _, line := range strings.Split(out, "\n") {
		if f := strings.Split(line, ","); len(f) == 6 && !strings.HasPrefix(line, "#") {
			sums = append(sums, strings.TrimSpace(f[5]))
		}
	}
	return sums
}

// contiguous tells whether part is a run of packets of whole.
func contiguous(whole, part []string) bool {
	return len(part) > 0 && strings.Contains(strings.Join(whole, " "), strings.Join(part, " "))
}

func TestFFmpegPushAndPlay(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	file := clip(t, "40", plainClip...)
	url := s.url + "/live/alice"
	background(t, "ffmpeg", "-v", "error", "-re", "-i", file, "-c", "copy", "-f", "flv", url)
	for _, kind := range []string{"v", "a"} {
		got := packets(t, url, kind, "-t", "2")
		if !contiguous(packets(t, file, kind), got) {
			t.Errorf("%s: %d packets are not a run of what was pushed", kind, len(got))
		}
	}
}

func TestFFmpegPathSplits(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	file := clip(t, "1", plainClip...)
	for _, tc := range []struct{ push, name string }{
		{"/a/b/c/d", "a/b/c/d"},
		{"/live/alice?token=a&b=c", "live/alice"},
		{"/live?token=a/bob", "live/bob"},
	} {
		kill := background(t, "ffmpeg", "-v", "error", "-re", "-stream_loop", "-1", "-i", file, "-c", "copy", "-f", "flv", s.url+tc.push)
		eventually(t, tc.push+" is "+tc.name, func() bool { return s.reg.Get(tc.name) != nil })
		kill()
	}
}

// dump plays with rtmpdump until it has some media, and returns the file.
func dump(t testing.TB, url string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dump.flv")
	kill := background(t, "rtmpdump", "-q", "--live", "-r", url, "-o", file)
	eventually(t, "rtmpdump has media", func() bool {
		info, err := os.Stat(file)
		return err == nil && info.Size() > 50_000
	})
	kill()
	return file
}

// whole leaves out the last packet of a file that was cut.
func whole(packets []string) []string { return packets[:max(0, len(packets)-1)] }

func TestOtherTools(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	src := clip(t, "40", plainClip...)
	url := s.url + "/a/b/c/d"
	background(t, "ffmpeg", "-v", "error", "-re", "-i", src, "-c", "copy", "-f", "flv", url)
	eventually(t, "the stream is there", func() bool { return s.reg.Get("a/b/c/d") != nil })

	t.Run("ffprobe", func(t *testing.T) {
		out := run(t, "ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height,sample_rate,channels",
			"-of", "compact=p=0", url)
		for _, want := range []string{"codec_name=h264|width=320|height=240", "codec_name=aac|sample_rate=48000|channels=1"} {
			if !strings.Contains(out, want) {
				t.Errorf("ffprobe says %s, want %s", out, want)
			}
		}
		if strings.Count(out, "codec_name") != 2 {
			t.Errorf("ffprobe sees streams of ours that are none:\n%s", out)
		}
	})
	t.Run("rtmpdump", func(t *testing.T) {
		got := whole(packets(t, dump(t, url), "v"))
		if !contiguous(packets(t, src, "v"), got) {
			t.Errorf("%d packets are not a run of what was pushed", len(got))
		}
	})
	t.Run("gstreamer plays", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "gst.flv")
		run(t, "gst-launch-1.0", "-q", "rtmp2src", "location="+url, "num-buffers=120", "!", "filesink", "location="+file)
		got := whole(packets(t, file, "a"))
		if !contiguous(packets(t, src, "a"), got) {
			t.Errorf("%d packets are not a run of what was pushed", len(got))
		}
	})
	t.Run("gstreamer pushes", func(t *testing.T) {
		background(t, "gst-launch-1.0", "-q", "filesrc", "location="+src, "!", "flvdemux", "name=d", "flvmux", "name=m", "streamable=true",
			"!", "rtmp2sink", "location="+s.url+"/x/y/z", "d.video", "!", "queue", "!", "h264parse", "!", "m.",
			"d.audio", "!", "queue", "!", "aacparse", "!", "m.")
		got := packets(t, s.url+"/x/y/z", "v", "-t", "1")
		if len(got) < 20 {
			t.Errorf("%d pictures", len(got))
		}
	})
}

func TestAudioOnlyAndVideoOnly(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	file := clip(t, "40", plainClip...)
	for _, tc := range []struct{ name, drop, kind, codec string }{
		{"audio", "-vn", "a", "aac"}, {"video", "-an", "v", "h264"},
	} {
		url := s.url + "/live/" + tc.name
		background(t, "ffmpeg", "-v", "error", "-re", "-i", file, "-c", "copy", tc.drop, "-f", "flv", url)
		// Or else ffmpeg looks five seconds for the half that is not there.
		brief := []string{"-analyzeduration", "500000"}
		if got := packets(t, url, tc.kind, append(brief, "-t", "1")...); !contiguous(packets(t, file, tc.kind), got) {
			t.Errorf("%s only: %d packets are not a run of what was pushed", tc.name, len(got))
		}
		out := run(t, "ffprobe", append(brief, "-v", "error", "-show_entries", "stream=codec_name", "-of", "csv=p=0", url)...)
		if strings.TrimSpace(out) != tc.codec {
			t.Errorf("%s only: ffprobe sees %q", tc.name, out)
		}
	}
}

func TestBFramesThroughFFmpeg(t *testing.T) {
	t.Parallel()
	s := serve(t, options{})
	file := clip(t, "40", "-c:v", "libx264", "-preset", "fast", "-profile:v", "high", "-bf", "2", "-g", "25", "-c:a", "aac", "-ar", "44100", "-ac", "2")
	url := s.url + "/live/alice"
	background(t, "ffmpeg", "-v", "error", "-re", "-i", file, "-c", "copy", "-f", "flv", url)
	if got := packets(t, url, "v", "-t", "2"); !contiguous(packets(t, file, "v"), got) {
		t.Errorf("%d packets are not a run of what was pushed", len(got))
	}
	out := run(t, "ffprobe", "-v", "error", "-select_streams", "v", "-read_intervals", "%+1", "-show_entries", "frame=pict_type", "-of", "csv=p=0", url)
	if !strings.Contains(out, "B") {
		t.Errorf("no B-frames were decoded: %s", out)
	}
}

func TestRTMPS(t *testing.T) {
	t.Parallel()
	conf, pool := certificate(t)
	s := serve(t, options{rtmp: func(c *Config) { c.Address, c.TLSAddress, c.TLS = "", "127.0.0.1:0", conf }})
	url := "rtmps://" + s.TLSAddr().String() + "/live/alice"
	src := clip(t, "40", plainClip...)
	background(t, "ffmpeg", "-v", "error", "-re", "-i", src, "-c", "copy", "-f", "flv", url)
	if got := packets(t, url, "v", "-t", "2"); !contiguous(packets(t, src, "v"), got) {
		t.Errorf("%d packets are not a run of what was pushed", len(got))
	}
	c, err := Dial(short(t), url, ClientOptions{TLS: &tls.Config{RootCAs: pool, ServerName: "localhost"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Play(short(t)); err != nil {
		t.Fatal(err)
	}
	readUntil(t, c, isKey)
}

// certificate returns a server's configuration for localhost and what trusts it.
func certificate(t testing.TB) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}
