package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// relay is a small RTMP and HTTP-FLV server: what one client publishes, every player gets.
type relay struct {
	t       *testing.T
	l       net.Listener
	refuse  string // a status code publishers get instead of a start
	mu      sync.Mutex
	players []func(tag) error
	conns   []net.Conn
	wg      sync.WaitGroup
}

func newRelay(t *testing.T) *relay {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, l: l}
	r.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, c)
			r.mu.Unlock()
			r.wg.Go(func() { defer c.Close(); r.serve(c) })
		}
	})
	t.Cleanup(r.close)
	return r
}

func (r *relay) close() {
	r.l.Close()
	r.mu.Lock()
	for _, c := range r.conns {
		c.Close()
	}
	r.mu.Unlock()
	r.wg.Wait()
}

func (r *relay) url() string { return "rtmp://" + r.l.Addr().String() + "/live/x" }
func (r *relay) flv() string { return "http://" + r.l.Addr().String() + "/live/x.flv" }

func (r *relay) serve(c net.Conn) {
	in := bufio.NewReader(c)
	first, err := in.Peek(1)
	if err != nil {
		return
	}
	if first[0] == 'G' {
		r.serveFLV(c, in)
		return
	}
	c01 := make([]byte, 1537)
	io.ReadFull(in, c01)
	c.Write(append(append([]byte{3}, make([]byte, 1536)...), c01[1:]...))
	io.ReadFull(in, make([]byte, 1536))
	var out sync.Mutex
	send := func(csid byte, m message) error {
		out.Lock()
		defer out.Unlock()
		_, err := c.Write(appendMessage(nil, csid, m, 128))
		return err
	}
	status := func(code, level string) {
		send(5, message{tag{msgAMF0Command, 0, appendAMF(nil, "onStatus", 0.0, nil, object{"code": code, "level": level})}, 1})
	}
	p := newChunkParser(func(byte) bool { return true }, func(m message) {
		if m.kind != msgAMF0Command {
			r.spread(m.tag)
			return
		}
		v, _ := parseAMF(m.body)
		switch v[0] {
		case "connect":
			window := binary.BigEndian.AppendUint32(nil, 2000)
			send(2, message{tag: tag{kind: msgWindowAckSize, body: window}})
			send(2, message{tag: tag{kind: msgUserControl, body: []byte{0, 6, 1, 2, 3, 4}}})
			send(3, message{tag: tag{kind: msgAMF0Command, body: appendAMF(nil, "_result", v[1], nil, object{"code": "NetConnection.Connect.Success"})}})
		case "createStream":
			send(3, message{tag: tag{kind: msgAMF0Command, body: appendAMF(nil, "_result", v[1], nil, 1.0)}})
		case "publish":
			if r.refuse != "" {
				status(r.refuse, "error")
				return
			}
			status("NetStream.Publish.Start", "status")
		case "play":
			status("NetStream.Play.Reset", "status")
			status("NetStream.Play.Start", "status")
			r.join(func(t tag) error { return send(4, message{tag: t, streamID: 1}) })
		}
	})
	b := make([]byte, 4096)
	for {
		n, err := in.Read(b)
		if err != nil || p.feed(b[:n]) != nil {
			return
		}
	}
}

func (r *relay) serveFLV(c net.Conn, in *bufio.Reader) {
	req, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	if req.URL.Path != "/live/x.flv" {
		io.WriteString(c, "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nno stream")
		return
	}
	io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
	write := func(b []byte) error {
		_, err := fmt.Fprintf(c, "%x\r\n%s\r\n", len(b), b)
		return err
	}
	head := len(flvBytes(nil))
	write(flvBytes(nil))
	r.join(func(t tag) error { return write(flvBytes([]tag{t})[head:]) })
	io.Copy(io.Discard, in)
}

func (r *relay) join(send func(tag) error) {
	r.mu.Lock()
	r.players = append(r.players, send)
	r.mu.Unlock()
}

func (r *relay) spread(t tag) {
	if t.kind != tagAudio && t.kind != tagVideo {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.players {
		p(t)
	}
}

func (r *relay) playing() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.players)
}

// recording is ten frames a second of picture and sound, a keyframe every second.
func recording() (tags []tag) {
	tags = append(tags, tag{tagVideo, 0, []byte{0x17, 0, 0, 0, 0, 1}}, tag{tagAudio, 0, []byte{0xaf, 0, 0x11, 0x90}})
	for i := range uint32(20) {
		n := bigSlice(nalSlice, 900)
		if i%10 == 0 {
			n = bigSlice(nalIDR, 9000)
		}
		n[2] = byte(i)
		tags = append(tags, avcTag(i*20, i%10 == 0, n), tag{tagAudio, i*20 + 3, append([]byte{0xaf, 1}, bigSlice(1, 90)...)})
	}
	return tags
}

