package sfu

import (
	"encoding/json"
	"flag"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"hutong/sfu/internal/seal"
)

var updateWork = flag.Bool("update", false, "write the figures measured into testdata/work.json")

// work is what forwarding costs in things that can be counted, which do not
// depend on the machine or on what else it does.
type work struct {
	AllocationsPerFrame float64 `json:"allocations_per_frame"` // of the stream, however many players
	MessagesPerPacket   float64 `json:"messages_per_packet"`   // given to the kernel
	CallsPerPacket      float64 `json:"calls_per_packet"`      // into the kernel
	BytesPerPacket      float64 `json:"bytes_per_packet"`      // on the wire, beyond the payload
}

// crew is a Source with players whose packets are sealed and sent to sockets
// that nobody reads. Its shard is driven by hand.
type crew struct {
	src   *Source
	feed  *Feed
	o     *outlet
	media time.Duration
	sound time.Duration
	frame [][]byte
	opus  [][]byte
}

func newCrew(t testing.TB, players int) *crew {
	t.Helper()
	s := newSFU(t)
	c := &crew{src: NewSource("live/work"), frame: makeFrame(Video, 1, false, 6, 1150), opus: makeFrame(Audio, 1, false, 1, 160)}
	c.frame[5] = c.frame[5][:700]
	t.Cleanup(c.src.Close)
	c.o = c.src.enterOutlet(newShard(s))
	for i := range players {
		to, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		mustDo(t, err)
		t.Cleanup(func() { _ = to.Close() })
		_ = to.SetReadBuffer(1)
		key := make([]byte, 16)
		key[0] = byte(i)
		session, err := seal.NewSession(key, make([]byte, 12))
		mustDo(t, err)
		l := &link{sfu: s, session: session}
		l.path.Store(&path{to: to.LocalAddr().(*net.UDPAddr).AddrPort()})
		sub := &subscription{link: l, source: c.src, nextReport: 1 << 62}
		for k := range sub.tracks {
			d := &downTrack{sub: sub, kind: Kind(k), source: &c.src.tracks[k], want: k, w: &sink{}}
			d.hdr.SSRC, d.rtxSSRC = uint32(1+k), uint32(11+k)
			if Kind(k) == Video {
				d.hist = make([]sent, history)
			}
			sub.tracks[k] = d
		}
		c.o.subs = append(c.o.subs, sub)
	}
	c.feed = c.src.Attach(FeedOptions{HasVideo: true, HasAudio: true})
	c.feed.WriteFrame(Video, 0, true, makeFrame(Video, 0, true, 6, 1150))
	for c.pass() {
	}

	return c
}

func (c *crew) pass() bool {
	again := c.o.pass(mono())
	c.o.shard.flush()

	return again
}

// next writes a picture, and the sound that belongs to it, and sends both.
func (c *crew) next() {
	c.media += time.Second / 30
	for ; c.sound < c.media; c.sound += 20 * time.Millisecond {
		c.feed.WriteFrame(Audio, c.sound, true, c.opus)
	}
	c.feed.WriteFrame(Video, c.media, false, c.frame)
	c.pass()
}

func (c *crew) packets() (n, bytes uint64) {
	for _, sub := range c.o.subs {
		for _, d := range sub.tracks {
			n += d.stats.packets
			bytes += d.stats.bytes
		}
	}

	return n, bytes
}

// TestWorkPerPacket compares counted work with committed figures: what makes
// it more has to say so here. go test ./sfu -run TestWorkPerPacket -update
// writes them anew.
func TestWorkPerPacket(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("batching and its figures are of Linux")

		return
	}
	c := newCrew(t, 100)
	for range 100 { // buffers grow
		c.next()
	}
	socket := c.o.shard.sfu.net.batches[0]
	before := socket.Stats()
	packets, _ := c.packets()
	const frames = 300
	allocs := testing.AllocsPerRun(frames, c.next)
	after := socket.Stats()
	sent, _ := c.packets()
	sent -= packets
	if got := after.Datagrams - before.Datagrams + after.Errors - before.Errors; got != sent {
		t.Fatalf("%d datagrams for %d packets", got, sent)
	}
	per := func(n uint64) float64 { return float64(n) / float64(sent) }
	got := work{
		AllocationsPerFrame: allocs, MessagesPerPacket: per(after.Messages - before.Messages),
		CallsPerPacket: per(after.Calls - before.Calls), BytesPerPacket: seal.Overhead,
	}
	const file = "testdata/work.json"
	if *updateWork {
		text, err := json.MarshalIndent(got, "", "\t")
		mustDo(t, err)
		mustDo(t, os.WriteFile(file, append(text, '\n'), 0o644))

		return
	}
	text, err := os.ReadFile(file)
	mustDo(t, err)
	var want work
	mustDo(t, json.Unmarshal(text, &want))
	if !after.Offload {
		t.Logf("no segmentation offload here: %+v, nothing to compare with", got)

		return
	}
	for _, f := range []struct {
		what      string
		got, want float64
	}{
		{"allocations a frame", got.AllocationsPerFrame, want.AllocationsPerFrame},
		{"messages a packet", got.MessagesPerPacket, want.MessagesPerPacket},
		{"system calls a packet", got.CallsPerPacket, want.CallsPerPacket},
		{"bytes a packet", got.BytesPerPacket, want.BytesPerPacket},
	} {
		t.Logf("%s: %.4f, committed %.4f", f.what, f.got, f.want)
		if f.got > f.want*1.02+0.001 {
			t.Errorf("%.4f %s, %.4f are committed in %s", f.got, f.what, f.want, file)
		}
	}
}

// BenchmarkSealedFanOut is the cost of one packet to one player with encryption
// and the socket, whose receiver is full.
func BenchmarkSealedFanOut(b *testing.B) {
	c := newCrew(b, 150)
	c.next()
	start, _ := c.packets()
	b.ReportAllocs()
	b.ResetTimer()
	for {
		if n, _ := c.packets(); n-start >= uint64(b.N) {
			break
		}
		c.next()
	}
}
