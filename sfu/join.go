package sfu

import "time"

const (
	// Joins are paced at catchUpFactor times the stream's bitrate, thin streams
	// at up to thinFactor times, so that nobody waits long and no thin link is
	// overrun.
	catchUpFactor = 3
	thinFactor    = 5
	thinPace      = 3_000_000 / 8 // bytes per second
	leastPace     = 1_000_000 / 8
	creditCap     = 30 * time.Millisecond // of pace, after a late pass

	// holePatience is how long a join waits for a packet that is on its way.
	holePatience = 60 * time.Millisecond

	// refreshInterval is the least time between two restarts of a player from
	// the cache.
	refreshInterval = 2 * time.Second

	// skipAhead is how far a newer keyframe must be ahead for a join to leave
	// out what is before it.
	skipAhead = 100 * time.Millisecond
)

// join decides how a new subscriber starts: video from the cached group of
// pictures if there is one, else at the next keyframe; audio live.
func (d *downTrack) join(now int64, v *view) {
	if d.kind == Audio {
		d.state = downLive
		d.floor = v.maxSeq + 1
		if len(v.batch) > 0 {
			d.floor = v.batch[0].seq
		}
		d.seqOff = d.nextOut - uint16(d.floor)

		return
	}
	jp, ok := d.source.joinAt(now)
	if !ok {
		d.state = downWaiting
		d.requestKeyframe()
		d.await(v, now)

		return
	}
	d.startAt(jp.seq, now, jp.bitrate)
	d.requestKeyframe() // a fresher one, where there is somebody to ask
}

// refresh answers a player that has lost the picture (RFC 4585 §6.3.1). Where
// the publisher cannot be asked for a keyframe, the player is started again
// from the cached one, which beats a frozen picture until the next. It is not
// done often: the player's losses may come of a link that is full already.
func (d *downTrack) refresh() {
	src := d.sub.source
	f := src.current.Load()
	now := mono()
	d.mu.Lock()
	defer d.mu.Unlock()
	if f == nil || f.opts.RequestKeyframe != nil || d.kind != Video {
		d.requestKeyframe()

		return
	}
	jp, ok := d.source.joinAt(now)
	if ok && d.state == downLive && now-d.refreshed > int64(refreshInterval) {
		d.refreshed = now
		d.startAt(jp.seq, now, jp.bitrate)
	}
}

// await looks for a keyframe among what has just arrived.
func (d *downTrack) await(v *view, now int64) {
	for i := len(v.batch) - 1; i >= 0; i-- {
		if p := v.batch[i]; p.key {
			d.leavesOut(p, now) // a group of pictures begins
			d.startAt(p.seq, p.at, 0)
			d.restrain()

			return
		}
	}
	if d.asksAgain(now) {
		d.requestKeyframe()
	}
	d.stats.drop(d.waitsFor(), len(v.batch))
}

// asksAgain says that a keyframe that was asked for has not come: a request can
// be lost, and browsers pass over one that follows another within 300 ms.
// Callers hold mu.
func (d *downTrack) asksAgain(now int64) bool {
	switch {
	case d.thinning.cut:
		return d.thinning.due(now)
	case d.waiting == 0:
		d.waiting = now
	case now-d.waiting >= int64(askAgain):
		d.waiting = now

		return true
	}

	return false
}

// waitsFor is why a player that waits for a keyframe gets nothing. Callers hold mu.
func (d *downTrack) waitsFor() dropReason {
	if d.thinning.cut {
		return dropThin
	}

	return dropWaiting
}

// setPace takes the stream's bitrate, 0 if it is not known yet.
func (d *downTrack) setPace(bitrate int, now int64) {
	rate := int64(bitrate / 8)
	d.bitrate, d.pacedAt = bitrate, now
	d.pace = max(catchUpFactor*rate, min(thinFactor*rate, thinPace), leastPace)
}

// catchUp sends the next share of a join: the keyframe at once, the rest paced,
// stamped with the instant of sending; or the next share of a keyframe that is
// spread. When nothing is left the subscriber is live. It reports whether
// something is left.
func (d *downTrack) catchUp(now int64, v *view, s *shard) bool {
	d.credit = min(d.credit+d.pace*(now-d.credited)/int64(time.Second), d.pace*int64(creditCap)/int64(time.Second))
	d.credited = now
	t := d.source
	if d.bitrate == 0 {
		t.mu.RLock()
		rate, _ := t.bitrate()
		t.mu.RUnlock()
		if rate > 0 {
			d.setPace(rate, now)
		}
	}
	if now-d.pacedAt > int64(time.Second) {
		d.pace += d.pace / 2 // the stream has become heavier than it was
		d.pacedAt = now
	}
	for {
		if v.hasKey && v.keySeq > d.cursor && d.ahead(v.keySeq) > skipAhead {
			d.startAt(v.keySeq, now, d.bitrate)
		}
		s.chunk = s.chunk[:0]
		t.mu.RLock()
		for seq := d.cursor; seq <= v.maxSeq && len(s.chunk) < cap(s.chunk); seq++ {
			p := t.get(seq)
			if p == nil || p.arrival >= v.head {
				break
			}
			s.chunk = append(s.chunk, p)
		}
		t.mu.RUnlock()
		if len(s.chunk) == 0 {
			if d.cursor > v.maxSeq {
				if v.bursting {
					return true
				}
				d.state = downLive
				d.settling = true

				return false
			}
			if d.holeAt == 0 {
				d.holeAt = now
			}
			if now-d.holeAt < int64(holePatience) {
				return true
			}
			d.cursor++ // the subscriber sees the gap and asks for it

			continue
		}
		d.holeAt = 0
		for _, p := range s.chunk {
			if p.seq == d.floor {
				d.keyTS = p.ts
			}
			if d.leavesOut(p, now) {
				d.cutOff()
				d.stats.drop(dropThin, 1)

				return false
			}
			switch size := int64(len(p.payload)); {
			case p.ts == d.keyTS && d.keyFree > 0:
				d.keyFree -= size
			case d.credit <= 0:
				return true
			default:
				d.credit -= size
			}
			d.cursor = p.seq + 1
			var ts uint32
			if d.spreading {
				ts = d.stamp(p)
			} else {
				ts = d.stampNow(p, now, v)
			}
			d.send(s, p, ts)
			if d.state != downCatchUp {
				return false
			}
		}
	}
}

// ahead is how much later packet seq is than the next one to send.
func (d *downTrack) ahead(seq uint64) time.Duration {
	t := d.source
	t.mu.RLock()
	defer t.mu.RUnlock()
	a, b := t.get(d.cursor), t.get(seq)
	if b == nil {
		return 0
	}
	if a == nil {
		return skipAhead + 1
	}

	return ticksToDuration(int64(int32(b.ts-a.ts)), t.rate)
}

// stampNow gives a packet of a join the timestamp of a frame captured so that it
// would be sent now, always later than the frame before.
func (d *downTrack) stampNow(p *packet, now int64, v *view) uint32 {
	if d.inFrame && p.ts == d.inTS {
		return d.outTS
	}
	var ts uint32
	switch {
	case v.bursting:
		ts = v.clockTS
	case p.ts == v.lastTS:
		ts = p.ts
	default:
		ts = v.lastTS + uint32(ticks(time.Duration(now-v.lastAt), d.source.rate))
	}
	if d.any && int32(ts-d.outTS) <= 0 {
		ts = d.outTS + d.source.rate/1000
	}
	d.inFrame, d.inTS, d.outTS = true, p.ts, ts

	return ts
}
