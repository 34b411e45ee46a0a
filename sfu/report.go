package sfu

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// reportInterval is about how often a subscriber gets sender reports.
const reportInterval = time.Second

// report sends sender reports that state the capture clock: what timestamp a
// frame captured now has, rather than what was sent last, so that lip sync
// survives a join and any delay on the way here (RFC 3550 §6.4.1).
func (sub *subscription) report(now int64) {
	sub.nextReport = now + int64(reportInterval)*3/4 + rand.Int64N(int64(reportInterval)/2)
	f := sub.source.current.Load()
	if f == nil {
		return
	}
	ntp := toNTP(wall(now))
	var out []rtcp.Packet
	for _, d := range sub.tracks {
		if d == nil {
			continue
		}
		t := &sub.source.tracks[d.kind] // layers are on its timeline
		t.mu.RLock()
		started := t.owner == f && f.lanes[t.lane].started
		var ts uint32
		if started {
			ts = f.timestampAt(t.kind, now)
		}
		t.mu.RUnlock()
		d.mu.Lock()
		if started && d.any {
			out = append(out, &rtcp.SenderReport{
				SSRC: d.hdr.SSRC, NTPTime: ntp, RTPTime: ts,
				PacketCount: uint32(d.stats.packets), OctetCount: uint32(d.stats.bytes),
			})
		}
		d.mu.Unlock()
	}
	if len(out) == 0 {
		sub.nextReport = now + int64(reportTick)

		return
	}
	for _, sr := range out {
		out = append(out[:len(out):len(out)], &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
			Source: sr.(*rtcp.SenderReport).SSRC,
			Items:  []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: sub.stream}},
		}}})
	}
	_ = sub.link.pc.WriteRTCP(out) // a lost report is followed by another
}

// feedback reads what the player reports until the track is closed. A compound
// packet comes to every track that it mentions.
func (d *downTrack) feedback(sender *webrtc.RTPSender) {
	buf := make([]byte, 1500)
	for {
		n, _, err := sender.Read(buf)
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
			switch p := p.(type) {
			case *rtcp.TransportLayerNack:
				if p.MediaSSRC == d.ssrc() {
					d.resend(p, time.Duration(d.sub.link.roundTrip.Load()))
				}
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				if slices.Contains(p.DestinationSSRC(), d.ssrc()) {
					d.pictureLost()
				}
			case *rtcp.ReceiverReport:
				d.received(p.Reports)
			case *rtcp.SenderReport:
				d.received(p.Reports)
			}
		}
	}
}

// judge lets the connection's quality know what is new in a report. Callers hold mu.
func (d *downTrack) judge(r *rtcp.ReceptionReport) {
	missed := int32(r.TotalLost<<8) >> 8
	expected := int64(int32(r.LastSequenceNumber - d.highest))
	// Where an SSRC changes hands, its numbers jump: packets that were never sent
	// are not lost.
	sent := int64(d.stats.packets - d.judged)
	if d.reported && expected <= 2*sent+history {
		d.sub.link.quality.report(reception{
			expected: expected, lost: int64(missed - d.missed), sent: sent, bits: int64(d.stats.bytes-d.judgedBytes) * 8,
		}, mono())
	}
	d.reported, d.highest, d.missed, d.judged, d.judgedBytes = true, r.LastSequenceNumber, missed, d.stats.packets, d.stats.bytes
}

func (d *downTrack) ssrc() uint32 {
	d.mu.Lock()
	defer d.mu.Unlock()

	return d.hdr.SSRC
}

func (d *downTrack) pictureLost() {
	d.mu.Lock()
	d.stats.plis++
	d.mu.Unlock()
	d.refresh()
}

// received takes loss, jitter and round trip from reception reports.
func (d *downTrack) received(reports []rtcp.ReceptionReport) {
	now := uint32(toNTP(wall(mono())) >> 16)
	for _, r := range reports {
		if r.SSRC != d.ssrc() {
			continue
		}
		if r.LastSenderReport != 0 {
			if rtt := int32(now - r.LastSenderReport - r.Delay); rtt > 0 && rtt < 10<<16 {
				ns := int64(rtt) * int64(time.Second) >> 16
				d.sub.link.roundTrip.Store(ns)
				d.sub.link.quality.roundTrip(ns)
			}
		}
		d.mu.Lock()
		d.judge(&r)
		d.stats.lost = int32(r.TotalLost<<8) >> 8
		d.stats.fractionLost = float64(r.FractionLost) / 256
		d.stats.jitter = ticksToDuration(int64(r.Jitter), d.kind.clockRate())
		d.mu.Unlock()
	}
}
