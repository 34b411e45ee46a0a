package rtmp

import (
	"bytes"
	"encoding/binary"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"hutong/bridge/flv"
	"hutong/bridge/stream"
)

// TestSurvives sends what is odd but lawful, or common among broken clients: the
// connection has to go on.
func TestSurvives(t *testing.T) {
	long := strings.Repeat("x", 300)
	ext := func(ts uint32) []byte { return binary.BigEndian.AppendUint32(nil, ts) }
	for name, send := range map[string]func(p *peer){
		"zero-length messages": func(p *peer) {
			for typ := range byte(30) {
				if typ != 1 && typ != 2 {
					p.raw([]byte{3, 0, 0, 0, 0, 0, 0, typ, 1, 0, 0, 0})
				}
			}
		},
		"message types nobody needs": func(p *peer) {
			for _, typ := range []byte{7, 10, 15, 16, 17, 19, 22, 0, 99, 255} {
				p.raw([]byte{3, 0, 0, 0, 0, 0, 3, typ, 1, 0, 0, 0, 1, 2, 3})
			}
		},
		"unknown user control": func(p *peer) {
			for _, e := range []byte{5, 8, 26, 31, 32, 99} {
				p.raw([]byte{2, 0, 0, 0, 0, 0, 6, 4, 0, 0, 0, 0, 0, e, 0, 0, 0, 0})
			}
			p.raw([]byte{2, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, 0, 9})
		},
		"media on a deleted stream": func(p *peer) {
			p.command(0, "deleteStream", 0, nil, 1)
			p.raw([]byte{4, 0, 0, 0, 0, 0, 3, 8, 1, 0, 0, 0, 0xaf, 1, 0})
			p.raw([]byte{4, 0, 0, 0, 0, 0, 3, 9, 77, 0, 0, 0, 0x17, 1, 0})
		},
		"deleteStream of an unknown id": func(p *peer) {
			p.command(0, "deleteStream", 0, nil, 4711)
			p.command(0, "deleteStream", 0, nil, -1)
			p.command(0, "deleteStream", 0, nil, "one")
			p.command(0, "deleteStream", 0)
		},
		"chunk stream ids of two and three bytes": func(p *peer) {
			head := []byte{0, 0, 0, 0, 0, 3, 19, 1, 0, 0, 0, 'a', 'b', 'c'}
			p.raw([]byte{0, 0}, head, []byte{0, 255}, head, []byte{1, 0, 1}, head, []byte{1, 255, 255}, head)
		},
		"abort in mid-message": func(p *peer) {
			p.raw([]byte{5, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0}, make([]byte, 128))
			p.raw([]byte{2, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 5})
			p.raw([]byte{2, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 9, 9})
		},
		"a new message in the middle of another": func(p *peer) {
			p.raw([]byte{5, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0}, make([]byte, 128))
			p.raw([]byte{5, 0, 0, 0, 0, 0, 3, 9, 1, 0, 0, 0, 1, 2, 3})
		},
		"extended timestamps on several chunks": func(p *peer) {
			head := []byte{5, 255, 255, 255, 0, 0, 200, 19, 1, 0, 0, 0}
			p.raw(head, ext(0x1000000), make([]byte, 128), []byte{0xc5}, ext(0x1000000), make([]byte, 72))
			// Without the repetition, as some encoders write.
			p.raw(head, ext(0x1000000), make([]byte, 128), []byte{0xc5}, bytes.Repeat([]byte{7}, 72))
		},
		"undefined, dates, references, typed objects": func(p *peer) {
			body := encodeCommand("releaseStream", 9, nil)
			body = append(body, 6, 7, 0, 1, 0xb, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xd, 0x10, 0, 1, 'T', 0, 1, 'k', 6, 0, 0, 9)
			p.message(Message{Type: typeCommand, Body: body})
			p.expect("_result")
		},
		"arrays and objects inside an ECMA array": func(p *peer) {
			body := encodeCommand("releaseStream", 9, nil)
			body = append(body, 8, 0, 0, 0, 9, 0, 1, 'a', 3, 0, 0, 9, 0, 1, 'b', 3, 0, 0, 9, 0, 1, 'c', 10, 0, 0, 0, 1, 5)
			p.message(Message{Type: typeCommand, Body: body})
			p.expect("_result")
		},
		"AMF3 command wrapper": func(p *peer) {
			p.message(Message{Type: typeCommand3, Body: append([]byte{0}, encodeCommand("releaseStream", 9, nil, "a")...)})
			p.expect("_result")
		},
		"AMF3 values": func(p *peer) {
			p.message(Message{Type: typeCommand3, Body: append(encodeCommand("x", 1), 0x11, 0x0a, 0xff)})
		},
		"command without arguments": func(p *peer) {
			for _, name := range []string{"releaseStream", "FCPublish", "FCUnpublish", "_checkbw", "deleteStream", "closeStream",
				"pause", "seek", "getStreamLength", "play2", "receiveAudio", "onStatus", "_result", "_error", "nonsense"} {
				p.command(0, name, 7)
				p.command(1, name, 8)
				p.message(Message{Type: typeCommand, Body: encodeAMF(name)})
			}
		},
		"long strings": func(p *peer) {
			p.command(0, long, 5, nil, long)
			p.expect("_error")
			body := append(encodeCommand("FCPublish", 6, nil), 0xc, 0, 0, 1, 44)
			p.message(Message{Type: typeCommand, Body: append(body, long...)})
			p.expect("onFCPublish")
		},
		"strings that are not UTF-8": func(p *peer) {
			p.command(0, "FCPublish", 6, nil, "\xff\xfe")
			p.expect("onFCPublish")
		},
		"createStream flood": func(p *peer) {
			for range 1000 {
				p.command(0, "createStream", 3, nil)
			}
			p.expect("_error")
		},
		"window of one byte": func(p *peer) {
			p.raw([]byte{2, 0, 0, 0, 0, 0, 4, 5, 0, 0, 0, 0, 0, 0, 0, 1})
		},
		"chunk size of one byte, then of two gigabytes": func(p *peer) {
			p.raw([]byte{2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 1})
			p.raw([]byte{2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0x7f, 0xc2, 255, 0xc2, 255, 0xc2, 255})
		},
		"play and publish on streams that are not there": func(p *peer) {
			p.command(9, "publish", 0, nil, "x", "live")
			p.expect(codeStreamFailed)
			p.command(0, "play", 0, nil, "x")
			p.expect(codeStreamFailed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := connected(t, serve(t, options{}))
			send(p)
			p.alive()
		})
	}
}

