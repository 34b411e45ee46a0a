package sfu

import (
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// recent is how many numbers back a packet is recognised as a repetition.
// Browsers probe for bandwidth by sending packets again.
const recent = 1024

// upTrack is one track on its way in: the audio, the video or one layer of it.
type upTrack struct {
	lane   int
	kind   Kind
	taken  atomic.Bool   // somebody reads it
	ssrc   atomic.Uint32 // 0 before the first packet
	plis   atomic.Uint64
	nacks  atomic.Uint64 // requests for lost packets
	nacked atomic.Uint64 // packets they named

	mu    sync.Mutex
	ext   extender
	seen  [recent / 64]uint64 // which of the newest numbers have come
	stats TrackStats
	count uint64 // packets since ext began
	rate  meter

	transit int64   // of the last packet, RTP ticks
	jitter  float64 // RFC 3550 §6.4.1, RTP ticks
}

func (up *upTrack) init(lane int) {
	up.lane = lane
	if lane < kinds {
		up.kind = Kind(lane)
	}
}

// lane finds the place of a track, -1 if it has none.
func (pub *Publisher) lane(t *webrtc.TrackRemote) int {
	if t.Kind() == webrtc.RTPCodecTypeAudio {
		return int(Audio)
	}
	if t.RID() == "" {
		return int(Video)
	}
	v := pub.offer.chosen(Video)
	if v == nil {
		return -1
	}
	if i := slices.Index(v.rids, t.RID()); i >= 0 {
		return kinds + i
	}

	return -1
}

// track is called when the first packet of a track has come.
func (pub *Publisher) track(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	lane := pub.lane(t)
	if lane < 0 || pub.received[lane].taken.Swap(true) {
		pub.spawn(func() { drain(t) })

		return
	}
	up := &pub.received[lane]
	pub.spawn(func() { pub.control(up, r, t.RID()) })
	pub.spawn(func() {
		defer up.taken.Store(false)
		f := pub.feedSource()
		if f == nil {
			return
		}
		up.begin(uint32(t.SSRC()))
		f.renew(lane)
		if up.kind == Video {
			pub.source.requestLane(lane)
		}
		pub.receive(t, up, levelExtension(r))
	})
}

// drain reads a track nobody uses, since an unread one fills its buffer.
func drain(t *webrtc.TrackRemote) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := t.Read(buf); err != nil && !errors.Is(err, io.ErrShortBuffer) {
			return
		}
	}
}

// levelExtension gives the number under which a track states its level, 0 if it
// does not.
func levelExtension(r *webrtc.RTPReceiver) uint8 {
	for _, x := range r.GetParameters().HeaderExtensions {
		if x.URI == audioLevelURI {
			return uint8(x.ID)
		}
	}

	return 0
}

// receive forwards a track's packets until it ends. level numbers the header
// extension that states the audio level, if any.
func (pub *Publisher) receive(t *webrtc.TrackRemote, up *upTrack, level uint8) {
	const block = 64 << 10
	var (
		buf    = make([]byte, 1500)
		arena  []byte
		packet rtp.Packet
		repair *nacker
		bound  uplinkCap
	)
	if up.kind == Video {
		repair = pub.newNacker(up)
		defer repair.stop()
	}
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			if errors.Is(err, io.ErrShortBuffer) {
				continue
			}

			return
		}
		packet = rtp.Packet{Header: rtp.Header{Extensions: packet.Extensions[:0], CSRC: packet.CSRC[:0]}}
		if packet.Unmarshal(buf[:n]) != nil {
			continue
		}
		size := len(packet.Payload)
		if len(arena) < size {
			arena = make([]byte, block)
		}
		payload := arena[:size:size]
		arena = arena[size:]
		copy(payload, packet.Payload)
		in := arrival{
			payload: payload, at: mono(), ts: packet.Timestamp, seq: packet.SequenceNumber, marker: packet.Marker,
		}
		up.account(&in)
		f := pub.feed.Load()
		if repair != nil {
			repair.arrived(in.seq, in.at)
		} else if level != 0 {
			if x := packet.GetExtension(level); len(x) == 1 {
				f.SetAudioLevel(-float64(x[0] & 0x7f)) // the top bit is the sender's guess at speech
			}
		}
		if up.lane == int(Video) || up.lane == kinds { // one of them, where there are layers
			pub.capUplink(&bound, in.at)
		}
		if up.lane < kinds {
			f.forward(up.kind, in)
		} else {
			f.forwardLayer(up.lane-kinds, in)
		}
	}
}

