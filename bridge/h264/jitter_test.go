package h264

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// jitterRun drives a JitterBuffer by a script: a number pushes that packet, "+n" lets n milliseconds pass. The
// result lists what came out, with losses as "-n" before the packet they precede.
func jitterRun(j *JitterBuffer, script string) string {
	now := time.Unix(1000, 0)
	var out []string
	drain := func() {
		for {
			p, lost, ok := j.Pop(now)
			if !ok {
				return
			}
			if lost > 0 {
				out = append(out, fmt.Sprint(-lost))
			}
			out = append(out, fmt.Sprint(p.Timestamp))
		}
	}
	for _, word := range strings.Fields(script) {
		var n int
		if strings.HasPrefix(word, "+") {
			fmt.Sscan(word[1:], &n)
			now = now.Add(time.Duration(n) * time.Millisecond)
		} else {
			fmt.Sscan(word, &n)
			j.Push(uint64(n), Packet{Timestamp: uint32(n), Payload: []byte{1}}, now)
		}
		drain()
	}
	return strings.Join(out, " ")
}

func TestJitterBuffer(t *testing.T) {
	for _, c := range []struct {
		name, in, out string
		stats         JitterStats
	}{
		{"in order", "10 11 12", "10 11 12", JitterStats{}},
		{"swapped", "10 12 11 13", "10 11 12 13", JitterStats{}},
		{"hole filled in time", "10 12 +99 11", "10 11 12", JitterStats{}},
		{"hole given up", "10 12 +100 13", "10 -1 12 13", JitterStats{Lost: 1}},
		{"filled too late", "10 12 +100 11 13", "10 -1 12 13", JitterStats{Lost: 1, Late: 1}},
		{"age is the first packet's behind the hole", "10 13 +60 12 +40", "10 -1 12 13", JitterStats{Lost: 1}},
		{"two holes of one age", "10 12 14 +100", "10 -1 12 -1 14", JitterStats{Lost: 2}},
		{"two holes of two ages", "10 12 +50 14 +50", "10 -1 12", JitterStats{Lost: 1}},
		{"second hole later", "10 12 +50 14 +50 +50", "10 -1 12 -1 14", JitterStats{Lost: 2}},
		{"long hole", "10 500 +100", "10 -489 500", JitterStats{Lost: 489}},
		{"doubles", "10 10 12 12 11 11", "10 11 12", JitterStats{Late: 2, Duplicates: 1}},
		{"full", "10 12 13 14 15 16 17 18 19", "10 -1 12 13 14 15 16 17 18 19", JitterStats{Lost: 1}},
		{"stray ahead", "10 90000 11 12", "10 11 12", JitterStats{Discarded: 1}},
		{"restart ahead", "10 90000 90001 90002", "10 -1 90000 90001 90002", JitterStats{Restarts: 1}},
		{"restart ahead with packets held", "10 12 13 90000 90001", "10 -3 90000 90001", JitterStats{Restarts: 1, Discarded: 2}},
		{"stray behind", "9000 9001 10 9002", "9000 9001 9002", JitterStats{Late: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			j := JitterBuffer{MaxWait: 100 * time.Millisecond, MaxPackets: 8}
			if out := jitterRun(&j, c.in); out != c.out || j.Stats() != c.stats {
				t.Fatalf("%q became %q, %+v; want %q, %+v", c.in, out, j.Stats(), c.out, c.stats)
			}
		})
	}
}

func TestJitterRestartBehind(t *testing.T) {
	j := NewJitterBuffer(100 * time.Millisecond)
	now := time.Unix(1000, 0)
	j.Push(50000, Packet{Timestamp: 1}, now)
	j.Pop(now)
	out := 0
	for seq := uint64(100); seq < 400; seq++ {
		j.Push(seq, Packet{Timestamp: uint32(seq)}, now)
		for {
			p, lost, ok := j.Pop(now)
			if !ok {
				break
			}
			if (lost > 0) != (out == 0) {
				t.Fatalf("packet %d after %d lost", p.Timestamp, lost)
			}
			out++
		}
	}
	if out != 300-lateRun+1 {
		t.Fatalf("%d packets came out after a restart", out)
	}
}

func TestJitterDeadline(t *testing.T) {
	j := NewJitterBuffer(100 * time.Millisecond)
	now := time.Unix(1000, 0)
	if _, ok := j.Deadline(); ok {
		t.Fatal("a deadline of nothing")
	}
	j.Push(1, Packet{}, now)
	j.Pop(now)
	j.Push(3, Packet{}, now)
	at, ok := j.Deadline()
	if !ok || at != now.Add(100*time.Millisecond) {
		t.Fatalf("deadline %v, %v", at, ok)
	}
	if _, _, ok := j.Pop(at.Add(-1)); ok {
		t.Fatal("gave up too early")
	}
	if _, lost, ok := j.Pop(at); !ok || lost != 1 {
		t.Fatal("did not give up at the deadline")
	}
	j.Push(9, Packet{}, at)
	j.Reset()
	j.Push(70, Packet{Timestamp: 70}, at)
	if p, lost, ok := j.Pop(at); !ok || lost != 2 || p.Timestamp != 70 {
		t.Fatalf("after a reset: %v, %d lost, %v", p, lost, ok)
	}
}

// TestJitterBounded floods the buffer, without popping, in any order.
func TestJitterBounded(t *testing.T) {
	j := JitterBuffer{MaxWait: time.Hour, MaxPackets: 64}
	r := rand.New(rand.NewPCG(1, 2))
	now := time.Unix(1000, 0)
	for range 20000 {
		j.Push(1<<32+r.Uint64N(4000), Packet{}, now)
		if r.IntN(10) == 0 {
			j.Pop(now)
		}
		if j.Len() > 64 || cap(j.items) > 256 {
			t.Fatalf("%d packets held in room for %d", j.Len(), cap(j.items))
		}
	}
}

func TestUnwrapper(t *testing.T) {
	var u Unwrapper
	var got []int64
	for _, seq := range []uint16{65534, 65535, 0, 65533, 1, 30000, 60000, 5, 1} {
		got = append(got, int64(u.Extend(seq))-(1<<32))
	}
	if want := []int64{65534, 65535, 65536, 65533, 65537, 95536, 125536, 131077, 131073}; !slices.Equal(got, want) {
		t.Fatalf("%v, want %v", got, want)
	}
}
