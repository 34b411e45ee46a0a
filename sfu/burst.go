package sfu

import "time"

const (
	// A keyframe can be thirty times as large as the pictures around it. Of one
	// that comes all at once, as a phone's does, burstAtOnce bytes go out at
	// once, and the rest at burstFactor times the stream's bitrate, at least at
	// burstLeast: routers and the kernel drop what comes faster than they queue.
	burstAtOnce = 24 << 10
	burstFactor = 6
	burstLeast  = 4_000_000 / 8 // bytes per second

	// A link that has been too thin gets thinAtOnce bytes at once, and the rest at
	// thinPaceShare percent of what it took, at least at thinPaceLeast.
	thinAtOnce    = 8 << 10
	thinPaceShare = 150
	thinPaceLeast = 300_000 / 8 // bytes per second
)

// burst is what a player may still get at once of a keyframe under way.
type burst struct {
	under bool
	ts    uint32 // of the keyframe
	left  int64  // bytes
	at    int64  // mono instant of left
	pace  int64  // bytes per second
}

// spreads says that the rest of a keyframe, from a packet on, is to be paced.
// Callers hold mu.
func (d *downTrack) spreads(p *packet, now int64) bool {
	b := &d.burst
	if p.key {
		*b = burst{under: true, ts: p.ts, left: burstAtOnce, at: now, pace: max(b.pace, burstLeast)}
	}
	if !b.under {
		return false
	}
	if p.ts != b.ts {
		b.under = false

		return false
	}
	b.left = min(b.left+b.pace*(now-b.at)/int64(time.Second), burstAtOnce) - int64(len(p.payload))
	b.at = now

	return b.left < 0
}

// spread has the player get what is in the ring from seq on as its pace allows,
// with the timestamps it would have had. Callers hold mu.
func (d *downTrack) spread(seq uint64, now int64) {
	rate := d.stats.rate.value(now)
	d.burst.under, d.burst.pace = false, max(burstFactor*int64(rate)/8, burstLeast)
	d.state, d.spreading = downCatchUp, true
	d.cursor, d.pace, d.pacedAt, d.keyFree = seq, d.burst.pace, now, 0
	d.bitrate = max(rate, 1) // known: not to be measured
	d.credit, d.credited, d.holeAt = 0, now, 0
	if takes := d.sub.link.quality.bandwidth(); takes > 0 {
		d.pace = paceOver(takes)
	}
}

// restrain has a live keyframe, at which the player has just been started, go out
// no faster than a thin link takes it. Callers hold mu.
func (d *downTrack) restrain() {
	if takes := d.sub.link.quality.bandwidth(); takes > 0 {
		d.spreading, d.keyFree, d.pace, d.bitrate = true, thinAtOnce, paceOver(takes), 1
	}
}

// paceOver is in bytes per second, for a link that takes so many bits.
func paceOver(takes int64) int64 { return max(takes*thinPaceShare/800, thinPaceLeast) }
