package sfu

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

const (
	maxOffer      = 64 << 10 // bytes of SDP
	maxMedia      = 32       // m= sections
	maxCandidates = 64       // ICE candidates taken from one peer
)

// offer is a remote description cut down to what this SFU takes part in: at most
// one audio and one video section, each with one codec. pion gets to see nothing
// else, so it cannot agree to anything else.
type offer struct {
	passive bool // the peer insists on being the DTLS server

	mu      sync.Mutex // guards the rest, which later offers replace
	full    *sdp.SessionDescription
	reduced *sdp.SessionDescription
	media   [kinds]*offeredMedia
}

// offeredMedia is an m= section that was chosen.
type offeredMedia struct {
	index int
	mid   string
	codec webrtc.RTPCodecParameters
	rtx   uint8                 // payload type of its retransmission (RFC 4588), 0 if none
	flows bool                  // media is to flow
	kept  *sdp.MediaDescription // while nothing flows: the section as it was when it did
	rids  []string              // layers a publisher sends (RFC 8853), none where there is one quality
}

func badOffer(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadOffer, fmt.Sprintf(format, args...))
}

// parseOffer reads an SDP offer. publishing says which way media is to flow.
func parseOffer(text string, publishing bool) (*offer, error) {
	full, err := readOffer(text)
	if err != nil {
		return nil, err
	}
	o := &offer{full: full}
	if err := o.choose(publishing); err != nil {
		return nil, err
	}
	if o.media[Video] == nil && o.media[Audio] == nil {
		want := "recvonly"
		if publishing {
			want = "sendonly"
		}

		return nil, badOffer("it has no %s audio (opus) or video (H264) section", want)
	}
	if err := o.reduce(); err != nil {
		return nil, err
	}

	return o, nil
}

func readOffer(text string) (*sdp.SessionDescription, error) {
	if len(text) > maxOffer {
		return nil, badOffer("it has %d bytes; at most %d are read", len(text), maxOffer)
	}
	if strings.TrimSpace(text) == "" {
		return nil, badOffer("it is empty; send an SDP offer (RFC 8866)")
	}
	full := &sdp.SessionDescription{}
	if err := full.UnmarshalString(text); err != nil {
		return nil, badOffer("it is not SDP (RFC 8866): %v", err)
	}
	if len(full.MediaDescriptions) > maxMedia {
		return nil, badOffer("it has %d m= sections; at most %d are read", len(full.MediaDescriptions), maxMedia)
	}

	return full, nil
}

// choose finds a section for each kind that has none.
func (o *offer) choose(publishing bool) error {
	videoRefused := false
	for i, m := range o.full.MediaDescriptions {
		kind, ok := kindOf(m)
		if !ok || o.media[kind] != nil || !flows(o.full, m, publishing) {
			continue
		}
		mid, _ := m.Attribute("mid")
		if mid == "" {
			return badOffer("m= section %d has no a=mid; send a unified-plan offer (RFC 8829)", i)
		}
		codec, rtx, ok := chooseCodec(m, kind, publishing)
		if !ok {
			videoRefused = videoRefused || kind == Video

			continue
		}
		o.media[kind] = &offeredMedia{index: i, mid: mid, codec: codec, rtx: rtx, flows: true}
		if publishing && kind == Video {
			o.media[kind].rids = layersOf(m)
		}
	}
	if videoRefused && o.media[Video] == nil {
		return fmt.Errorf("%w: %s", ErrNoH264,
			"offer video/H264 with packetization-mode=1; a browser without H.264 can watch over HTTP-FLV instead")
	}

	return nil
}

func kindOf(m *sdp.MediaDescription) (Kind, bool) {
	if m.MediaName.Port.Value == 0 {
		if _, bundled := m.Attribute("bundle-only"); !bundled {
			return 0, false
		}
	}
	switch m.MediaName.Media {
	case "video":
		return Video, true
	case "audio":
		return Audio, true
	}

	return 0, false
}

// flows reports whether media may flow the way we want over a section.
func flows(s *sdp.SessionDescription, m *sdp.MediaDescription, publishing bool) bool {
	for _, attributes := range [][]sdp.Attribute{m.Attributes, s.Attributes} {
		for _, a := range attributes {
			switch a.Key {
			case "inactive":
				return false
			case "sendrecv":
				return true
			case "sendonly":
				return publishing
			case "recvonly":
				return !publishing
			}
		}
	}

	return true
}

