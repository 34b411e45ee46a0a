package sfu

import "time"

const (
	// choiceInterval is how often a subscription looks which layer suits it.
	choiceInterval = 200 * time.Millisecond

	// askAgain is when a keyframe that has not come is asked for anew.
	askAgain = time.Second

	// frameEnd is how long a change of layer waits for the end of a frame.
	frameEnd = 250 * time.Millisecond
)

// fit has the layer chosen for a tile, soon.
func (sub *subscription) fit(tile Tile) {
	if d := sub.tracks[Video]; d != nil {
		d.mu.Lock()
		d.tile = tile
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
	if d == nil {
		return
	}
	sub.thin(d)
	if !sub.adaptive || !sub.source.layered.Load() {
		return
	}
	steps := sub.link.quality.stepsDown()
	d.mu.Lock()
	lane, tile := d.source.lane, d.tile
	d.mu.Unlock()
	want := int(Video)
	if f := sub.source.current.Load(); f != nil && f.opts.requestLayer != nil {
		want = f.simulcast.pick(tile, steps, lane)
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

// pick gives the lane of the smallest layer that will do for the tile, at least
// steps below the best one. The best is had from the Source's own video, unless
// the player follows it already.
func (s *simulcast) pick(tile Tile, steps, lane int) int {
	var buf [maxLayers]int
	s.mu.Lock()
	defer s.mu.Unlock()
	ranked := s.ranked(buf[:0])
	if len(ranked) == 0 {
		return int(Video)
	}
	best := len(ranked) - 1
	k := 0
	for k < best && !tile.served(s.layers[ranked[k]].width, s.layers[ranked[k]].height) {
		k++
	}
	k = min(k, max(best-steps, 0))
	if own := kinds + ranked[k]; k < best || lane == own {
		return own
	}

	return int(Video)
}

// below gives how many layers there are under the best.
func (s *simulcast) below() int {
	var buf [maxLayers]int
	s.mu.Lock()
	defer s.mu.Unlock()

	return max(len(s.ranked(buf[:0]))-1, 0)
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