const patience = 20 * time.Second

func TestPushIsPlayedByRTMPAndFLV(t *testing.T) {
	r := newRelay(t)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	by := &sweeper{every: 5 * time.Millisecond}
	wg.Go(func() { by.run(ctx) })
	l := newLedger()
	players := map[string]player{
		"light RTMP": &tcpPlayer{url: r.url(), by: by}, "light FLV": &tcpPlayer{url: r.flv(), by: by},
	}
	probes := map[string]*probe{
		"RTMP probe": {url: r.url(), ledger: l}, "FLV probe": {url: r.flv(), ledger: l},
	}
	for name, p := range players {
		wg.Go(func() {
			if err := p.play(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	for name, p := range probes {
		wg.Go(func() {
			if err := p.play(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	if !eventually(ctx, patience, func() bool { return r.playing() == 4 }) {
		t.Fatal("the players did not join")
	}
	src := &rtmpSource{url: r.url(), tags: recording()}
	wg.Go(func() {
		if err := src.publish(ctx, l.send); err != nil {
			t.Errorf("publisher: %v", err)
		}
	})
	for name, p := range players {
		if !eventually(ctx, patience, func() bool { got := p.counts().totalsNow(); return got.frames >= 45 && got.audio >= 45 }) {
			t.Errorf("%s: %+v, want 45 frames of each kind", name, p.counts().totalsNow())
		}
		if first, key, end := p.counts().firsts(); first <= 0 || key < first || end != nil {
			t.Errorf("%s: first %v, keyframe %v, %v", name, first, key, end)
		}
	}
	for name, p := range probes {
		if !eventually(ctx, patience, func() bool { n, _ := p.line().number("video_frames"); return n >= 45 }) {
			t.Errorf("%s: %v, want 45 known frames", name, p.line())
		}
		if n, _ := p.line().number("unknown_frames"); n != 0 {
			t.Errorf("%s: %g frames nobody sent", name, n)
		}
	}
}

func TestRefusalsAreErrors(t *testing.T) {
	r := newRelay(t)
	r.refuse = "NetStream.Publish.BadName"
	err := (&rtmpSource{url: r.url(), tags: recording()}).publish(context.Background(), nil)
	if !errors.Is(err, errRTMPRefused) || !strings.Contains(err.Error(), r.refuse) {
		t.Errorf("a refused publisher got %v", err)
	}
	err = (&tcpPlayer{url: strings.Replace(r.flv(), "x.flv", "y.flv", 1)}).play(context.Background())
	if !errors.Is(err, errHTTPFLV) || !strings.Contains(err.Error(), "no stream") {
		t.Errorf("a refused player got %v", err)
	}
	for _, url := range []string{"rtmp://127.0.0.1/x", "http://127.0.0.1/live/x.flv"} {
		if err := (&tcpPlayer{url: url}).play(context.Background()); !errors.Is(err, errUsage) {
			t.Errorf("%s gave %v", url, err)
		}
	}
}

// A socket made light counts media itself and still hands up what keeps a connection alive.
func TestLightSocket(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	by := &sweeper{every: time.Millisecond}
	wg.Go(func() { by.run(ctx) })
	var mu sync.Mutex
	seen, bytes := 0, 0
	s, err := newSocket(by, func(heads []rtpHead) {
		mu.Lock()
		defer mu.Unlock()
		for _, h := range heads {
			seen++
			bytes += h.length
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	peer, err := net.DialUDP("udp4", nil, s.LocalAddr().(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	defer s.Close()
	media := make([]byte, 1200)
	media[0], media[1] = 0x80, videoPT
	stun := []byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4}
	got := make(chan string, 100)
	wg.Go(func() {
		defer close(got)
		b := make([]byte, 2048)
		for {
			n, from, err := s.ReadFromAddrPort(b)
			if err != nil {
				return
			}
			got <- fmt.Sprint(b[0]>>6 == 2, n, from)
		}
	})
	peer.Write(media)
	if g, want := <-got, fmt.Sprint(true, 1200, peer.LocalAddr()); g != want {
		t.Errorf("got %s, want %s", g, want)
	}
	s.goLight()
	for range 201 { // the first of them may still be the reader's, if it was waiting for it
		peer.Write(media)
	}
	peer.Write(stun)
	want := fmt.Sprint(false, len(stun), peer.LocalAddr())
	deadline := time.After(patience)
	for g := ""; g != want; {
		select {
		case g = <-got:
		case <-deadline:
			t.Fatal("what is no media was not handed up")
		}
	}
	// The media of a batch is counted after what it hands up.
	if !eventually(ctx, patience, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return seen == 202 && bytes == 202*1200
	}) {
		t.Errorf("%d packets, %d bytes, want 202 and %d", seen, bytes, 202*1200)
	}
	s.Close()
	for range got {
	}
}
