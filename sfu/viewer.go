package sfu

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/webrtc/v4"
)

// maxSources bounds what one Viewer shows at once.
const maxSources = 64

// ViewerOptions says how a Viewer reaches its client. All calls come from one
// goroutine of the Viewer and must not wait for it.
type ViewerOptions struct {
	// OnOffer is given an offer for the client, and what its sections carry. The
	// next offer comes when this one has been answered; changes gather
	// meanwhile.
	OnOffer func(sdp string, tracks []ViewerTrack)

	// OnCandidate is given candidates of ours that were not yet known when the
	// newest offer was made; nil has offers wait for all candidates.
	OnCandidate func(webrtc.ICECandidateInit)
}

// ViewerTrack says what a section of an offer carries.
type ViewerTrack struct {
	MID  string
	Key  string // as given to [Viewer.Add]
	Kind Kind
}

// ViewOptions says which tracks of a Source a Viewer gets.
type ViewOptions struct {
	Audio, Video bool
}

// Viewer is one PeerConnection that plays many Sources, which come and go. We
// offer, the client answers. The first offer leaves at once, so that ICE and
// DTLS are up when the first Source comes. All methods may be called
// concurrently.
type Viewer struct {
	*peer
	opts ViewerOptions
	api  *webrtc.API
	wake chan struct{}
	stop chan struct{}

	negotiation sync.Mutex // held over every change of a description; taken before mu

	mu       sync.Mutex
	views    map[string]*viewing
	slots    []*slot // in the order of the sections
	closed   bool
	live     bool // connected: media can be sent
	offered  bool // there has been an offer
	waiting  bool // an offer waits for its answer
	restart  bool // the next offer is to restart ICE
	restarts bool // the offer that waits does

	tracks     []ViewerTrack             // of the newest offer
	remote     *remoteTransport          // by the newest answer, nil before the first
	candidates int                       // further ones to take before the next ICE restart
	early      []webrtc.ICECandidateInit // came before the answer they belong to
	trickle    []webrtc.ICECandidateInit // ours, not yet told
	past       [kinds]TrackStats         // of tracks that are gone
}

// viewing is one Source on a Viewer.
type viewing struct {
	v      *Viewer
	key    string
	sub    *subscription
	wanted [kinds]bool
	slots  [kinds]*slot // nil while a track has none
	off    [kinds]bool  // not to be sent, though negotiated
	tile   Tile
	gone   bool
}

// shutdown is called when the Source is closed.
func (w *viewing) shutdown(error) { w.v.drop(w) }

// NewViewer makes a Viewer. Errors wrap [ErrClosed].
func (s *SFU) NewViewer(opts ViewerOptions) (*Viewer, error) {
	engine := &webrtc.MediaEngine{}
	for kind, f := range viewerFormats {
		if err := register(engine, Kind(kind), f.codec(), f.rtx, false); err != nil {
			return nil, fmt.Errorf("sfu: cannot make a peer connection: %w", err)
		}
	}
	handshake := s.overhear(false)
	api, pc, err := s.connection(engine, &interceptor.Registry{}, false, handshake)
	if err != nil {
		return nil, fmt.Errorf("sfu: cannot make a peer connection: %w", err)
	}
	v := &Viewer{
		peer: &peer{link: link{sfu: s, pc: pc, handshake: handshake}}, opts: opts, api: api, views: map[string]*viewing{},
		wake: make(chan struct{}, 1), stop: make(chan struct{}), candidates: maxCandidates,
	}
	v.peer.init("")
	v.onEstablished, v.onClose = v.connected, v.end
	for _, kind := range []Kind{Audio, Video} {
		if err := v.addIdleSlot(kind); err != nil {
			_ = pc.GracefulClose()

			return nil, fmt.Errorf("sfu: cannot make a peer connection: %w", err)
		}
	}
	pc.OnICECandidate(v.candidate)
	if !s.enter(v.peer) {
		_ = pc.GracefulClose()

		return nil, ErrClosed
	}
	v.spawn(v.negotiate)

	return v, nil
}

// Add has the client get a Source under a key, which becomes the stream's
// identifier in the offer (1 to 64 letters, digits, "-" or "_"). A key that is
// there already gets the new Source or the new choice of tracks. Errors wrap
// [ErrTooManySources], [ErrSourceClosed] or [ErrClosed].
func (v *Viewer) Add(key string, src *Source, opts ViewOptions) error {
	if !validKey(key) {
		return fmt.Errorf("sfu: viewer key %q: use 1 to 64 letters, digits, \"-\" or \"_\"", key)
	}
	if src == nil {
		return errNoSource
	}
	if v.change(key, src, opts) {
		return nil
	}
	v.Remove(key) // another Source had the key
	w := &viewing{v: v, key: key, sub: newSubscription(&v.link, src, key)}
	w.sub.adaptive = true
	w.wanted[Audio], w.wanted[Video] = opts.Audio, opts.Video
	if err := src.join(w, true); err != nil {
		return err
	}
	err := v.put(w)
	if err != nil {
		src.leave(w, true)
	}

	return err
}

