package sfu

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

// lossy is a client-side interceptor that loses media packets as lose says. It
// sits below everything else, so what it loses never arrived.
type lossy struct {
	interceptor.NoOp
	lose func(h *rtp.Header, payload []byte) bool

	mu   sync.Mutex
	lost int
	seen map[uint8]int // packets by payload type
}

func (l *lossy) NewInterceptor(string) (interceptor.Interceptor, error) { return l, nil }

func (l *lossy) BindRemoteStream(_ *interceptor.StreamInfo, r interceptor.RTPReader) interceptor.RTPReader {
	return interceptor.RTPReaderFunc(func(b []byte, a interceptor.Attributes) (int, interceptor.Attributes, error) {
		for {
			n, a, err := r.Read(b, a)
			if err != nil {
				return n, a, err
			}
			var p rtp.Packet
			if p.Unmarshal(b[:n]) != nil {
				return n, a, err
			}
			l.mu.Lock()
			l.seen[p.PayloadType]++
			drop := l.lose(&p.Header, p.Payload)
			if drop {
				l.lost++
			}
			l.mu.Unlock()
			if !drop {
				return n, a, err
			}
		}
	})
}

func (l *lossy) counts() (lost, rtx, plain int) {
	l.mu.Lock()
	defer l.mu.Unlock()

	return l.lost, l.seen[103], l.seen[102]
}

func testRepair(t *testing.T, opts clientOptions) {
	t.Helper()
	once := map[uint16]bool{}
	began := false
	l := &lossy{seen: map[uint8]int{}, lose: func(h *rtp.Header, _ []byte) bool {
		first := !began && h.PayloadType == 102
		began = began || first // a client cannot miss what was before its first packet
		if first || h.PayloadType != 102 || h.SequenceNumber%10 != 3 || once[h.SequenceNumber] {
			return false
		}
		once[h.SequenceNumber] = true

		return true
	}}
	s := newSFU(t)
	src := NewSource("live/repair")
	defer src.Close()
	feed := src.Attach(FeedOptions{HasVideo: true})
	opts.filter, opts.interceptors = l, true
	p := newPlayer(t, s, src, opts)
	const frames = 200
	pump(feed, 0, frames, 1<<20, nil)
	// Losses at the very end are not noticed, so more packets follow.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	have := map[uint16]bool{}
	n := frames
	eventually(t, "every packet", func() bool {
		select {
		case <-tick.C:
			feed.WriteFrame(Video, time.Duration(n)*5*time.Millisecond, false, makeFrame(Video, uint32(n), false, 3, 900))
			n++
		default:
		}
		for _, packet := range p.got(Video) {
			if frameNumber(packet.Payload) < frames {
				have[packet.SequenceNumber] = true
			}
		}

		return len(have) == frames*3
	})
	lost, rtx, plain := l.counts()
	st := p.sub.Stats().Video
	if lost < 50 || st.RTX == 0 || st.NACK == 0 {
		t.Fatalf("lost %d packets, stats %+v", lost, st)
	}
	if opts.noRTX && (rtx != 0 || plain <= n*3-3) {
		t.Errorf("without RTX: %d packets on the RTX payload type, %d plain", rtx, plain)
	}
	if !opts.noRTX && plain > n*3 {
		t.Errorf("with RTX: %d plain packets for %d sent once; repairs belong on their own stream", plain, n*3)
	}
	eventually(t, "the loss in receiver reports", func() bool { return p.sub.Stats().RTT > 0 })
}

func TestLossIsRepairedByRTX(t *testing.T)   { testRepair(t, clientOptions{}) }
func TestLossIsRepairedPlainly(t *testing.T) { testRepair(t, clientOptions{noRTX: true}) }

