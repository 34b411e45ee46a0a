package stream

// Gate says whether a player may have frames of a kind now. It is asked for each
// frame, by one goroutine at a time, and must not block.
type Gate func(Kind) bool

// open asks the gate about a frame. When pictures may pass again, the player
// waits for a keyframe.
func (r *Reader) open(f *Frame) bool {
	if r.opts.Gate == nil || f.Kind != Video && f.Kind != Audio {
		return true
	}
	open := r.opts.Gate(f.Kind)
	if f.Kind != Video {
		return open
	}
	if !open {
		r.waitKey, r.shut = true, true
	} else if r.shut {
		r.shut = false
		if r.opts.OnDrop != nil {
			r.opts.OnDrop(0) // asks who can be asked for a keyframe
		}
	}
	return open
}
