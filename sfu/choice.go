package sfu

import "time"

const (
	// choiceInterval is how often a subscription looks which layer suits it.
	choiceInterval = 200 * time.Millisecond

	// askAgain is when a layer that has not begun is asked for a keyframe anew.
	askAgain = time.Second

	// frameEnd is how long a change of layer waits for the end of a frame.
	frameEnd = 100 * time.Millisecond
)

// fit has the layer chosen for a picture of this height, soon.
func (sub *subscription) fit(height int) {
	if d := sub.tracks[Video]; d != nil {
		d.mu.Lock()
		d.height = height
		d.mu.Unlock()
	}
	if o := sub.outlet; o != nil {
		o.mu.Lock()
		sub.nextChoice = 0
		o.mu.Unlock()
		o.wake()
	}
}

// choose picks the layer that suits the player and has it asked for a keyframe,
// from which on the player gets it. Callers hold the outlet's mu.
func (sub *subscription) choose(now int64) {
	sub.nextChoice = now + int64(choiceInterval)
	d := sub.tracks[Video]
	if d == nil || !sub.adaptive || !sub.source.layered.Load() {
		return
	}
	steps := sub.link.quality.stepsDown()
	d.mu.Lock()
	lane, height := d.source.lane, d.height
	d.mu.Unlock()
	want := int(Video)
	if f := sub.source.current.Load(); f != nil && f.opts.requestLayer != nil {
		want = f.simulcast.pick(height, steps, lane)
	}
	d.mu.Lock()
	changed := want != d.want
	ask := want != lane && (changed || now-d.asked > int64(askAgain)) && d.state != downPaused
	d.want = want
	if changed {
		d.wantAt = now
	}
	if ask {
		d.asked = now
	}
	d.mu.Unlock()
	if ask {
		sub.source.requestLane(want)
	}
}

// pick gives the lane of the smallest layer at least height pixels high, steps
// below the best one at most; height 0 wants the best. The best is had from the
// Source's own video, unless the player follows it already.
func (s *simulcast) pick(height, steps, lane int) int {
	var buf [maxLayers]int
	s.mu.Lock()
	defer s.mu.Unlock()
	ranked := s.ranked(buf[:0])
	if len(ranked) == 0 {
		return int(Video)
	}
	best := len(ranked) - 1
	k := best
	if height > 0 {
		for j, i := range ranked {
			if s.layers[i].height >= height {
				k = j

				break
			}
		}
	}
	k = min(k, max(best-steps, 0))
	if own := kinds + ranked[k]; k < best || lane == own {
		return own
	}

	return int(Video)
}

// requestLane asks for a keyframe of one track.
func (src *Source) requestLane(lane int) {
	if lane >= kinds {
		src.layers[lane-kinds].request()

		return
	}
	src.RequestKeyframe()
}

// requestKeyframe asks for one of what the player follows.
func (d *downTrack) requestKeyframe() { d.sub.source.requestLane(d.source.lane) }

// switchLayer changes to the wanted layer once it has had a keyframe, between
// two frames. Callers hold mu.
func (d *downTrack) switchLayer(now int64, s *shard) {
	t := &d.sub.source.tracks[d.want]
	v := &s.views[d.want]
	switch {
	case d.state == downJoining:
		d.source = t // nothing is under way
	case !v.hasKey || v.keyAt < d.wantAt:
	case d.state == downLive && !d.whole && now-v.keyAt < int64(frameEnd):
	default:
		d.source = t
		d.startAt(v.keySeq, now, 0)
		d.stats.switches++
	}
}
