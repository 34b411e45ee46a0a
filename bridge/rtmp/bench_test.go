package rtmp

import (
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"hutong/bridge/h264"
	"hutong/bridge/stream"
)

// BenchmarkFanOut publishes frames of a 1.5 Mb/s stream to players on loopback;
// one operation is one frame to all of them. B/op and allocs/op divided by the
// players are what a player and frame cost.
func BenchmarkFanOut(b *testing.B) {
	for _, players := range []int{1, 100, 500} {
		b.Run(fmt.Sprintf("players=%d", players), func(b *testing.B) {
			s := serve(b, options{})
			pub, err := s.reg.Publish("live/alice", stream.PublisherInfo{Protocol: "rtmp", Origin: stream.FromFrames})
			if err != nil {
				b.Fatal(err)
			}
			turn := pub.Turn()
			for _, tag := range plain(b) {
				if tag.Type == 9 && tag.Body[1] == packetHeader {
					c, err := h264.ParseConfig(tag.Body[5:])
					if err != nil {
						b.Fatal(err)
					}
					turn.SetVideo(c)
				}
			}
			body := make([]byte, 2600)
			copy(body, []byte{0x17, 1, 0, 0, 0})
			turn.WriteVideo(0, 0, true, body)

			var received atomic.Int64
			for range players {
				p := connected(b, s)
				p.nc.SetDeadline(time.Time{})
				p.command(1, "play", 0, nil, "alice")
				p.expect(codePlayStart)
				for m := (Message{}); m.Type != typeVideo || isHeader(m); m, _ = p.next() {
				}
				go count(p.nc, &received)
			}
			per := int64(len(block(&stream.Frame{Kind: stream.Video, Body: body})))
			var ts time.Duration
			b.SetBytes(per * int64(players))
			b.ReportAllocs()
			for want := int64(0); b.Loop(); {
				ts += 10 * time.Millisecond
				turn.WriteVideo(ts, 0, false, body)
				want += per * int64(players)
				for received.Load() < want {
					time.Sleep(20 * time.Microsecond)
				}
			}
		})
	}
}

func count(c net.Conn, n *atomic.Int64) {
	buf := make([]byte, 64<<10)
	for {
		k, err := c.Read(buf)
		n.Add(int64(k))
		if err != nil {
			return
		}
	}
}

func BenchmarkBlock(b *testing.B) {
	body := make([]byte, 6000)
	b.ReportAllocs()
	for b.Loop() {
		buildBlock(&stream.Frame{Kind: stream.Video, Body: body})
	}
}