func TestRepairsAreBounded(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/storm")
	defer src.Close()
	feed := src.Attach(FeedOptions{HasVideo: true})
	p := newPlayer(t, s, src, clientOptions{})
	pump(feed, 0, 200, 1<<20, nil) // 600 packets, of which 256 can be asked for
	eventually(t, "all video", func() bool { return p.count(Video) == 600 })
	packets := p.got(Video)
	nack := func(seqs ...uint16) {
		mustDo(t, p.pc.WriteRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{
			MediaSSRC: packets[0].SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
		}}))
	}
	asked := func(n uint64) func() bool {
		return func() bool { return p.sub.Stats().Video.NACKPackets == n }
	}
	nack(packets[0].SequenceNumber) // too old
	eventually(t, "a first request", asked(1))
	if st := p.sub.Stats().Video; st.RTX != 0 {
		t.Errorf("a packet %d back was sent again", len(packets))
	}
	last := packets[len(packets)-1].SequenceNumber
	var all []uint16
	for i := range uint16(200) {
		all = append(all, last-199+i)
	}
	nack(all...)
	eventually(t, "a second request", asked(201))
	st := p.sub.Stats().Video
	if most := uint64(rtxCreditCap/900 + 1); st.RTX > most || st.RTX == 0 || st.Dropped.Retransmission == 0 {
		t.Errorf("%d of 200 packets sent again at once, %d refused; want at most %d", st.RTX, st.Dropped.Retransmission, most)
	}
}

func TestKeyframeRequestsAreRationed(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/pli")
	defer src.Close()
	var asked atomic.Int32
	feed := src.Attach(FeedOptions{HasVideo: true, RequestKeyframe: func() { asked.Add(1) }})
	p := newPlayer(t, s, src, clientOptions{})
	pump(feed, 0, 2, 1000, nil)
	eventually(t, "video", func() bool { return p.count(Video) == 6 })
	began := time.Now()
	before := asked.Load()
	ssrc := p.got(Video)[0].SSRC
	const requests = 50
	for range requests {
		mustDo(t, p.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{MediaSSRC: ssrc}}))
	}
	eventually(t, "all requests", func() bool { return p.sub.Stats().Video.PLI == requests })
	eventually(t, "a request to the publisher", func() bool { return asked.Load() > before })
	if n, most := asked.Load()-before, int32(time.Since(began)/keyframeInterval)+1; n > most {
		t.Errorf("%d requests reached the publisher in %v, want at most %d", n, time.Since(began), most)
	}
}

func TestPublisherIsAskedForKeyframe(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/ask")
	defer src.Close()
	pub := newPublisherClient(t, s, src, clientOptions{})
	pub.send(t, Video, 0, makeFrame(Video, 1, false, 1, 100)) // starts the track without a keyframe
	await(t, "a PLI", pub.plis)
	p := newPlayer(t, s, src, clientOptions{})
	pub.send(t, Video, 3000, makeFrame(Video, 2, true, 3, 900))
	eventually(t, "the keyframe", func() bool { return p.count(Video) == 3 })
	if st := pub.pub.Stats(); st.Video.PLI == 0 || st.Video.Packets != 4 || st.Protocol != "udp" {
		t.Errorf("stats = %+v", st)
	}
}

func TestPublisherLossIsRepaired(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/uplink")
	defer src.Close()
	tap := src.Tap(TapOptions{Video: true})
	defer tap.Close()
	pub := newPublisherClient(t, s, src, clientOptions{})
	p := newPlayer(t, s, src, clientOptions{})
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	held := makeFrame(Video, 50, false, 3, 900)
	for i := range 100 {
		<-tick.C
		if i == 50 { // never sent by itself: the SFU has to ask for it
			pub.seq[Video] += 3

			continue
		}
		pub.send(t, Video, uint32(i*450), makeFrame(Video, uint32(i), i == 0, 3, 900))
	}
	eventually(t, "video with a gap", func() bool { return p.count(Video) == 297 })
	late := pub.seq[Video]
	pub.seq[Video] = 65000 + 150
	pub.send(t, Video, 50*450, held)
	pub.seq[Video] = late
	eventually(t, "the late frame", func() bool { return p.count(Video) == 300 })
	packets := p.got(Video)
	first := packets[0].SequenceNumber
	for i, packet := range packets[297:] {
		if want := first + 150 + uint16(i); packet.SequenceNumber != want || frameNumber(packet.Payload) != 50 {
			t.Errorf("late packet %d has sequence number %d, frame %d; want %d, 50",
				i, packet.SequenceNumber, frameNumber(packet.Payload), want)
		}
	}
}

