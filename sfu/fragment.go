package sfu

import (
	"context"
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

const (
	maxFragment      = 16 << 10 // bytes
	maxFragmentLines = 512
)

// fragment is an application/trickle-ice-sdpfrag body (RFC 8840).
type fragment struct {
	ufrag, pwd string
	candidates []webrtc.ICECandidateInit
}

// parseFragment reads ICE credentials and candidates; other lines are passed over.
func parseFragment(text string) (*fragment, error) {
	if len(text) > maxFragment {
		return nil, badOffer("the ICE fragment has %d bytes; at most %d are read", len(text), maxFragment)
	}
	f := &fragment{}
	var mid string
	lines := 0
	for line := range strings.Lines(text) {
		if lines++; lines > maxFragmentLines {
			return nil, badOffer("the ICE fragment has more than %d lines", maxFragmentLines)
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' {
			return nil, badOffer("line %d of the ICE fragment is not of the form x=value (RFC 8840)", lines)
		}
		key, value, _ := strings.Cut(line[2:], ":")
		switch {
		case line[0] == 'm':
			mid = ""
		case line[0] != 'a':
		case key == "mid":
			mid = value
		case key == "ice-ufrag":
			f.ufrag = value
		case key == "ice-pwd":
			f.pwd = value
		case key == "candidate" && usableCandidate(value) && len(f.candidates) < maxCandidates:
			c := webrtc.ICECandidateInit{Candidate: "candidate:" + value}
			if mid != "" {
				m := mid
				c.SDPMid = &m
			}
			f.candidates = append(f.candidates, c)
		}
	}
	if f.ufrag != "" && (len(f.ufrag) < 4 || len(f.ufrag) > 256) {
		return nil, badOffer("the ICE fragment has an a=ice-ufrag of %d characters; RFC 8839 wants 4 to 256", len(f.ufrag))
	}
	if f.pwd != "" && (len(f.pwd) < 22 || len(f.pwd) > 256) {
		return nil, badOffer("the ICE fragment has an a=ice-pwd of %d characters; RFC 8839 wants 22 to 256", len(f.pwd))
	}

	return f, nil
}

// Patch applies the body of an HTTP PATCH of type application/trickle-ice-sdpfrag
// (RFC 9725 §4.3). New candidates are added and the answer is "". Credentials
// that differ from the peer's make an ICE restart: the answer is then the
// fragment with ours, and restarted is true.
func (a *answerer) Patch(body string) (answer string, restarted bool, err error) {
	f, err := parseFragment(body)
	if err != nil {
		return "", false, err
	}
	select {
	case <-a.done:
		return "", false, ErrClosed
	default:
	}
	ufrag, pwd := a.offer.credentials()
	if f.ufrag != "" && f.pwd != "" && (f.ufrag != ufrag || f.pwd != pwd) {
		answer, err = a.restart(f)

		return answer, err == nil, err
	}
	if f.ufrag != "" && f.ufrag != ufrag {
		return "", false, badOffer("the ICE fragment is for another ICE session; send a=ice-ufrag and a=ice-pwd to restart")
	}
	for _, c := range f.candidates {
		if err := a.AddICECandidate(c); err != nil {
			return "", false, err
		}
	}

	return "", false, nil
}

// AddICECandidate adds one candidate of the peer. At most 64 are taken; further
// ones and mDNS names are passed over without an error.
func (a *answerer) AddICECandidate(c webrtc.ICECandidateInit) error {
	if c.Candidate == "" || !usableCandidate(strings.TrimPrefix(c.Candidate, "candidate:")) {
		return nil
	}
	a.negotiation.Lock()
	defer a.negotiation.Unlock()
	if a.candidates == 0 {
		return nil
	}
	a.candidates--
	if c.SDPMid == nil && c.SDPMLineIndex == nil {
		first := uint16(0)
		c.SDPMLineIndex = &first
	}
	if err := a.pc.AddICECandidate(c); err != nil {
		return badOffer("ICE candidate refused: %v", err)
	}

	return nil
}

// restart runs the ICE restart that f asks for, by offering what was offered
// before with the new credentials.
func (a *answerer) restart(f *fragment) (string, error) {
	a.exchange.Lock()
	defer a.exchange.Unlock()
	next := a.offer.withCredentials(f)
	text, err := next.Marshal()
	if err != nil {
		return "", badOffer("%v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), a.sfu.config.HandshakeTimeout)
	defer cancel()
	a.negotiation.Lock()
	a.candidates = maxCandidates
	a.negotiation.Unlock()
	local, err := a.negotiate(ctx, string(text))
	if err != nil {
		return "", err
	}
	a.offer.replace(next)
	for _, c := range f.candidates {
		if err := a.AddICECandidate(c); err != nil {
			return "", err
		}
	}

	return localFragment(local)
}

// credentials gives the peer's ICE credentials.
func (o *offer) credentials() (ufrag, pwd string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := o.reduced.MediaDescriptions[0]
	get := func(key string) string {
		if v, ok := first.Attribute(key); ok {
			return v
		}
		v, _ := o.reduced.Attribute(key)

		return v
	}

	return get("ice-ufrag"), get("ice-pwd")
}

func (o *offer) replace(next *sdp.SessionDescription) {
	o.mu.Lock()
	o.reduced = next
	o.mu.Unlock()
}

// withCredentials copies the reduced description with other ICE credentials and
// without candidates.
func (o *offer) withCredentials(f *fragment) *sdp.SessionDescription {
	o.mu.Lock()
	defer o.mu.Unlock()
	swap := func(in []sdp.Attribute) []sdp.Attribute {
		var out []sdp.Attribute
		for _, a := range in {
			switch a.Key {
			case "candidate", "end-of-candidates":
				continue
			case "ice-ufrag":
				a.Value = f.ufrag
			case "ice-pwd":
				a.Value = f.pwd
			}
			out = append(out, a)
		}

		return out
	}
	next := *o.reduced
	next.Origin.SessionVersion++
	next.Attributes = swap(next.Attributes)
	next.MediaDescriptions = nil
	for _, m := range o.reduced.MediaDescriptions {
		c := *m
		c.Attributes = swap(m.Attributes)
		next.MediaDescriptions = append(next.MediaDescriptions, &c)
	}

	return &next
}

// localFragment makes the answer to an ICE restart from our description.
func localFragment(local string) (string, error) {
	d := &sdp.SessionDescription{}
	if err := d.UnmarshalString(local); err != nil {
		return "", err
	}
	var b strings.Builder
	for _, a := range d.Attributes {
		if a.Key == "ice-lite" || a.Key == "group" || a.Key == "ice-options" {
			fmt.Fprintf(&b, "a=%s\r\n", a.String())
		}
	}
	for i, m := range d.MediaDescriptions {
		fmt.Fprintf(&b, "m=%s\r\n", m.MediaName.String())
		for _, a := range m.Attributes {
			switch a.Key {
			case "mid", "ice-ufrag", "ice-pwd":
			case "candidate", "end-of-candidates":
				if i > 0 {
					continue // one transport: the first section speaks for all
				}
			default:
				continue
			}
			fmt.Fprintf(&b, "a=%s\r\n", a.String())
		}
	}

	return b.String(), nil
}
