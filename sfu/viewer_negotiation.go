package sfu

import (
	"fmt"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	// settleTime is how long the first offer waits for Sources to be added, so
	// that those a client starts with are in it.
	settleTime = 10 * time.Millisecond

	// hostGatherTime is how long an offer waits for this machine's own
	// addresses where later candidates can be told.
	hostGatherTime = 30 * time.Millisecond
)

// signal has the negotiating goroutine look whether there is something to do.
func (v *Viewer) signal() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// Restart asks for a new offer with an ICE restart (RFC 8445 §9), as after a
// change of the client's network. An offer that waits for its answer counts as
// lost and is replaced.
func (v *Viewer) Restart() {
	v.mu.Lock()
	v.restart = true
	v.mu.Unlock()
	v.signal()
}

// negotiate makes offers until the Viewer ends.
func (v *Viewer) negotiate() {
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-v.stop:
		return
	}
	for {
		sdp, tracks, err := v.offer()
		if err != nil {
			v.sfu.config.Logger.Warn("a viewer cannot be made an offer", "peer", v.id, "error", err)
			v.shutdown(fmt.Errorf("sfu: cannot make an offer: %w", err))

			return
		}
		if sdp != "" && v.opts.OnOffer != nil {
			v.opts.OnOffer(sdp, tracks)
		}
		v.mu.Lock()
		candidates := v.trickle
		v.trickle = nil
		v.mu.Unlock()
		for _, c := range candidates {
			v.opts.OnCandidate(c)
		}
		select {
		case <-v.wake:
		case <-v.stop:
			return
		}
	}
}

// offer makes the next offer, "" if none is due.
func (v *Viewer) offer() (string, []ViewerTrack, error) {
	v.negotiation.Lock()
	defer v.negotiation.Unlock()
	v.mu.Lock()
	if v.closed || (v.waiting && !v.restart) {
		v.mu.Unlock()

		return "", nil, nil
	}
	if v.waiting && v.remote == nil {
		// There is no ICE session yet and nothing to restart: the same again.
		v.restart = false
		v.mu.Unlock()

		return v.newest()
	}
	if v.waiting {
		if err := v.forgo(); err != nil {
			v.mu.Unlock()

			return "", nil, v.unlessEnding(err)
		}
	}
	changed, err := v.arrange()
	if err != nil || (!changed && !v.restart && v.offered) {
		v.mu.Unlock()

		return "", nil, v.unlessEnding(err)
	}
	iceRestart := v.restart && v.remote != nil
	v.offered, v.waiting, v.restart = true, true, false
	v.restarts = v.restarts || iceRestart
	if iceRestart {
		v.candidates, v.early = maxCandidates, nil
	}
	carried := v.carried()
	v.mu.Unlock()

	description, err := v.pc.CreateOffer(&webrtc.OfferOptions{
		ICERestart: iceRestart, OfferAnswerOptions: webrtc.OfferAnswerOptions{ICETricklingSupported: true},
	})
	if err != nil {
		return "", nil, v.unlessEnding(err)
	}
	v.list(carried)
	gathered := webrtc.GatheringCompletePromise(v.pc)
	if err := v.pc.SetLocalDescription(description); err != nil {
		return "", nil, v.unlessEnding(err)
	}
	v.gather(gathered)

	return v.newest()
}

// newest gives the offer that waits, with the candidates known by now.
func (v *Viewer) newest() (string, []ViewerTrack, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.trickle = nil // in the description
	local := v.pc.LocalDescription()
	if local == nil {
		return "", nil, nil
	}

	return local.SDP, v.tracks, nil
}

// forgo gives up on the answer to an offer, which pion wants before another: it
// gets what the client said last. Callers hold mu.
func (v *Viewer) forgo() error {
	a := &answer{sections: v.sections(), remote: &remoteTransport{}}
	*a.remote = *v.remote
	a.remote.candidates = nil
	for i := range a.sections {
		a.sections[i].taken = v.slots[i].state == slotFilled
		a.sections[i].rtx = a.sections[i].kind == Video
	}

	return v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.String()})
}