// reduce makes the description pion sees.
func (o *offer) reduce() error {
	r := *o.full
	r.MediaDescriptions = nil
	mids := []string{}
	left := maxCandidates
	for i, m := range o.full.MediaDescriptions {
		for kind := range o.media {
			if c := o.media[kind]; c != nil && c.index == i {
				r.MediaDescriptions = append(r.MediaDescriptions, c.reduce(m, &left))
				mids = append(mids, c.mid)
			}
		}
	}
	r.Attributes = nil
	for _, a := range o.full.Attributes {
		if a.Key == "group" || a.Key == "candidate" {
			continue
		}
		r.Attributes = append(r.Attributes, a)
	}
	r.Attributes = append(r.Attributes, sdp.Attribute{Key: "group", Value: "BUNDLE " + strings.Join(mids, " ")})
	o.reduced = &r
	if len(mids) == 0 {
		return badOffer("none of its sections can be used")
	}
	first := r.MediaDescriptions[0]
	for _, key := range []string{"ice-ufrag", "ice-pwd", "fingerprint"} {
		if _, ok := first.Attribute(key); ok {
			continue
		}
		if _, ok := r.Attribute(key); !ok {
			return badOffer("it has no a=%s in m= section %q", key, first.MediaName.Media)
		}
	}
	setup, ok := first.Attribute("setup")
	if !ok {
		setup, _ = r.Attribute("setup")
	}
	o.passive = setup == "passive"

	return nil
}

// layersOf lists the layers a section sends, at most maxLayers, in the order of
// its a=simulcast (RFC 8853 §5.1); nil if there are no two of them.
func layersOf(m *sdp.MediaDescription) []string {
	value, _ := m.Attribute("simulcast")
	fields := strings.Fields(value)
	var rids []string
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] != "send" {
			continue
		}
		for _, layer := range strings.Split(fields[i+1], ";") {
			rid, _, _ := strings.Cut(layer, ",") // the first of alternatives
			rid = strings.TrimPrefix(rid, "~")
			if len(rids) < maxLayers && rid != "" && len(rid) <= 16 && !slices.Contains(rids, rid) {
				rids = append(rids, rid)
			}
		}
	}
	if len(rids) < 2 {
		return nil
	}

	return rids
}

// reduce keeps of a section what concerns the chosen codec and layers.
func (c *offeredMedia) reduce(m *sdp.MediaDescription, candidates *int) *sdp.MediaDescription {
	if c.kept != nil {
		return c.keep(m)
	}
	keep := []string{strconv.Itoa(int(c.codec.PayloadType))}
	if c.rtx != 0 {
		keep = append(keep, strconv.Itoa(int(c.rtx)))
	}
	out := *m
	out.MediaName.Formats = keep
	out.Attributes = nil
	for _, a := range m.Attributes {
		switch a.Key {
		case "rtpmap", "fmtp", "rtcp-fb":
			if pt, _, _ := strings.Cut(a.Value, " "); pt != "*" && !slices.Contains(keep, pt) {
				continue
			}
		case "simulcast":
			if len(c.rids) == 0 {
				continue
			}
			a.Value = "send " + strings.Join(c.rids, ";")
		case "rid":
			rid, _, _ := strings.Cut(a.Value, " ")
			if !slices.Contains(c.rids, rid) {
				continue
			}
			a.Value = rid + " send"
		case "candidate":
			if *candidates == 0 || !usableCandidate(a.Value) {
				continue
			}
			*candidates--
		}
		out.Attributes = append(out.Attributes, a)
	}

	return &out
}

// usableCandidate refuses what cannot be reached by address: mDNS names, which
// only resolve on the peer's own network. ICE finds such peers by the checks
// they send themselves.
func usableCandidate(value string) bool {
	fields := strings.Fields(value)

	return len(fields) >= 8 && len(value) < 512 && !strings.HasSuffix(strings.ToLower(fields[4]), ".local")
}

// complete puts the sections that were left out back into an answer, refused
// (RFC 3264 §6).
func (o *offer) complete(answer string) (string, error) {
	a := &sdp.SessionDescription{}
	if err := a.UnmarshalString(answer); err != nil {
		return "", err
	}
	o.mu.Lock()
	full := o.full
	o.mu.Unlock()
	byMid := map[string]*sdp.MediaDescription{}
	for _, m := range a.MediaDescriptions {
		mid, _ := m.Attribute("mid")
		byMid[mid] = m
	}
	sections := make([]*sdp.MediaDescription, len(full.MediaDescriptions))
	for i, m := range full.MediaDescriptions {
		mid, _ := m.Attribute("mid")
		if mine := byMid[mid]; mine != nil && mid != "" {
			if o.withdrawn(mid) {
				for j := range mine.Attributes {
					if mine.Attributes[j].Key == "recvonly" {
						mine.Attributes[j].Key = "inactive"
					}
				}
			}
			sections[i] = mine

			continue
		}
		refused := &sdp.MediaDescription{MediaName: m.MediaName}
		refused.MediaName.Port = sdp.RangedPort{}
		if m.MediaName.Media == "audio" || m.MediaName.Media == "video" {
			refused.MediaName.Formats = []string{"0"} // none of the formats is described
		}
		refused.ConnectionInformation = &sdp.ConnectionInformation{
			NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "0.0.0.0"},
		}
		if mid != "" {
			refused.Attributes = append(refused.Attributes, sdp.Attribute{Key: "mid", Value: mid})
		}
		refused.Attributes = append(refused.Attributes, sdp.Attribute{Key: "inactive"})
		sections[i] = refused
	}
	a.MediaDescriptions = sections
	text, err := a.Marshal()

	return string(text), err
}
