package sfu

import (
	"context"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// Renegotiate answers a later offer of the same PeerConnection, which may add or
// withdraw audio or video, or restart ICE. What was sent before goes on. Errors
// wrap [ErrOtherPeer] where the offer is of another PeerConnection, and
// [ErrBadOffer], [ErrNoH264] or [ErrClosed].
func (pub *Publisher) Renegotiate(offerSDP string) (answer string, err error) {
	pub.exchange.Lock()
	defer pub.exchange.Unlock()
	if pub.ending() {
		return "", ErrClosed
	}
	next, err := pub.offer.follow(offerSDP)
	if err != nil {
		return "", err
	}
	for kind, m := range next.media {
		if m == nil || pub.offer.chosen(Kind(kind)) != nil {
			continue
		}
		if err := register(pub.engine, Kind(kind), m.codec, m.rtx, true); err != nil {
			return "", badOffer("%v", err)
		}
	}
	ufrag, pwd := pub.offer.credentials()
	if u, p := next.credentials(); u != ufrag || p != pwd {
		pub.negotiation.Lock()
		pub.candidates = maxCandidates
		pub.negotiation.Unlock()
	}
	text, err := next.reduced.Marshal()
	if err != nil {
		return "", badOffer("%v", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), pub.sfu.config.HandshakeTimeout)
	defer cancel()
	local, err := pub.negotiate(ctx, string(text))
	if err != nil {
		return "", err
	}
	pub.offer.adopt(next)
	pub.refeed()

	return pub.offer.complete(local)
}

// chosen gives the section of a kind, nil if there is none.
func (o *offer) chosen(kind Kind) *offeredMedia {
	o.mu.Lock()
	defer o.mu.Unlock()

	return o.media[kind]
}

// flowing reports whether media of a kind is to flow.
func (o *offer) flowing(kind Kind) bool {
	m := o.chosen(kind)

	return m != nil && m.flows
}

func (o *offer) adopt(next *offer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.full, o.reduced, o.media = next.full, next.reduced, next.media
}

// follow reads a later publisher's offer on the same connection. Sections chosen
// before stay chosen, with their codec.
func (o *offer) follow(text string) (*offer, error) {
	full, err := readOffer(text)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	before, reduced, media := o.full, o.reduced, o.media
	o.mu.Unlock()
	if full.Origin.SessionID != before.Origin.SessionID || fingerprint(full) != fingerprint(before) {
		return nil, ErrOtherPeer
	}
	next := &offer{full: full, passive: o.passive}
	for kind, m := range media {
		if m == nil {
			continue
		}
		if m.index >= len(full.MediaDescriptions) {
			return nil, badOffer("m= section %d is missing; later offers keep the sections of earlier ones (RFC 3264 §8)", m.index)
		}
		section := full.MediaDescriptions[m.index]
		mid, _ := section.Attribute("mid")
		if k, ok := kindOf(section); !ok || k != Kind(kind) || mid != m.mid {
			continue // it was given up, and its place taken by another
		}
		if !slices.Contains(section.MediaName.Formats, itoa(int(m.codec.PayloadType))) {
			return nil, badOffer("m= section %d no longer has payload type %d, which was agreed", m.index, m.codec.PayloadType)
		}
		c := *m
		c.flows, c.kept = flows(full, section, true), nil
		if !c.flows {
			c.kept = sectionOf(reduced, m.mid)
		} else if kind == int(Video) {
			c.rids = layersOf(section)
		}
		next.media[kind] = &c
	}
	if err := next.choose(true); err != nil {
		return nil, err
	}
	if err := next.reduce(); err != nil {
		return nil, err
	}

	return next, nil
}

func sectionOf(d *sdp.SessionDescription, mid string) *sdp.MediaDescription {
	for _, m := range d.MediaDescriptions {
		if v, _ := m.Attribute("mid"); v == mid {
			return m
		}
	}

	return nil
}

// keep gives a withdrawn section as it was, with the transport it has now. pion
// would let go of its streams, which it could not find again when the section
// is taken up: by then browsers no longer say which layer a packet is of.
func (c *offeredMedia) keep(m *sdp.MediaDescription) *sdp.MediaDescription {
	out := *c.kept
	out.Attributes = nil
	for _, a := range c.kept.Attributes {
		switch a.Key {
		case "candidate", "end-of-candidates":
			continue
		case "ice-ufrag", "ice-pwd":
			if v, ok := m.Attribute(a.Key); ok {
				a.Value = v
			}
		}
		out.Attributes = append(out.Attributes, a)
	}

	return &out
}

// withdrawn reports whether a section is one through which nothing flows.
func (o *offer) withdrawn(mid string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, m := range o.media {
		if m != nil && m.mid == mid {
			return !m.flows
		}
	}

	return false
}

// fingerprint gives the DTLS fingerprint of a description, in one spelling.
func fingerprint(d *sdp.SessionDescription) string {
	for _, m := range d.MediaDescriptions {
		if v, ok := m.Attribute("fingerprint"); ok {
			return strings.ToLower(v)
		}
	}
	v, _ := d.Attribute("fingerprint")

	return strings.ToLower(v)
}
