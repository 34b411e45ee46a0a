package sfu

import (
	"errors"
	"math"
	"sync"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"hutong/sfu/internal/seal"
)

// history is how many packets back a subscriber may ask for again. Longer ones
// feed retransmission storms on thin links.
const history = 256

// retryInterval is how long a subscriber without a path to it is left alone.
const retryInterval = 200 * time.Millisecond

type downState uint8

const (
	downJoining downState = iota // first pass decides how to start
	downWaiting                  // for a keyframe
	downCatchUp                  // on its own position in the ring, paced
	downLive                     // gets packets as they arrive
	downPaused                   // nothing is to be sent
)

// sent remembers a packet as a subscriber got it, for retransmission.
type sent struct {
	p      *packet
	resent int64 // mono instant of the last retransmission
	ts     uint32
	seq    uint16
}

// downTrack is one track on its way to one subscriber. It is the TrackLocal of
// the subscriber's PeerConnection. The shard sends through it; the goroutine
// that reads RTCP resends through it; mu keeps them apart.
type downTrack struct {
	sub    *subscription
	kind   Kind
	source *track // the Source's ring it follows; changes with the layer

	mu      sync.Mutex
	w       webrtc.TrackLocalWriter
	sealer  *seal.Stream // nil where pion seals
	chosen  bool         // it is known who does
	hdr     rtp.Header
	rtxSSRC uint32
	rtxPT   uint8
	rtxSeq  uint16
	scratch []byte // of a retransmission under construction

	tile   Tile  // in which it is shown
	want   int   // lane of the layer wanted
	asked  int64 // mono instant the wanted layer was asked for a keyframe
	wantAt int64 // mono instant it was wanted
	whole  bool  // the last packet sent ended a frame

	state    downState
	seqOff   uint16 // outgoing sequence number less the Source's
	nextOut  uint16 // outgoing number that continues without a gap
	floor    uint64 // packets before it are not this subscriber's
	maxSeq   uint64 // newest packet sent
	any      bool   // something has been sent
	inFrame  bool   // inTS and outTS are of the frame being sent
	inTS     uint32 // Source's timestamp
	outTS    uint32 // and what it was sent as
	settling bool   // just caught up: keep timestamps rising

	cursor    uint64 // catching up: next packet
	spreading bool   // catching up: with a keyframe that came just now
	keyTS     uint32 // catching up: timestamp of the keyframe
	keyFree   int64  // catching up: bytes of it that go unpaced
	pace      int64  // catching up: bytes per second
	bitrate   int    // catching up: of the stream, 0 if unknown
	pacedAt   int64  // mono instant it was set
	credit    int64  // catching up: bytes that may go now
	credited  int64  // mono instant of the last credit
	holeAt    int64  // catching up: since when a packet is missing
	refreshed int64  // mono instant of the last restart from the cache
	retryAt   int64  // joining: not before this mono instant
	waiting   int64  // for a keyframe: since when, or since it was asked for again; 0 if not

	burst     burst
	thinning  thinning
	hist      []sent
	rtxCredit int64

	reported    bool   // the player's last report said:
	highest     uint32 // extended number of the newest packet
	missed      int32  // packets it did not get
	judged      uint64 // packets sent by then,
	judgedBytes uint64

	stats downStats
}

// serve sends what is due. It reports whether it wants another pass soon.
func (d *downTrack) serve(now int64, s *shard) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.w == nil || d.state == downPaused {
		return false
	}
	if d.want != d.source.lane {
		d.switchLayer(now, s)
	}
	v := &s.views[d.source.lane]
	if v.overrun && d.state == downLive {
		d.stall(dropOverrun, 1)
	}
	switch d.state {
	case downJoining:
		if now < d.retryAt {
			return true
		}
		d.join(now, v)
	case downWaiting:
		d.await(v, now)
	}
	switch d.state {
	case downLive:
		for _, p := range v.batch {
			if d.state != downLive {
				d.stats.drop(d.waitsFor(), 1)

				continue
			}
			if d.leavesOut(p, now) {
				d.cutOff()
				d.stats.drop(dropThin, 1)

				continue
			}
			if p.stale && p.key && p.seq > d.maxSeq {
				// A new feed opens with its backlog: pace it like a join.
				d.startAt(p.seq, now, 0)

				break
			}
			if p.seq < d.floor {
				continue
			}
			if d.spreads(p, now) {
				d.spread(p.seq, now)

				break
			}
			d.send(s, p, d.stamp(p))
		}
		if d.state == downCatchUp {
			return d.catchUp(now, v, s)
		}
	case downCatchUp:
		for _, p := range v.batch {
			if p.seq >= d.floor && p.seq < d.cursor {
				d.send(s, p, d.stampLate(p)) // arrived after we had passed it by
			}
		}

		return d.catchUp(now, v, s)
	}

	return false
}