// change gives a key that has the Source the new choice of tracks.
func (v *Viewer) change(key string, src *Source, opts ViewOptions) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.views[key]
	if w == nil || w.sub.source != src {
		return false
	}
	w.wanted[Audio], w.wanted[Video] = opts.Audio, opts.Video
	for kind, wanted := range w.wanted {
		if !wanted {
			v.empty(w, Kind(kind))
		}
	}
	v.signal()

	return true
}

func (v *Viewer) put(w *viewing) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.closed:
		return ErrClosed
	case w.gone:
		return ErrSourceClosed
	case v.views[w.key] != nil:
		return fmt.Errorf("sfu: viewer key %q was added twice at the same time; add it once", w.key)
	case len(v.views) >= maxSources:
		return fmt.Errorf("%w: %d; remove one before adding %q", ErrTooManySources, maxSources, w.key)
	}
	v.views[w.key] = w
	v.signal()

	return nil
}

func validKey(key string) bool {
	return key != "" && len(key) <= 64 && strings.Trim(key,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// Remove ends what a key stands for. Its packets stop at once.
func (v *Viewer) Remove(key string) {
	v.mu.Lock()
	w := v.views[key]
	v.mu.Unlock()
	if w != nil {
		v.drop(w)
	}
}

func (v *Viewer) drop(w *viewing) {
	v.mu.Lock()
	if w.gone {
		v.mu.Unlock()

		return
	}
	w.gone = true
	if v.views[w.key] == w {
		delete(v.views, w.key)
	}
	w.sub.exit()
	for kind := range w.slots {
		v.empty(w, Kind(kind))
	}
	v.signal()
	v.mu.Unlock()
	w.sub.source.leave(w, true)
}

// SetVideo says whether the client shows the video of a key, and where. Video
// that is not shown is not sent; when it is shown again it starts as a join
// does. Of a simulcast publisher the client gets the smallest layer that need
// not be enlarged for the tile; a poor connection gets less. Nothing is
// negotiated.
func (v *Viewer) SetVideo(key string, on bool, tile Tile) {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.views[key]
	if w == nil || w.off[Video] == !on && w.tile == tile {
		return
	}
	w.off[Video], w.tile = !on, tile
	w.adjust()
}

// SetAudio says whether the client is to get the audio of a key. Nothing is
// negotiated, so that it comes at once.
func (v *Viewer) SetAudio(key string, on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := v.views[key]
	if w == nil || w.off[Audio] == !on {
		return
	}
	w.off[Audio] = !on
	w.adjust()
}

// adjust has the tracks do what is wanted of them.
func (w *viewing) adjust() {
	for kind, s := range w.slots {
		if d := w.sub.tracks[kind]; d != nil {
			d.pause(!s.agreed || w.off[kind])
		}
	}
	w.sub.fit(w.tile)
}

// connected is called when ICE and DTLS are up.
func (v *Viewer) connected() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.live = !v.closed
	v.serve()
}

// serve has shards serve what has been negotiated. Callers hold mu.
func (v *Viewer) serve() {
	if !v.live {
		return
	}
	for _, w := range v.views {
		if w.sub.outlet == nil && (w.slots[Audio] != nil || w.slots[Video] != nil) {
			w.sub.enter()
		}
	}
}

// end is called once, when the peer begins to close.
func (v *Viewer) end() {
	close(v.stop)
	v.mu.Lock()
	v.closed, v.live = true, false
	views := make([]*viewing, 0, len(v.views))
	for _, w := range v.views {
		views = append(views, w)
	}
	v.mu.Unlock()
	for _, w := range views {
		v.drop(w)
	}
}

// Stats is a snapshot of the connection; its tracks are the sums over all keys,
// past ones too.
func (v *Viewer) Stats() Stats {
	s := v.baseStats()
	s.RTT = time.Duration(v.roundTrip.Load())
	s.Thin, s.Bandwidth = v.quality.reduced()
	v.mu.Lock()
	defer v.mu.Unlock()
	s.Video, s.Audio = v.past[Video], v.past[Audio]
	for _, w := range v.views {
		s.Video.add(w.sub.snapshot(Video))
		s.Audio.add(w.sub.snapshot(Audio))
	}

	return s
}

// KeyStats is a snapshot of what has been sent, by key.
func (v *Viewer) KeyStats() map[string]Stats {
	base := v.baseStats()
	base.RTT = time.Duration(v.roundTrip.Load())
	base.Thin, base.Bandwidth = v.quality.reduced()
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make(map[string]Stats, len(v.views))
	for key, w := range v.views {
		s := base
		s.Source, s.Video, s.Audio = w.sub.source.name, w.sub.snapshot(Video), w.sub.snapshot(Audio)
		out[key] = s
	}

	return out
}