func TestNackerAsksUntilItArrives(t *testing.T) {
	type request struct{ seqs []uint16 }
	requests := make(chan request, 100)
	gaveUp := make(chan struct{}, 100)
	n := &nacker{
		ask:    func(seqs []uint16) { requests <- request{append([]uint16(nil), seqs...)} },
		giveUp: func() { gaveUp <- struct{}{} },
		rtt:    func() time.Duration { return 0 },
	}
	defer n.stop()
	next := func() []uint16 {
		select {
		case r := <-requests:
			return r.seqs
		case <-time.After(patience):
			t.Fatal("nothing is asked for")

			return nil
		}
	}
	for _, seq := range []uint16{65533, 65534, 1, 2} { // 65535 and 0 are missing
		n.arrived(seq, mono())
	}
	if got := next(); len(got) != 2 || got[0] != 65535 || got[1] != 0 {
		t.Fatalf("asked for %v", got)
	}
	n.arrived(65535, mono())
	for range 3 { // again and again, but no longer for what has come
		if got := next(); len(got) != 1 || got[0] != 0 {
			t.Fatalf("asked for %v", got)
		}
	}
	await(t, "giving up", gaveUp)
	n.arrived(1000, mono()) // too much at once
	await(t, "giving up on a large gap", gaveUp)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.missing) != 0 {
		t.Errorf("still missing: %v", n.missing)
	}
}

// TestUplinkLossIsRepaired: what a publisher's network loses is asked for, once
// repaired no more.
func TestUplinkLossIsRepaired(t *testing.T) {
	s := newSFU(t)
	src := NewSource("live/loss")
	defer src.Close()
	lose := &lossyOut{}
	pub := newPublisherClient(t, s, src, clientOptions{filter: lose})
	tap := src.Tap(TapOptions{Video: true})
	defer tap.Close()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	i := 0
	send := func() {
		pub.send(t, Video, uint32(i*450), makeFrame(Video, uint32(i), i == 0, 3, 900))
		i++
	}
	send()
	eventually(t, "the track", func() bool { return pub.pub.Stats().Video.Packets == 3 })
	lose.on.Store(true)
	for range 200 {
		<-tick.C
		send()
	}
	lose.on.Store(false)
	send()
	eventually(t, "every packet", func() bool {
		send() // repairs are read when media is
		<-tick.C
		st := pub.pub.Stats().Video

		return st.Packets == uint64(i*3) && st.Lost == 0
	})
	st := pub.pub.Stats().Video
	lost := uint64(lose.lost.Load())
	if lost < 40 || st.NACKPackets < lost || st.NACKPackets > 3*lost {
		t.Errorf("%d packets were lost and %d asked for", lost, st.NACKPackets)
	}
}

// lossyOut is a client-side interceptor that loses a tenth of the packets sent
// for the first time.
type lossyOut struct {
	interceptor.NoOp
	on   atomic.Bool
	lost atomic.Int32
}

func (l *lossyOut) NewInterceptor(string) (interceptor.Interceptor, error) { return l, nil }

func (l *lossyOut) BindLocalStream(_ *interceptor.StreamInfo, w interceptor.RTPWriter) interceptor.RTPWriter {
	seen := map[uint16]bool{}
	var mu sync.Mutex

	return interceptor.RTPWriterFunc(func(h *rtp.Header, payload []byte, a interceptor.Attributes) (int, error) {
		mu.Lock()
		drop := h.PayloadType == 102 && l.on.Load() && h.SequenceNumber%10 == 3 && !seen[h.SequenceNumber]
		seen[h.SequenceNumber] = true
		mu.Unlock()
		if drop {
			l.lost.Add(1)

			return len(payload), nil
		}

		return w.Write(h, payload, a)
	})
}

// TestRepetitionsAreNotCounted: browsers probe for bandwidth by sending packets
// again, which is neither media nor a negative loss.
func TestRepetitionsAreNotCounted(t *testing.T) {
	up := &upTrack{}
	feed := func(seqs ...uint16) {
		for _, seq := range seqs {
			up.account(&arrival{seq: seq, payload: []byte{0x41}})
		}
	}
	check := func(packets uint64, lost int64) {
		t.Helper()
		if st := up.snapshot(); st.Packets != packets || st.Lost != lost {
			t.Fatalf("%d packets, %d lost; want %d, %d", st.Packets, st.Lost, packets, lost)
		}
	}
	feed(65533, 65534, 65535, 65534, 0, 1, 65533)
	check(5, 0)
	feed(4, 4)
	check(6, 2)
	feed(2, 2)
	check(7, 1)
	feed(30000, 30001) // another numbering
	check(9, 1)
	for i := range uint16(5000) {
		feed(30002+i, 30002+i)
	}
	check(5009, 1)
}