// TestHangsUp sends what only an attacker does: the connection ends, at once, and
// nothing else happens.
func TestHangsUp(t *testing.T) {
	connect := func(arg []byte) []byte {
		body := append(encodeCommand("connect", 1), arg...)
		return appendMessage(nil, 3, Message{Type: typeCommand, Body: body}, defaultChunkSize)
	}
	for name, tc := range map[string]struct {
		bytes []byte
		bad   string
	}{
		"array of two billion":         {connect([]byte{0xa, 0x7f, 0xff, 0xff, 0xff}), "amf"},
		"nesting of objects":           {connect(bytes.Repeat([]byte{3, 0, 1, 'a'}, 3000)), "amf"},
		"nesting of arrays":            {connect(bytes.Repeat([]byte{0xa, 0, 0, 0, 1}, 3000)), "amf"},
		"string beyond the end":        {connect([]byte{0xc, 0xff, 0xff, 0xff, 0xff, 'a'}), "amf"},
		"too many values":              {connect(bytes.Repeat([]byte{5}, 5000)), "amf"},
		"a gigabyte before connect":    {[]byte{3, 0, 0, 0, 255, 255, 255, 20, 0, 0, 0, 0}, "chunk"},
		"17 KB before publish":         {[]byte{3, 0, 0, 0, 0, 0x44, 0, 20, 0, 0, 0, 0}, "chunk"},
		"chunk size of zero":           {[]byte{2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0}, "chunk"},
		"type 3 chunk out of the blue": {[]byte{0xc7}, "chunk"},
		"short set chunk size":         {[]byte{2, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 9}, "chunk"},
		"command before connect": {appendMessage(nil, 3,
			Message{Type: typeCommand, Body: encodeCommand("createStream", 1, nil)}, defaultChunkSize), ""},
		"many chunk streams": {func() []byte {
			var b []byte
			for id := range byte(100) {
				b = append(b, 0, id, 0, 0, 0, 0, 0, 1, 19, 0, 0, 0, 0, 0)
			}
			return b
		}(), "chunk"},
		"many half messages": {func() []byte {
			var b []byte
			for id := range byte(60) {
				b = append(b, 0, id, 0, 0, 0, 0, 0x3f, 0xff, 19, 0, 0, 0, 0)
				b = append(b, make([]byte, 128)...)
			}
			return b
		}(), "chunk"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, options{})
			p := rawPeer(t, s)
			p.raw(tc.bytes)
			p.gone()
			eventually(t, "the connection is counted", func() bool { return s.counts.get("closed bad_input") == 1 })
			if tc.bad != "" && s.counts.get("bad "+tc.bad) != 1 {
				t.Errorf("counted %v, want bad %s", s.counts.m, tc.bad)
			}
		})
	}
}

