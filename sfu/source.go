package sfu

import (
	"sync"
	"sync/atomic"
)

// Source is what players subscribe to: at most one video and one audio track.
// It outlives its publishers. All methods may be called concurrently.
type Source struct {
	name      string
	tracks    [lanes]track // by kind, then the layers of a simulcast publisher
	current   atomic.Pointer[Feed]
	keyframes keyframeGate
	layered   atomic.Bool // there has been a simulcast publisher
	layers    [maxLayers]keyframeGate
	demand    demand
	level     levelMeter
	crowded   atomic.Int32 // subscribers
	waiting   atomic.Bool  // something written waits for company

	mu          sync.Mutex
	generation  int
	closed      bool
	peers       map[sourcePeer]struct{} // to be told when the Source closes
	taps        atomic.Pointer[[]*Tap]
	outlets     atomic.Pointer[[]*outlet]
	subscribers int
}

// sourcePeer is a Publisher or a Subscriber of a Source.
type sourcePeer interface{ shutdown(err error) }

// NewSource makes a Source without a publisher. The name is used in logs only.
func NewSource(name string) *Source {
	src := &Source{name: name, peers: map[sourcePeer]struct{}{}}
	for i := range src.tracks {
		src.tracks[i].init(i)
	}
	src.keyframes.ask = func() {
		if f := src.current.Load(); f != nil {
			f.askKeyframe()
		}
	}
	for i := range src.layers {
		src.layers[i].ask = func() {
			if f := src.current.Load(); f != nil && f.opts.requestLayer != nil {
				f.opts.requestLayer(i)
			}
		}
	}

	return src
}

// Name gives the name the Source was made with.
func (src *Source) Name() string { return src.name }

// Attach begins a new feed, which replaces the one before: its writes are
// ignored from now on. To players sequence numbers and timestamps go on without
// a break. On a closed Source the feed's writes do nothing.
func (src *Source) Attach(opts FeedOptions) *Feed {
	src.mu.Lock()
	defer src.mu.Unlock()

	return src.attachLocked(opts)
}

// succeed has a publisher begin a new feed in place of its own, unless another
// publisher's came meanwhile; old is then returned.
func (src *Source) succeed(old *Feed, opts FeedOptions) *Feed {
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.current.Load() != old {
		return old
	}

	return src.attachLocked(opts)
}

func (src *Source) attachLocked(opts FeedOptions) *Feed {
	src.generation++
	f := &Feed{src: src, opts: opts, generation: src.generation}
	f.simulcast.active = noLayer
	if src.closed {
		return f
	}
	if opts.requestLayer != nil {
		src.layered.Store(true)
	}
	src.own(f)
	src.current.Store(f)
	src.keyframes.reset()
	for i := range src.layers {
		src.layers[i].reset()
	}
	src.level.reset()

	return f
}

func (src *Source) own(f *Feed) {
	for i := range src.tracks {
		t := &src.tracks[i]
		t.mu.Lock()
		t.owner = f
		t.mu.Unlock()
	}
}

func (src *Source) detach(f *Feed) {
	src.mu.Lock()
	defer src.mu.Unlock()
	if src.current.CompareAndSwap(f, nil) {
		src.own(nil)
	}
}

// Feed gives the feed players get at the moment, or nil.
func (src *Source) Feed() *Feed { return src.current.Load() }

// Subscribers counts connected subscribers and those still connecting.
func (src *Source) Subscribers() int {
	src.mu.Lock()
	defer src.mu.Unlock()

	return src.subscribers
}

// RequestKeyframe asks the publisher for a keyframe, at most once per 500 ms. A
// request made too early is kept and sent when its time comes, unless a keyframe
// has come meanwhile.
func (src *Source) RequestKeyframe() { src.keyframes.request() }

// Close ends all subscribers and publishers with [ErrSourceClosed] and makes
// every [Tap] report the end. It does not wait for their connections to close.
func (src *Source) Close() {
	src.mu.Lock()
	if src.closed {
		src.mu.Unlock()

		return
	}
	src.closed = true
	src.own(nil)
	src.current.Store(nil)
	peers := src.peers
	src.peers = map[sourcePeer]struct{}{}
	src.subscribers = 0
	src.crowded.Store(0)
	taps := src.taps.Swap(nil)
	src.mu.Unlock()

	src.keyframes.stop()
	for i := range src.layers {
		src.layers[i].stop()
	}
	src.demand.stop()
	if taps != nil {
		for _, t := range *taps {
			t.end()
		}
	}
	for p := range peers {
		p.shutdown(ErrSourceClosed)
	}
}

// join registers a peer so that Close reaches it.
func (src *Source) join(p sourcePeer, subscriber bool) error {
	src.mu.Lock()
	if src.closed {
		src.mu.Unlock()

		return ErrSourceClosed
	}
	src.peers[p] = struct{}{}
	if subscriber {
		src.subscribers++
		src.crowded.Add(1)
	}
	src.mu.Unlock()
	if subscriber {
		src.demand.add(1)
	}

	return nil
}

func (src *Source) leave(p sourcePeer, subscriber bool) {
	src.mu.Lock()
	_, member := src.peers[p]
	delete(src.peers, p)
	if member && subscriber {
		src.subscribers--
		src.crowded.Add(-1)
	}
	src.mu.Unlock()
	if member && subscriber {
		src.demand.add(-1)
	}
}

// notify wakes the shards that have subscribers here.
func (src *Source) notify() {
	src.waiting.Store(false)
	if list := src.outlets.Load(); list != nil {
		for _, o := range *list {
			o.wake()
		}
	}
}

// enterOutlet finds or makes the outlet of this Source on a shard, for one more
// subscriber.
func (src *Source) enterOutlet(s *shard) *outlet {
	src.mu.Lock()
	defer src.mu.Unlock()
	var list []*outlet
	if p := src.outlets.Load(); p != nil {
		list = *p
	}
	for _, o := range list {
		if o.shard == s {
			o.users++

			return o
		}
	}
	o := &outlet{src: src, shard: s, users: 1}
	for i := range src.tracks {
		t := &src.tracks[i]
		t.mu.RLock()
		o.cursor[i] = t.head
		t.mu.RUnlock()
	}
	next := append(append([]*outlet(nil), list...), o)
	src.outlets.Store(&next)
	s.mu.Lock()
	s.all[o] = struct{}{}
	s.mu.Unlock()

	return o
}

// leaveOutlet undoes enterOutlet; the last user's call removes the outlet.
func (src *Source) leaveOutlet(o *outlet) {
	src.mu.Lock()
	defer src.mu.Unlock()
	if o.users--; o.users > 0 {
		return
	}
	o.shard.mu.Lock()
	delete(o.shard.all, o)
	o.shard.mu.Unlock()
	p := src.outlets.Load()
	if p == nil {
		return
	}
	next := make([]*outlet, 0, len(*p))
	for _, other := range *p {
		if other != o {
			next = append(next, other)
		}
	}
	if len(next) == 0 {
		src.outlets.Store(nil)

		return
	}
	src.outlets.Store(&next)
}