// sections lists the sections of the newest offer. Callers hold mu.
func (v *Viewer) sections() []section {
	out := make([]section, len(v.slots))
	for i, s := range v.slots {
		out[i] = section{mid: s.carrier.Mid(), kind: s.kind}
	}

	return out
}

// unlessEnding hides errors that come of the end.
func (v *Viewer) unlessEnding(err error) error {
	if v.ending() {
		return nil
	}

	return err
}

// gather waits for candidates, as long as that is worth it.
func (v *Viewer) gather(complete <-chan struct{}) {
	patience := v.sfu.config.GatherTimeout + time.Second
	if v.opts.OnCandidate != nil {
		patience = hostGatherTime
	}
	bound := time.NewTimer(patience)
	defer bound.Stop()
	select {
	case <-complete:
	case <-bound.C:
	case <-v.stop:
	}
}

// candidate takes a candidate of ours.
func (v *Viewer) candidate(c *webrtc.ICECandidate) {
	if c == nil || v.opts.OnCandidate == nil {
		return
	}
	v.mu.Lock()
	if len(v.trickle) < maxCandidates {
		v.trickle = append(v.trickle, c.ToJSON())
	}
	v.mu.Unlock()
	v.signal()
}

// Answer takes the client's answer to the newest offer. An answer nobody waits
// for, as to an offer that has been replaced, is passed over. Errors wrap
// [ErrBadAnswer] or [ErrClosed]; the offer then still waits.
func (v *Viewer) Answer(sdp string) error {
	v.negotiation.Lock()
	defer v.negotiation.Unlock()
	v.mu.Lock()
	closed, waiting := v.closed, v.waiting
	sections := v.sections()
	v.mu.Unlock()
	if closed || v.ending() {
		return ErrClosed
	}
	if !waiting {
		return nil
	}
	a, err := parseAnswer(sdp, sections)
	if err != nil {
		return err
	}
	v.mu.Lock()
	// The answer to a restart has new credentials (RFC 8839 §4.4.3), so this is
	// the answer to the offer that was replaced.
	stale := v.restarts && a.remote.ufrag == v.remote.ufrag
	first := v.remote == nil
	v.mu.Unlock()
	if stale {
		return nil
	}
	if first {
		v.begin()
	}
	err = v.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: a.String()})
	if err != nil {
		err = badAnswer("%v", err)
		if v.pc.SignalingState() != webrtc.SignalingStateHaveLocalOffer {
			v.shutdown(err) // it was half applied
		}

		return err
	}
	v.answered(a)

	return nil
}

// answered brings the Viewer up to date with an answer that was applied.
func (v *Viewer) answered(a *answer) {
	v.mu.Lock()
	v.waiting, v.restarts, v.remote = false, false, a.remote
	early := v.early
	v.early = nil
	for i := range a.sections {
		s := v.slots[i]
		switch s.state {
		case slotRetiring:
			s.state = slotFree
		case slotFilled:
			s.agreed = a.sections[i].taken
			s.user.adjust()
		}
	}
	v.serve()
	v.mu.Unlock()
	for _, c := range early {
		_ = v.pc.AddICECandidate(c) // one that is of no use does no harm
	}
	v.signal()
}

// AddICECandidate adds one candidate of the client. At most 64 are taken for one
// ICE session; further ones and mDNS names are passed over without an error.
// Candidates may come before the answer.
func (v *Viewer) AddICECandidate(c webrtc.ICECandidateInit) error {
	if c.Candidate == "" || !usableCandidate(strings.TrimPrefix(c.Candidate, "candidate:")) {
		return nil
	}
	v.negotiation.Lock()
	defer v.negotiation.Unlock()
	v.mu.Lock()
	if v.closed || v.candidates == 0 {
		v.mu.Unlock()

		return nil
	}
	v.candidates--
	if v.waiting && (v.restarts || v.remote == nil) {
		v.early = append(v.early, c)
		v.mu.Unlock()

		return nil
	}
	v.mu.Unlock()
	if err := v.pc.AddICECandidate(c); err != nil {
		return badAnswer("ICE candidate refused: %v", err)
	}

	return nil
}