// stamp gives the outgoing timestamp of a packet sent live. It is the Source's,
// but right after catching up, when it might not have risen above what was sent.
func (d *downTrack) stamp(p *packet) uint32 {
	if d.inFrame && p.ts == d.inTS {
		return d.outTS
	}
	if p.seq < d.maxSeq {
		return d.stampLate(p)
	}
	ts := p.ts
	if d.settling {
		if int32(ts-d.outTS) <= 0 {
			ts = d.outTS + d.source.rate/1000
		} else {
			d.settling = false
		}
	}
	d.inFrame, d.inTS, d.outTS = true, p.ts, ts

	return ts
}

func (d *downTrack) stampLate(p *packet) uint32 {
	if d.inFrame && p.ts == d.inTS {
		return d.outTS
	}
	for i := uint64(1); i <= 32 && len(d.hist) > 0; i++ {
		if h := &d.hist[(uint16(p.seq+i)+d.seqOff)%history]; h.p != nil && h.p.ts == p.ts {
			return h.ts
		}
	}

	return p.ts
}

// send writes one packet. Callers hold mu.
func (d *downTrack) send(s *shard, p *packet, ts uint32) {
	if !d.chosen {
		if d.chooseSealer(); d.w == nil {
			return
		}
	}
	d.hdr.SequenceNumber = uint16(p.seq) + d.seqOff
	d.hdr.Timestamp = ts
	d.hdr.Marker = p.marker
	n, err := d.write(s, p)
	if p.seq > d.maxSeq || !d.any {
		d.maxSeq = p.seq
		d.nextOut = d.hdr.SequenceNumber + 1
		d.any = true
	}
	if errors.Is(err, seal.ErrUsed) {
		return // it has it, or it came too late
	}
	if err != nil || (n == 0 && !d.sub.link.hasPath()) {
		// There is no path, as in the middle of an ICE restart: join again soon.
		d.stats.drop(dropNoPath, 1)
		if d.kind == Video {
			d.state, d.retryAt = downJoining, mono()+int64(retryInterval)
		}

		return
	}
	if n == 0 {
		d.stall(dropQueueFull, 1)
		d.sub.link.quality.refused(mono())

		return
	}
	if d.hist != nil {
		d.hist[d.hdr.SequenceNumber%history] = sent{p: p, ts: ts, seq: d.hdr.SequenceNumber}
	}
	d.whole = p.marker
	d.stats.sent(p, p.at)
	d.rtxCredit = min(d.rtxCredit+int64(len(p.payload))/2, rtxCreditCap)
}

// pause stops sending, or starts it again as a join does.
func (d *downTrack) pause(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case on:
		d.state = downPaused
	case d.state == downPaused:
		d.state, d.retryAt = downJoining, 0
	}
}

// stall gives up on what is under way: video goes on at the next keyframe.
func (d *downTrack) stall(why dropReason, n int) {
	d.stats.drop(why, n)
	if d.kind == Video && d.state != downWaiting {
		d.state = downWaiting
		d.requestKeyframe()
	}
}

// startAt has the subscriber go on with packet seq, which follows without a gap
// on what it had before. bitrate is of the stream, 0 if unknown.
func (d *downTrack) startAt(seq uint64, now int64, bitrate int) {
	d.state, d.waiting = downCatchUp, 0
	d.seqOff = d.nextOut - uint16(seq)
	d.floor, d.cursor, d.maxSeq, d.inFrame, d.spreading = seq, seq, seq-1, false, false
	d.keyFree = math.MaxInt64
	d.setPace(bitrate, now)
	d.credit, d.credited, d.holeAt = 0, now, 0
}
