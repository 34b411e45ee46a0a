package sfu

import (
	"encoding/binary"
	"time"

	"github.com/pion/rtcp"
)

const (
	// resendInterval is the least time between two retransmissions of a packet
	// where the round trip is shorter or unknown.
	resendInterval = 20 * time.Millisecond

	// Retransmissions may use half as many bytes as the media, and this many
	// at once.
	rtxCreditCap = 64 << 10
)

// resend answers a subscriber's negative acknowledgement (RFC 4585 §6.2.1) from
// the shared packets: on the retransmission stream (RFC 4588) where that was
// negotiated, else by the packet itself.
func (d *downTrack) resend(nack *rtcp.TransportLayerNack, rtt time.Duration) {
	now := mono()
	interval := int64(max(rtt, resendInterval))
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stats.nacks++
	if d.hist == nil || d.w == nil {
		return
	}
	for _, pair := range nack.Nacks {
		d.resendOne(pair.PacketID, now, interval)
		for i := range uint16(16) {
			if pair.LostPackets&(1<<i) != 0 {
				d.resendOne(pair.PacketID+1+i, now, interval)
			}
		}
	}
}

func (d *downTrack) resendOne(seq uint16, now, interval int64) {
	d.stats.nacked++
	h := &d.hist[seq%history]
	if h.p == nil || h.seq != seq {
		return
	}
	if h.resent != 0 && now-h.resent < interval {
		return
	}
	size := int64(len(h.p.payload))
	if d.rtxCredit < size {
		d.stats.drop(dropRetransmission, 1)

		return
	}
	d.rtxCredit -= size
	h.resent = now

	if d.rtxSSRC == 0 && d.sealer != nil {
		if n, err := d.repeat(h); err != nil || n == 0 {
			d.stats.drop(dropQueueFull, 1)

			return
		}
		d.stats.resent++

		return
	}
	hdr := d.hdr
	hdr.Timestamp, hdr.Marker, hdr.SequenceNumber = h.ts, h.p.marker, seq
	payload := h.p.payload
	if d.rtxSSRC != 0 {
		hdr.SSRC, hdr.PayloadType, hdr.SequenceNumber = d.rtxSSRC, d.rtxPT, d.rtxSeq
		d.rtxSeq++
		d.scratch = binary.BigEndian.AppendUint16(d.scratch[:0], seq)
		d.scratch = append(d.scratch, payload...)
		payload = d.scratch
	}
	if n, err := d.w.WriteRTP(&hdr, payload); err != nil || n == 0 {
		d.stats.drop(dropQueueFull, 1)

		return
	}
	d.stats.resent++
}
