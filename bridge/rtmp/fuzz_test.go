package rtmp

import (
	"bufio"
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"hutong/bridge/stream"
)

func FuzzChunkReader(f *testing.F) {
	m := Message{Type: typeVideo, StreamID: 1, Timestamp: 0x1000005, Body: make([]byte, 300)}
	f.Add(appendMessage(nil, 6, m, defaultChunkSize))
	m.Timestamp = 40
	two := appendMessage(nil, 6, m, defaultChunkSize)
	f.Add(append(append(two, 0xc6), make([]byte, 128)...))
	f.Add([]byte{2, 0, 0, 0, 0, 0, 4, 1, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 3, 8, 1, 0, 0, 0, 1, 0xc3, 2, 0xc3, 3})
	f.Add([]byte{5, 0, 0, 0, 0, 1, 0, 9, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 4, 2, 0, 0, 0, 0, 0, 0, 0, 5})
	f.Add([]byte{1, 0, 1, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 9, 0x40, 0, 0, 0, 1, 0, 0, 1, 8, 7})
	f.Fuzz(func(t *testing.T, b []byte) {
		const limit = 1 << 14
		c := newChunkReader(bufio.NewReader(bytes.NewReader(b)), limit)
		for {
			m, err := c.readMessage()
			if c.buffered < 0 || c.buffered > 2*limit || len(c.streams) > maxChunkStreams {
				t.Fatalf("%d bytes buffered on %d chunk streams", c.buffered, len(c.streams))
			}
			if err != nil {
				return
			}
			if len(m.Body) > limit {
				t.Fatalf("message of %d bytes", len(m.Body))
			}
			if m.Type == typeAggregate {
				splitAggregate(m, func(Message) {})
			}
		}
	})
}

// FuzzChunks writes a message and reads it back.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("abc"), uint32(0), uint32(1), 1)
	f.Add(make([]byte, 1000), uint32(0xffffff), uint32(7), 128)
	f.Fuzz(func(t *testing.T, body []byte, ts, id uint32, size int) {
		size = 1 + (size&0x7fffffff)%70000
		want := Message{Type: typeVideo, StreamID: id, Timestamp: ts, Body: body}
		wire := appendMessage(nil, csidVideo, want, size)
		c := newChunkReader(bufio.NewReader(bytes.NewReader(append(wire, wire...))), 1<<20)
		c.chunkSize = size
		for range 2 {
			got, err := c.readMessage()
			if err != nil || got.Timestamp != ts || got.StreamID != id || !bytes.Equal(got.Body, body) {
				t.Fatalf("%v: got %d bytes at %d, want %d at %d", err, len(got.Body), got.Timestamp, len(body), ts)
			}
		}
	})
}

func FuzzAMF(f *testing.F) {
	f.Add(encodeCommand("connect", 1, map[string]any{"app": "live"}, []any{1, "a", nil, true}))
	f.Add([]byte{8, 0, 0, 0, 9, 0, 1, 'a', 3, 0, 0, 9, 0, 1, 'b', 10, 0, 0, 0, 1, 8, 0, 0, 0, 0})
	f.Add([]byte{0xa, 0x7f, 0xff, 0xff, 0xff})
	f.Add([]byte{0xc, 0, 0, 0, 2, 'a', 'b', 0x10, 0, 1, 'T', 0, 1, 'k', 6, 0, 0, 9, 0xb, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xd, 7, 0, 1})
	f.Add(bytes.Repeat([]byte{3, 0, 1, 'a'}, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		safe, err := guardAMF(b)
		if err != nil {
			return
		}
		// What the guard lets through, the decoder reads, and the guard again.
		if _, err := decodeGuarded(bytes.NewReader(safe)); err != nil {
			t.Fatalf("% x, made of % x: %v", safe, b, err)
		}
		if again, err := guardAMF(safe); len(safe) <= maxAMFBytes && (err != nil || !bytes.Equal(again, safe)) {
			t.Fatalf("guarded again, % x is % x: %v", safe, again, err)
		}
		decodeCommand(b)
	})
}

// FuzzSession talks to a server's connection after the handshake. The server has
// to come to an end of it, whatever it is told.
func FuzzSession(f *testing.F) {
	say := func(messages ...Message) (b []byte) {
		for _, m := range messages {
			b = appendMessage(b, 3, m, defaultChunkSize)
		}
		return b
	}
	cmd := func(id uint32, name string, args ...any) Message {
		return Message{Type: typeCommand, StreamID: id, Body: encodeCommand(name, 1, args...)}
	}
	hello := []Message{cmd(0, "connect", map[string]any{"app": "live"}), cmd(0, "createStream", nil)}
	f.Add(say(append(hello, cmd(1, "publish", nil, "a", "live"),
		Message{Type: typeData, StreamID: 1, Body: encodeAMF("@setDataFrame", "onMetaData", map[string]any{"width": 320})},
		Message{Type: typeVideo, StreamID: 1, Body: []byte{0x17, 0, 0, 0, 0, 1, 0x42, 0, 0x1e, 0xff, 0xe1, 0, 0, 0}},
		Message{Type: typeAudio, StreamID: 1, Body: []byte{0xaf, 0, 0x11, 0x90}},
		Message{Type: typeAudio, StreamID: 1, Timestamp: 20, Body: []byte{0xaf, 1, 1, 2, 3}},
		cmd(0, "FCUnpublish", nil, "a"), cmd(0, "deleteStream", nil, 1))...))
	f.Add(say(append(hello, cmd(1, "play", nil, "b"), cmd(1, "pause", nil, true), cmd(1, "pause", nil, false),
		cmd(1, "play2", nil, map[string]any{"streamName": "c"}), cmd(1, "closeStream"))...))
	f.Add(say(Message{Type: typeUser, Body: []byte{0, 6, 1, 2, 3, 4}}, Message{Type: typeWindow, Body: []byte{0, 0, 0, 1}}))
	f.Add(say(append(hello, cmd(1, "publish", nil, "a"), Message{Type: typeAggregate, StreamID: 1, Body: make([]byte, 30)})...))

	reg := stream.NewRegistry(stream.Options{MaxLag: time.Second, GOPMaxBytes: 1 << 20, GOPMaxSpan: time.Second,
		Crossings: noCrossings{}, MaxStreams: 100})
	f.Cleanup(reg.Close)
	s := &Server{cfg: Config{Registry: reg, Log: slog.New(slog.DiscardHandler), PlayWait: time.Millisecond,
		HandshakeTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second}}
	s.cfg.setDefaults()
	s.ctx, s.cancel = context.WithCancel(context.Background())
	f.Cleanup(s.cancel)
	f.Fuzz(func(t *testing.T, b []byte) {
		near, far := net.Pipe()
		c := newConn(s, near, nil, false)
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.serve()
		}()
		r := bufio.NewReader(far)
		if err := offerHandshake(r, far); err != nil {
			t.Fatal(err)
		}
		drained := make(chan struct{})
		go func() {
			defer close(drained)
			r.WriteTo(discard{})
		}()
		far.Write(b)
		far.Close()
		<-done
		<-drained
		if c.r.buffered > 2*c.r.maxMessage {
			t.Fatalf("%d bytes buffered", c.r.buffered)
		}
	})
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