func TestNotRTMP(t *testing.T) {
	for name, first := range map[string]string{"HTTP": "GET / HTTP/1.1\r\n\r\n", "TLS": "\x16\x03\x01\x02\x00", "RTMPE": "\x06xxxx"} {
		s := serve(t, options{})
		nc, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		nc.SetDeadline(time.Now().Add(20 * time.Second))
		nc.Write([]byte(first))
		if n, _ := nc.Read(make([]byte, 1)); n != 0 {
			t.Errorf("%s: was answered", name)
		}
		eventually(t, "it is counted", func() bool { return s.counts.get("bad handshake") == 1 })
	}
}

func TestDeadlines(t *testing.T) {
	for name, do := range map[string]func(t *testing.T, s *testServer) net.Conn{
		"half a handshake": func(t *testing.T, s *testServer) net.Conn {
			nc, err := net.Dial("tcp", s.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			nc.Write(append([]byte{3}, make([]byte, 700)...))
			return nc
		},
		"nothing after the handshake": func(t *testing.T, s *testServer) net.Conn { return rawPeer(t, s).nc },
		"nothing after createStream":  func(t *testing.T, s *testServer) net.Conn { return connected(t, s).nc },
		"a publisher that stalls":     func(t *testing.T, s *testServer) net.Conn { return published(t, s, "a").nc },
		"a player whose stream never came": func(t *testing.T, s *testServer) net.Conn {
			p := connected(t, s)
			p.command(1, "play", 0, nil, "nobody")
			return p.nc
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, options{rtmp: func(c *Config) {
				c.HandshakeTimeout, c.ReadTimeout, c.PlayWait = 2*time.Second, 200*time.Millisecond, 20*time.Millisecond
			}})
			nc := do(t, s)
			defer nc.Close()
			eventually(t, "the server gives up", func() bool { return s.counts.get("closed timeout") == 1 })
		})
	}
}

// TestIdlePlayerIsKept plays a stream whose publisher is away: nothing flows, but
// the player stays, and is pinged.
func TestIdlePlayerIsKept(t *testing.T) {
	s := serve(t, options{
		rtmp:   func(c *Config) { c.ReadTimeout = time.Second },
		stream: func(o *stream.Options) { o.Grace = time.Minute },
	})
	media := plain(t)
	src := publish(t, s.url+"/live/alice")
	push(t, src, media, 0)
	p := connected(t, s)
	p.command(1, "play", 0, nil, "alice")
	p.expect(codePlayStart)
	src.Abort()
	for pings := 0; pings < 2; {
		m, err := p.next()
		if err != nil {
			t.Fatal(err)
		}
		if m.Type == typeUser && m.Body[1] == 6 {
			pings++
		}
	}
}