// control reads what the publisher reports about one track. rid names the layer
// of a simulcast track, "" otherwise.
func (pub *Publisher) control(up *upTrack, r *webrtc.RTPReceiver, rid string) {
	buf := make([]byte, 1500)
	for {
		var n int
		var err error
		if rid == "" {
			n, _, err = r.Read(buf)
		} else {
			n, _, err = r.ReadSimulcast(buf, rid)
		}
		if err != nil {
			if errors.Is(err, io.ErrShortBuffer) {
				continue
			}

			return
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		for _, p := range packets {
			sr, ok := p.(*rtcp.SenderReport)
			if !ok || sr.SSRC != up.ssrc.Load() {
				continue
			}
			f := pub.feedSource()
			switch {
			case f == nil:
			case up.lane < kinds:
				f.senderReport(up.kind, sr.NTPTime, sr.RTPTime)
			default:
				f.layerReport(up.lane-kinds, sr.NTPTime, sr.RTPTime)
			}
		}
	}
}

// begin prepares for a numbering of its own: a track that has been withdrawn and
// comes back has another.
func (up *upTrack) begin(ssrc uint32) {
	up.ssrc.Store(ssrc)
	up.mu.Lock()
	defer up.mu.Unlock()
	up.stats.Lost += up.lost()
	up.count = 0
}

// lost counts what is missing of the numbering under way. Callers hold mu.
func (up *upTrack) lost() int64 {
	if up.count == 0 {
		return 0
	}

	return int64(up.ext.last-up.ext.first+1) - int64(up.count)
}

// account counts one packet.
func (up *upTrack) account(in *arrival) {
	up.mu.Lock()
	defer up.mu.Unlock()
	if !up.number(in.seq) {
		return
	}
	up.count++
	up.stats.Packets++
	up.stats.Bytes += uint64(len(in.payload))
	up.rate.add(len(in.payload), in.at)
	if up.kind == Video && beginsKeyframe(in.payload) {
		up.stats.Keyframes++
	}
	rate := up.kind.clockRate()
	transit := ticks(time.Duration(in.at), rate) - int64(in.ts)
	if up.count > 1 {
		if d := transit - up.transit; d < int64(rate) && d > -int64(rate) {
			up.jitter += (float64(max(d, -d)) - up.jitter) / 16
		}
	}
	up.transit = transit
}

// number places a packet's number. It returns false for a repetition. Callers
// hold mu.
func (up *upTrack) number(seq uint16) bool {
	if up.count == 0 {
		up.ext.start(seq)
		clear(up.seen[:])
	}
	last := up.ext.last
	ext, ok := up.ext.extend(seq)
	if !ok && ext == 0 { // the publisher has jumped
		up.stats.Lost += up.lost()
		up.count = 0
		up.ext.start(seq)
		clear(up.seen[:])

		return true
	}
	if !ok || last-ext >= recent && ext <= last {
		return ok
	}
	for n := max(last+1, ext-min(ext, recent)); n <= ext; n++ {
		up.seen[n%recent/64] &^= 1 << (n % 64)
	}
	word, bit := &up.seen[ext%recent/64], uint64(1)<<(ext%64)
	again := *word&bit != 0
	*word |= bit

	return !again
}

func (up *upTrack) snapshot() TrackStats {
	up.mu.Lock()
	defer up.mu.Unlock()
	out := up.stats
	out.Bitrate = up.rate.value(mono())
	out.Lost += up.lost()
	out.Jitter = ticksToDuration(int64(up.jitter), up.kind.clockRate())
	out.PLI, out.NACK, out.NACKPackets = up.plis.Load(), up.nacks.Load(), up.nacked.Load()

	return out
}
