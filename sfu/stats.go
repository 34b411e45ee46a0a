package sfu

import "time"

// Stats is a snapshot of one peer.
type Stats struct {
	ID         string
	Source     string
	RemoteAddr string // of the selected candidate pair, "" before there is one
	LocalAddr  string
	Protocol   string // "udp" or "tcp"
	Created    time.Time
	Connected  time.Time     // zero before
	RTT        time.Duration // 0 while unknown
	Thin       bool          // of a player: its link is too thin for the best of what it watches
	Bandwidth  int           // bit/s; then, an estimate where there is one
	Video      TrackStats
	Audio      TrackStats
	Layers     []TrackStats // of a simulcast publisher, each by itself; Video is the sum
}

// TrackStats is about one track of a peer. For a publisher the counts are of
// what it sent us, for a subscriber of what we sent it.
type TrackStats struct {
	Packets      uint64
	Bytes        uint64 // of payload
	Bitrate      int    // bit/s over about the last second
	Lost         int64  // packets the receiver missed for good, by its own count
	FractionLost float64
	Jitter       time.Duration
	Keyframes    uint64
	PLI          uint64 // requests for a keyframe: received from a player, sent to a publisher
	NACK         uint64 // negative acknowledgements: received from a player, sent to a publisher
	NACKPackets  uint64 // packets they asked for
	RTX          uint64 // packets sent again
	Dropped      Dropped

	// Of a simulcast publisher's video: the layer a player gets, or the best a
	// publisher sends; "" otherwise.
	Layer         string
	Width, Height int
	Switches      uint64 // changes of layer
}

// add makes a sum. Of what cannot be summed the worse counts.
func (s *TrackStats) add(o TrackStats) {
	s.Packets += o.Packets
	s.Bytes += o.Bytes
	s.Bitrate += o.Bitrate
	s.Lost += o.Lost
	s.FractionLost = max(s.FractionLost, o.FractionLost)
	s.Jitter = max(s.Jitter, o.Jitter)
	s.Keyframes += o.Keyframes
	s.PLI += o.PLI
	s.NACK += o.NACK
	s.NACKPackets += o.NACKPackets
	s.RTX += o.RTX
	s.Dropped.QueueFull += o.Dropped.QueueFull
	s.Dropped.NoPath += o.Dropped.NoPath
	s.Dropped.Overrun += o.Dropped.Overrun
	s.Dropped.Waiting += o.Dropped.Waiting
	s.Dropped.Retransmission += o.Dropped.Retransmission
	s.Dropped.Thin += o.Dropped.Thin
	s.Switches += o.Switches
}

// Dropped counts packets a subscriber did not get, by reason.
type Dropped struct {
	QueueFull      uint64 // its connection did not take them
	NoPath         uint64 // there was no ICE candidate pair to send on
	Overrun        uint64 // occasions on which the ring overtook the subscriber
	Waiting        uint64 // while waiting for a keyframe
	Retransmission uint64 // asked for again beyond the share for that
	Thin           uint64 // of pictures that its connection is too thin for
}

type dropReason uint8

const (
	dropQueueFull dropReason = iota
	dropNoPath
	dropOverrun
	dropWaiting
	dropRetransmission
	dropThin
	dropReasons
)

// downStats counts for one downTrack, under its mu.
type downStats struct {
	packets, bytes uint64
	keyframes      uint64
	nacks, nacked  uint64
	switches       uint64
	resent, plis   uint64
	lost           int32
	fractionLost   float64
	jitter         time.Duration
	dropped        [dropReasons]uint64
	rate           meter
}

func (s *downStats) drop(why dropReason, n int) { s.dropped[why] += uint64(n) }

func (s *downStats) sent(p *packet, now int64) {
	s.packets++
	s.bytes += uint64(len(p.payload))
	if p.key {
		s.keyframes++
	}
	s.rate.add(len(p.payload), now)
}

func (d *downTrack) snapshot() TrackStats {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := &d.stats
	rid, width, height := d.sub.source.layerOf(d.source.lane)

	return TrackStats{
		Layer: rid, Width: width, Height: height, Switches: s.switches,
		Packets: s.packets, Bytes: s.bytes, Bitrate: s.rate.value(mono()), Lost: int64(s.lost), FractionLost: s.fractionLost,
		Jitter: s.jitter, Keyframes: s.keyframes, PLI: s.plis, NACK: s.nacks, NACKPackets: s.nacked, RTX: s.resent,
		Dropped: Dropped{
			QueueFull: s.dropped[dropQueueFull], NoPath: s.dropped[dropNoPath], Overrun: s.dropped[dropOverrun],
			Waiting: s.dropped[dropWaiting], Retransmission: s.dropped[dropRetransmission],
			Thin: s.dropped[dropThin],
		},
	}
}

// meter measures a bitrate over windows of at least a second.
type meter struct {
	since int64
	bytes int64
	rate  int
}

func (m *meter) add(n int, now int64) {
	if m.since == 0 {
		m.since = now
	}
	m.roll(now)
	m.bytes += int64(n)
}

func (m *meter) roll(now int64) {
	if span := now - m.since; m.since != 0 && span >= int64(time.Second) {
		m.rate = int(float64(m.bytes*8) / time.Duration(span).Seconds())
		m.since, m.bytes = now, 0
	}
}

func (m *meter) value(now int64) int {
	m.roll(now)

	return m.rate
}
