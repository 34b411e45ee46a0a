package recording

import (
	"crypto/md5"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hutong/bridge/record"
	"hutong/bridge/testmedia"
	"hutong/gateway/config"
)

// s3store is a store that speaks what uploads need of S3, and may fail.
type s3store struct {
	mu      sync.Mutex
	objects map[string][]byte
	parts   map[string]map[string][]byte // of uploads in parts
	keys    map[string]string            // whose uploads they are
	puts    []string                     // numbers of parts, as they came
	mode    string                       // "", "fail", "stall", "forget", "cut": after two parts
	asked   map[string]int               // by mode
	over    chan struct{}
	url     string
}

func newS3(t *testing.T) *s3store {
	s := &s3store{objects: map[string][]byte{}, parts: map[string]map[string][]byte{}, keys: map[string]string{}, asked: map[string]int{}, over: make(chan struct{})}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(s.over) })
	s.url = server.URL
	return s
}

func (s *s3store) be(mode string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = mode
}

func (s *s3store) times(mode string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[mode]
}

func (s *s3store) names() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := range s.objects {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

func (s *s3store) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	mode := s.mode
	s.asked[mode]++
	s.mu.Unlock()
	switch mode {
	case "fail":
		http.Error(w, "<Error><Code>InternalError</Code></Error>", http.StatusInternalServerError)
		return
	case "stall":
		select {
		case <-r.Context().Done():
		case <-s.over:
		}
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := strings.TrimPrefix(r.URL.Path, "/bucket/")
	q := r.URL.Query()
	switch {
	case !strings.Contains(r.Header.Get("Authorization"), "Credential=key1/"):
		http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
	case r.Method == http.MethodPost && q.Has("uploads"):
		id := fmt.Sprint("upload", len(s.parts))
		s.parts[id], s.keys[id] = map[string][]byte{}, key
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case r.Method == http.MethodPut && q.Has("partNumber"):
		if mode == "cut" && len(s.puts) >= 2 {
			http.Error(w, "<Error><Code>InvalidRequest</Code></Error>", http.StatusBadRequest)
			return
		}
		s.puts = append(s.puts, q.Get("partNumber"))
		s.parts[q.Get("uploadId")][q.Get("partNumber")] = body
		w.Header().Set("ETag", fmt.Sprintf(`"%x"`, md5.Sum(body)))
	case r.Method == http.MethodGet && q.Has("uploads"):
		fmt.Fprint(w, "<ListMultipartUploadsResult>")
		for id, of := range s.keys {
			if strings.HasPrefix(of, q.Get("prefix")) {
				fmt.Fprintf(w, "<Upload><Key>%s</Key><UploadId>%s</UploadId></Upload>", of, id)
			}
		}
		fmt.Fprint(w, "</ListMultipartUploadsResult>")
	case r.Method == http.MethodGet && q.Has("uploadId"):
		fmt.Fprint(w, "<ListPartsResult>")
		for n, b := range s.parts[q.Get("uploadId")] {
			fmt.Fprintf(w, `<Part><PartNumber>%s</PartNumber><ETag>"%x"</ETag><Size>%d</Size></Part>`, n, md5.Sum(b), len(b))
		}
		fmt.Fprint(w, "</ListPartsResult>")
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		delete(s.keys, q.Get("uploadId"))
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPost && q.Has("uploadId"):
		var whole []byte
		for n := 1; n <= len(s.parts[q.Get("uploadId")]); n++ {
			whole = append(whole, s.parts[q.Get("uploadId")][fmt.Sprint(n)]...)
		}
		s.objects[key] = whole
		delete(s.keys, q.Get("uploadId"))
		fmt.Fprint(w, "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>")
	case r.Method == http.MethodPut:
		if mode != "forget" {
			s.objects[key] = body
		}
		w.Header().Set("ETag", `"whole"`)
	case r.Method == http.MethodDelete:
		delete(s.objects, key)
		w.WriteHeader(http.StatusNoContent)
	default:
		b, ok := s.objects[key]
		if !ok {
			http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
			return
		}
		w.Header().Set("ETag", `"whole"`)
		http.ServeContent(w, r, "", time.Unix(1, 0), strings.NewReader(string(b)))
	}
}

// The store fails, hangs, and forgets; the gateway starts anew meanwhile. In the
// end everything is there, and only then local copies go.
func TestUploads(t *testing.T) {
	uploadPause = 20 * time.Millisecond
	cloud, h := newS3(t), newHooks(t)
	configure := func(c *config.Recording) {
		c.Store = config.RecordingStore{URL: "s3://bucket?region=r1&endpoint=" + cloud.url + "&use_path_style=true", AccessKey: "key1", SecretKey: "secret1",
			Prefix: "hutong/", Uploads: 2, Timeout: config.Duration(time.Second)}
		c.Webhooks = []config.Webhook{{URL: h.url, Secret: "0123456789abcdef"}}
	}
	n := newNode(t, configure)
	cloud.be("fail")
	n.push("live/cam", phone)
	i, _, err := n.s.Start(t.Context(), Order{Stream: "live/cam"})
	if err != nil {
		t.Fatal(err)
	}
	n.recorded(i.RecordingID, "live/cam", 2*time.Second)
	if i, err = n.s.Stop(t.Context(), i.RecordingID, ""); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(n.s.dir, i.RecordingID, i.Files[0].Name)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"fail", "stall", "forget"} {
		cloud.be(mode)
		least := cloud.times(mode) + 2
		testmedia.Eventually(t, time.Minute, "uploads to "+mode, func() bool { return cloud.times(mode) > least && n.s.Stats.UploadFailures.Load() > 0 })
		if !exist(file) {
			t.Fatalf("the local copy is gone, and the store has %v", cloud.names())
		}
		if h.count("recording_uploaded") != 0 {
			t.Fatalf("the upload is announced while uploads %s", mode)
		}
		if n.s.UploadsWaiting() == 0 {
			t.Fatalf("nothing waits while uploads %s", mode)
		}
	}
	n.s.Close()
	cloud.be("")
	n.start(configure)
	i = n.only("everything in the store", func(i Item) bool { return i.Stored })
	testmedia.Eventually(t, 20*time.Second, "the upload to be announced", func() bool { return h.count("recording_uploaded") == 1 })
	testmedia.Eventually(t, time.Minute, "the local copy to go", func() bool { n.s.retire(t.Context(), time.Now()); return !exist(file) })
	if names := cloud.names(); len(names) != 3 || names[2] != "hutong/"+i.RecordingID+"/manifest.json" {
		t.Errorf("the store has %v", names)
	}
	i = n.only("the index to know", func(i Item) bool { return !i.Local })
	c, err := n.s.File(t.Context(), i, i.Files[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	r, err := c.Open(t.Context(), 100, 1000)
	if err != nil {
		t.Fatal(err)
	}
	part, err := io.ReadAll(r)
	r.Close()
	if err != nil || string(part) != string(whole[100:1100]) {
		t.Errorf("a range from the store: %d bytes, %v", len(part), err)
	}
	if v, err := n.s.Verify(t.Context(), i); err != nil || !v.Verified {
		t.Errorf("from the store: %+v, %v", v, err)
	}
	cloud.mu.Lock()
	cloud.objects["hutong/"+i.RecordingID+"/"+i.Files[0].Name][5000] ^= 1
	cloud.mu.Unlock()
	if v, err := n.s.Verify(t.Context(), i); err != nil || v.Verified {
		t.Errorf("a byte flipped in the store: %+v, %v", v, err)
	}
	if err := n.s.Delete(t.Context(), i.RecordingID, "x", ""); err != nil {
		t.Fatal(err)
	}
	if names := cloud.names(); len(names) != 0 {
		t.Errorf("deleted, the store has %v", names)
	}
}

// A file of many megabytes goes in parts, and another life of the gateway goes on
// behind those that the store has.
func TestLargeUpload(t *testing.T) {
	cloud := newS3(t)
	large := make([]byte, 3*leastPart+12345)
	for i := range large {
		large[i] = byte(i * i >> 7)
	}
	path := filepath.Join(t.TempDir(), "large.mp4")
	if err := os.WriteFile(path, large, 0o600); err != nil {
		t.Fatal(err)
	}
	open := func() *vault {
		v, err := openVault(t.Context(), config.RecordingStore{URL: "s3://bucket?endpoint=" + cloud.url + "&use_path_style=true", AccessKey: "key1", SecretKey: "s",
			Timeout: config.Duration(10 * time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.close)
		return v
	}
	cloud.be("cut")
	if err := open().put(t.Context(), "r1", "large.mp4", path); err == nil {
		t.Fatal("an upload that was cut off is called good")
	}
	cloud.be("")
	if err := open().put(t.Context(), "r1", "large.mp4", path); err != nil {
		t.Fatal(err)
	}
	if got := cloud.objects["r1/large.mp4"]; string(got) != string(large) {
		t.Errorf("%d bytes have come of %d", len(got), len(large))
	}
	if got := strings.Join(cloud.puts, " "); got != "1 2 3 4" {
		t.Errorf("the parts that came are %s", got)
	}

	// Another file was cut off, has changed meanwhile, and is deleted in the end.
	cloud.be("cut")
	cloud.puts = nil
	if err := open().put(t.Context(), "r2", "large.mp4", path); err == nil {
		t.Fatal("an upload that was cut off is called good")
	}
	large[10] ^= 1
	if err := os.WriteFile(path, large, 0o600); err != nil {
		t.Fatal(err)
	}
	cloud.puts = nil
	if err := open().put(t.Context(), "r2", "large.mp4", path); err == nil || strings.Join(cloud.puts, " ") != "1 3" {
		t.Errorf("of a changed file the parts %v go, %v", cloud.puts, err)
	}
	if err := open().remove(t.Context(), "r2", []string{"large.mp4"}); err != nil || len(cloud.keys) != 0 {
		t.Errorf("left behind are %v, %v", cloud.keys, err)
	}
}

func TestPartSize(t *testing.T) {
	for size, want := range map[int64]int64{1: leastPart, 70 << 30: leastPart, 100 << 30: 12 << 20, 1 << 40: 117 << 20} {
		if got := partSize(size); got != want || (size+got-1)/got > mostParts {
			t.Errorf("%d bytes go in parts of %d, want %d", size, got, want)
		}
	}
}

func TestFileStore(t *testing.T) {
	dir := t.TempDir()
	n := newNode(t, func(c *config.Recording) {
		c.Store = config.RecordingStore{URL: "file://" + dir, Uploads: 1, Timeout: config.Duration(5 * time.Second)}
	})
	n.push("live/cam", phone)
	i, _, err := n.s.Start(t.Context(), Order{Stream: "live/cam"})
	if err != nil {
		t.Fatal(err)
	}
	n.recorded(i.RecordingID, "live/cam", time.Second)
	if _, err = n.s.Stop(t.Context(), i.RecordingID, ""); err != nil {
		t.Fatal(err)
	}
	n.only("it in the store", func(i Item) bool { return i.Stored })
	report, err := record.Verify(filepath.Join(dir, i.RecordingID, record.ManifestName), n.s.PublicKey())
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("%v, %v", report.Problems, err)
	}
}