// TestHostileMemory opens many connections that hold as much as they can make
// the server hold, and measures it.
func TestHostileMemory(t *testing.T) {
	s := serve(t, options{})
	const peers = 50
	before := heap()
	var wg sync.WaitGroup
	for range peers {
		wg.Go(func() {
			p := rawPeer(t, s)
			// A message of 16 KB, but for its last byte.
			p.raw([]byte{5, 0, 0, 0, 0, 0x40, 0, 9, 1, 0, 0, 0}, make([]byte, 128))
			for range 126 {
				p.raw([]byte{0xc5}, make([]byte, 128))
			}
		})
	}
	wg.Wait()
	if per := (heap() - before) / peers; per > 100<<10 {
		t.Errorf("an unauthenticated connection holds %d bytes", per)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// TestBadMedia publishes what no decoder should see: it is dropped and counted,
// and good frames go on.
func TestBadMedia(t *testing.T) {
	s := serve(t, options{})
	p := publish(t, s.url+"/live/alice")
	for _, b := range [][]byte{
		{0x17}, {0x17, 0}, {0x17, 0, 0, 0, 0}, {0x17, 0, 0, 0, 0, 1, 2, 3}, {0x17, 1, 0, 0, 0}, {0x17, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1},
		{0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x65}, {0x17, 2, 0, 0, 0}, {0x17, 9, 0, 0, 0}, {0x57, 0}, {0x87}, {0x90, 'a', 'v', 'c', '1'},
		{0x91, 'a', 'v', 'c', '1', 0, 0, 0}, {0x92, 'a', 'v', 'c', '1'}, {0x17, 1, 0, 0, 0, 0, 0, 0, 1, 0x41},
	} {
		if err := p.WriteVideo(0, b); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range [][]byte{{0xaf}, {0xaf, 0}, {0xaf, 0, 0xff}, {0xaf, 1}, {0xaf, 1, 2, 3}, {0xaf, 7, 1}, {0x90}} {
		if err := p.WriteAudio(0, b); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range [][]byte{{2, 0, 10}, encodeAMF("onMetaData", "no object"), {0x11}, encodeAMF("onTextData", 1)} {
		if err := p.WriteMeta(b); err != nil {
			t.Fatal(err)
		}
	}
	push(t, p, plain(t), 0)
	for _, m := range readUntil(t, play(t, s.url+"/live/alice"), same(lastVideo(plain(t)))) {
		if m.Type == typeVideo && !isHeader(m) && len(m.Body) < 20 {
			t.Errorf("a player got % x", m.Body)
		}
	}
	if s.counts.get("bad video") == 0 || s.counts.get("bad audio") == 0 || s.counts.get("bad amf") == 0 {
		t.Errorf("counted %v", s.counts.m)
	}
}

func TestAggregate(t *testing.T) {
	s := serve(t, options{})
	p := publish(t, s.url+"/live/alice")
	var body []byte
	for _, tag := range plain(t) {
		body = flv.AppendTag(body, tag.Type, tag.Timestamp+5000, tag.Body)
	}
	if err := p.write(Message{Type: typeAggregate, Timestamp: 9000, Body: body}); err != nil {
		t.Fatal(err)
	}
	// Broken ones after it are dropped.
	for _, b := range [][]byte{{8}, {8, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0}, {22, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}} {
		if err := p.write(Message{Type: typeAggregate, Body: b}); err != nil {
			t.Fatal(err)
		}
	}
	readUntil(t, play(t, s.url+"/live/alice"), same(lastVideo(plain(t))))
}

// TestStalledPlayer leaves one player unread: it is dropped, and another player
// does not notice.
func TestStalledPlayer(t *testing.T) {
	s := serve(t, options{rtmp: func(c *Config) { c.WriteTimeout = 300 * time.Millisecond }})
	p := publish(t, s.url+"/live/alice")
	push(t, p, plain(t), 0)
	stalled := connected(t, s)
	stalled.nc.(*net.TCPConn).SetReadBuffer(4 << 10)
	stalled.command(1, "play", 0, nil, "alice")
	good := play(t, s.url+"/live/alice")
	readUntil(t, good, same(lastVideo(plain(t))))
	for offset := uint32(2000); s.counts.get("closed write") == 0; offset += 2000 {
		push(t, p, plain(t), offset)
		readUntil(t, good, same(lastVideo(plain(t))))
		if offset > 4_000_000 {
			t.Fatal("the stalled player was never dropped")
		}
	}
	push(t, p, plain(t), 5_000_000)
	readUntil(t, good, same(lastVideo(plain(t))))
}
