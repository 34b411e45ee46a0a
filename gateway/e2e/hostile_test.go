package e2e

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// amf builds the AMF0 of a command: a string, a number and more, raw.
func amf(command string, more ...byte) []byte {
	b := []byte{2, 0, byte(len(command))}
	b = append(b, command...)
	b = append(b, 0, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0) // transaction 1
	return append(b, more...)
}

// message is one RTMP message on chunk stream 3, cut into chunks of 128 bytes.
func message(kind byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	b := []byte{3, 0, 0, 0, byte(n >> 16), byte(n >> 8), byte(n), kind}
	b = binary.LittleEndian.AppendUint32(b, stream)
	for len(payload) > 128 {
		b = append(append(b, payload[:128]...), 0xc3)
		payload = payload[128:]
	}
	return append(b, payload...)
}

// connectObject is the argument of a plain connect to app live.
var connectObject = []byte("\x03\x00\x03app\x02\x00\x04live\x00\x00\x09")

// attacks are what peers send after a proper handshake.
func attacks() map[string][]byte {
	random := rand.New(rand.NewPCG(3, 4))
	noise := make([]byte, 1<<20)
	for i := range noise {
		noise[i] = byte(random.Uint32())
	}
	connect := message(20, 0, amf("connect", connectObject...))
	huge := append([]byte{3, 0, 0, 0, 0xff, 0xff, 0xff, 20, 0, 0, 0, 0}, make([]byte, 8<<20)...)
	var streams, opened []byte
	for range 20000 {
		streams = append(streams, message(20, 0, amf("createStream", 5))...)
	}
	for id := range 3000 { // a message begun on each chunk stream, none ended
		opened = append(opened, 1, byte(id), byte(id>>8), 0, 0, 0, 0, 0x40, 0, 9, 1, 0, 0, 0)
		opened = append(opened, make([]byte, 128)...)
	}
	return map[string][]byte{
		"a strict array of two thousand million": message(20, 0, amf("connect", 10, 0x7f, 0xff, 0xff, 0xff)),
		"an object nested without end":           message(20, 0, amf("connect", bytes.Repeat([]byte{3, 0, 1, 'a'}, 4000)...)),
		"arrays nested without end":              message(20, 0, amf("connect", bytes.Repeat([]byte{10, 0, 0, 0, 1}, 3000)...)),
		"a long string that is not there":        message(20, 0, amf("connect", 12, 0x7f, 0xff, 0xff, 0xff)),
		"sixteen megabytes before connect":       huge,
		"noise":                                  noise,
		"noise after connect":                    append(append([]byte{}, connect...), noise...),
		"a chunk size of nought":                 message(1, 0, []byte{0, 0, 0, 0}),
		"a chunk size beyond reason":             append(message(1, 0, []byte{0x7f, 0xff, 0xff, 0xff}), huge...),
		"a continuation of nothing":              {0xc5, 1, 2, 3},
		"an abort of nothing":                    append(append([]byte{}, connect...), message(2, 0, []byte{0, 0, 0, 9})...),
		"media on a stream that is not there":    append(append([]byte{}, connect...), message(9, 77, []byte{0x17, 1, 0, 0, 0, 1, 2, 3})...),
		"empty messages of every kind": func() (b []byte) {
			b = append(b, connect...)
			for kind := range 64 {
				b = append(b, message(byte(kind), 0, nil)...)
			}
			return b
		}(),
		"twenty thousand streams":         append(append([]byte{}, connect...), streams...),
		"three thousand messages at once": append(append([]byte{}, connect...), opened...),
	}
}

// attack does the handshake, sends the payload and reads until the other side
// has had enough or says nothing more.
func attack(address string, payload []byte) error {
	conn, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	hello := make([]byte, 1+1536)
	hello[0] = 3
	if _, err := conn.Write(hello); err != nil {
		return err
	}
	reply := make([]byte, 1+2*1536)
	if _, err := io.ReadFull(conn, reply); err != nil {
		return err
	}
	go func() {
		_, _ = conn.Write(reply[1:1537])
		_, _ = conn.Write(payload) // the gateway may hang up half way
	}()
	_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, _ = io.Copy(io.Discard, conn)
	return nil
}

// Hostile peers cost bounded memory and their own connections, nothing else.
func (s *suite) hostileRTMP(t *testing.T) {
	s.gw.push(t, "unharmed", phone)
	player, path := testmedia.Play(t, testmedia.RTMPDump, s.gw.rtmpURL("unharmed"))
	testmedia.WaitLength(t, player, path, time.Second)
	before := s.gw.memory(t)

	var idle []net.Conn
	for range 300 { // half a handshake each
		conn, err := net.DialTimeout("tcp", s.gw.rtmp, 10*time.Second)
		if err != nil {
			t.Fatalf("the gateway takes no more connections: %v", err)
		}
		_, _ = conn.Write([]byte{3, 0, 0, 0, 0})
		idle = append(idle, conn)
	}
	for name, payload := range attacks() {
		if err := attack(s.gw.rtmp, payload); err != nil {
			t.Errorf("%s: the gateway does not shake hands: %v", name, err)
		}
		if status, _, _ := s.gw.get("/healthz"); status != 200 {
			t.Fatalf("%s: the gateway is not healthy: %d", name, status)
		}
	}
	if grown := s.gw.memory(t) - before; grown > 128<<20 {
		t.Errorf("the gateway grew by %d MB", grown>>20)
	}
	// Those who stay silent are put out.
	for _, conn := range idle {
		_ = conn.SetReadDeadline(time.Now().Add(60 * time.Second))
		if _, err := io.Copy(io.Discard, conn); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				t.Fatal("half a handshake may stay for a minute")
			}
		}
		conn.Close()
	}
	testmedia.WaitLength(t, player, path, 4*time.Second)
	player.Stop()
	media := testmedia.Decode(t, path)
	requireAdvance(t, pictureStrips(media.Pictures), phone, 1)
	requireSound(t, media, 440)
}
