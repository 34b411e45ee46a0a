package sfu

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

// maxAnswer bounds an answer in bytes: it may have two sections for each Source.
const maxAnswer = 256 << 10

// section is a section of an offer of ours and, once answered, what became of it.
type section struct {
	mid   string
	kind  Kind
	taken bool
	rtx   bool // with retransmissions
}

// answer is a remote answer, cut down to what was offered.
type answer struct {
	sections []section
	remote   *remoteTransport
}

func badAnswer(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadAnswer, fmt.Sprintf(format, args...))
}

// parseAnswer reads an answer to an offer with these sections.
func parseAnswer(text string, sections []section) (*answer, error) {
	if len(text) > maxAnswer {
		return nil, badAnswer("it has %d bytes; at most %d are read", len(text), maxAnswer)
	}
	if strings.TrimSpace(text) == "" {
		return nil, badAnswer("it is empty; send an SDP answer (RFC 8866)")
	}
	in := &sdp.SessionDescription{}
	if err := in.UnmarshalString(text); err != nil {
		return nil, badAnswer("it is not SDP (RFC 8866): %v", err)
	}
	if n := len(in.MediaDescriptions); n != len(sections) {
		return nil, badAnswer("it has %d m= sections where %d were offered; answer every one (RFC 3264 §6)", n, len(sections))
	}
	for i, m := range in.MediaDescriptions {
		s := &sections[i]
		if mid, ok := m.Attribute("mid"); m.MediaName.Media != s.kind.String() || (ok && mid != s.mid) {
			return nil, badAnswer("m= section %d is %s %q where %s %q was offered; keep the order (RFC 3264 §6)",
				i, m.MediaName.Media, mid, s.kind, s.mid)
		}
		f := &viewerFormats[s.kind]
		s.taken = m.MediaName.Port.Value != 0 && flows(in, m, false) &&
			slices.Contains(m.MediaName.Formats, itoa(int(f.media)))
		s.rtx = f.rtx != 0 && slices.Contains(m.MediaName.Formats, itoa(int(f.rtx)))
	}
	t, err := transportOf(in)
	if err != nil {
		return nil, err
	}

	return &answer{sections: sections, remote: t}, nil
}

// String is the answer as pion gets to see it. It is written anew, so that
// nothing can be agreed that was not offered.
func (a *answer) String() string {
	var b strings.Builder
	b.WriteString("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE")
	for i := range a.sections {
		b.WriteString(" " + a.sections[i].mid)
	}
	b.WriteString("\r\n")
	for i := range a.sections {
		a.sections[i].write(&b, a.remote)
		if i > 0 {
			continue // one transport: the first section speaks for all
		}
		for _, c := range a.remote.candidates {
			b.WriteString("a=candidate:" + c + "\r\n")
		}
	}

	return b.String()
}

func (s *section) write(b *strings.Builder, t *remoteTransport) {
	f := &viewerFormats[s.kind]
	fmt.Fprintf(b, "m=%s 9 UDP/TLS/RTP/SAVPF %d", s.kind, f.media)
	if s.rtx {
		fmt.Fprintf(b, " %d", f.rtx)
	}
	direction := "inactive"
	if s.taken {
		direction = "recvonly"
	}
	fmt.Fprintf(b, "\r\nc=IN IP4 0.0.0.0\r\na=mid:%s\r\na=%s\r\na=rtcp-mux\r\na=setup:%s\r\n", s.mid, direction, t.setup)
	fmt.Fprintf(b, "a=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s\r\n", t.ufrag, t.pwd, t.fingerprint)
	if s.kind == Audio {
		fmt.Fprintf(b, "a=rtpmap:%d opus/48000/2\r\n", f.media)
	} else {
		fmt.Fprintf(b, "a=rtpmap:%d H264/90000\r\na=rtcp-fb:%[1]d nack\r\na=rtcp-fb:%[1]d nack pli\r\na=rtcp-fb:%[1]d ccm fir\r\n", f.media)
	}
	fmt.Fprintf(b, "a=fmtp:%d %s\r\n", f.media, f.fmtp)
	if s.rtx {
		fmt.Fprintf(b, "a=rtpmap:%d rtx/90000\r\na=fmtp:%[1]d apt=%d\r\n", f.rtx, f.media)
	}
}

// remoteTransport is how the client is reached.
type remoteTransport struct {
	ufrag, pwd, fingerprint, setup string
	candidates                     []string
}

// transportOf reads it from the first section that is not refused, or from the
// session.
func transportOf(in *sdp.SessionDescription) (*remoteTransport, error) {
	t := &remoteTransport{}
	var bundle *sdp.MediaDescription
	for _, m := range in.MediaDescriptions {
		if bundle == nil && m.MediaName.Port.Value != 0 {
			bundle = m
		}
		for _, a := range m.Attributes {
			if a.Key == "candidate" && usableCandidate(a.Value) && len(t.candidates) < maxCandidates {
				t.candidates = append(t.candidates, a.Value)
			}
		}
	}
	if bundle == nil {
		return nil, badAnswer("it refuses every section; answer at least one, inactive if nothing is wanted")
	}
	for _, f := range []struct {
		key      string
		to       *string
		min, max int
	}{
		{"ice-ufrag", &t.ufrag, 4, 256},
		{"ice-pwd", &t.pwd, 22, 256},
		{"fingerprint", &t.fingerprint, 10, 256},
		{"setup", &t.setup, 6, 7},
	} {
		value, ok := bundle.Attribute(f.key)
		if !ok {
			value, ok = in.Attribute(f.key)
		}
		if !ok {
			return nil, badAnswer("it has no a=%s in m= section %q", f.key, bundle.MediaName.Media)
		}
		if len(value) < f.min || len(value) > f.max {
			return nil, badAnswer("its a=%s has %d characters; %d to %d are allowed", f.key, len(value), f.min, f.max)
		}
		*f.to = value
	}
	if t.setup != "active" && t.setup != "passive" {
		return nil, badAnswer("its a=setup is %q; an answer says active or passive (RFC 8842 §5.2)", t.setup)
	}
	if len(strings.Fields(t.fingerprint)) != 2 {
		return nil, badAnswer("its a=fingerprint is not a hash function and a fingerprint (RFC 8122 §5)")
	}

	return t, nil
}
