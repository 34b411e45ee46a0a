package sfu

import (
	"github.com/pion/webrtc/v4"
)

// slot is a section of a Viewer's description. It outlives the tracks it
// carries: when one leaves, the section becomes inactive and then takes the
// next, so that descriptions do not grow.
type slot struct {
	kind    Kind
	carrier *webrtc.RTPTransceiver
	state   slotState
	user    *viewing // while filled
	agreed  bool     // the client takes what it carries
}

type slotState uint8

const (
	slotFree     slotState = iota // inactive on both sides
	slotFilled                    // carries a track
	slotEmptied                   // its track has gone, the client is to be told
	slotRetiring                  // the client has been told, and has not answered
)

// format is how one kind of track is offered to viewers.
type format struct {
	media uint8 // payload types
	rtx   uint8
	mime  string
	fmtp  string
}

// viewerFormats has the label that every browser takes; decoders go by the
// parameter sets in the stream.
var viewerFormats = [kinds]format{
	Video: {102, 103, webrtc.MimeTypeH264, "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"},
	Audio: {111, 0, webrtc.MimeTypeOpus, "minptime=10;useinbandfec=1"},
}

func (f *format) codec() webrtc.RTPCodecParameters {
	c := webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(f.media)}
	c.MimeType, c.SDPFmtpLine, c.ClockRate = f.mime, f.fmtp, Video.clockRate()
	if f.mime == webrtc.MimeTypeOpus {
		c.ClockRate, c.Channels = Audio.clockRate(), 2
	}

	return c
}

// addIdleSlot makes a section that carries nothing yet.
func (v *Viewer) addIdleSlot(kind Kind) error {
	codec := viewerFormats[kind].codec()
	t, err := webrtc.NewTrackLocalStaticRTP(codec.RTPCodecCapability, kind.String(), "idle")
	if err != nil {
		return err
	}
	carrier, err := v.pc.AddTransceiverFromTrack(t, webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionSendonly,
	})
	if err != nil {
		return err
	}
	if err := v.pc.RemoveTrack(carrier.Sender()); err != nil {
		return err
	}
	v.slots = append(v.slots, &slot{kind: kind, carrier: carrier})

	return nil
}

// empty takes a track off its slot; nothing is sent from now on. Callers hold mu.
func (v *Viewer) empty(w *viewing, kind Kind) {
	s := w.slots[kind]
	if s == nil {
		return
	}
	last := w.sub.snapshot(kind)
	last.Bitrate, last.FractionLost, last.Jitter = 0, 0, 0
	v.past[kind].add(last)
	w.sub.setTrack(kind, nil)
	w.slots[kind] = nil
	s.state, s.user = slotEmptied, nil
}

// arrange brings the sections in line with what is wanted. It reports whether
// that takes an offer. Callers hold mu.
func (v *Viewer) arrange() (changed bool, err error) {
	var retiring [kinds]int
	for _, s := range v.slots {
		if s.state == slotEmptied {
			if err := v.pc.RemoveTrack(s.carrier.Sender()); err != nil {
				return false, err
			}
			s.state, changed = slotRetiring, true
		}
		if s.state == slotRetiring {
			retiring[s.kind]++
		}
	}
	for _, w := range v.views {
		for k, wanted := range w.wanted {
			kind := Kind(k)
			if !wanted || w.slots[kind] != nil {
				continue
			}
			s := v.freeSlot(kind)
			if s == nil && retiring[kind] > 0 {
				retiring[kind]-- // this track gets a slot after the next answer

				continue
			}
			if err := v.fill(w, kind, s); err != nil {
				return false, err
			}
			changed = true
		}
	}

	return changed, nil
}

func (v *Viewer) freeSlot(kind Kind) *slot {
	for _, s := range v.slots {
		if s.kind == kind && s.state == slotFree {
			return s
		}
	}

	return nil
}

// fill puts a track on a slot, on a new one if s is nil. Callers hold mu.
func (v *Viewer) fill(w *viewing, kind Kind, s *slot) error {
	d := w.sub.newDownTrack(kind)
	if s == nil {
		carrier, err := v.pc.AddTransceiverFromTrack(d, webrtc.RTPTransceiverInit{
			Direction: webrtc.RTPTransceiverDirectionSendonly,
		})
		if err != nil {
			return err
		}
		s = &slot{kind: kind, carrier: carrier}
		v.slots = append(v.slots, s)
	} else {
		sender, err := v.api.NewRTPSender(d, v.pc.SCTP().Transport())
		if err != nil {
			return err
		}
		if err := s.carrier.SetSender(sender, d); err != nil {
			return err
		}
	}
	s.state, s.user, s.agreed = slotFilled, w, false
	w.slots[kind] = s
	d.pause(true) // until it is agreed
	w.sub.setTrack(kind, d)
	sender := s.carrier.Sender()
	v.spawn(func() { d.feedback(sender) })

	return nil
}

// carried says what each section carries, "" for nothing. Callers hold mu.
func (v *Viewer) carried() []string {
	keys := make([]string, len(v.slots))
	for i, s := range v.slots {
		if s.state == slotFilled {
			keys[i] = s.user.key
		}
	}

	return keys
}

// list notes what an offer carries, now that its sections have names.
func (v *Viewer) list(keys []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.tracks = []ViewerTrack{}
	for i, key := range keys {
		if key != "" {
			v.tracks = append(v.tracks, ViewerTrack{MID: v.slots[i].carrier.Mid(), Key: key, Kind: v.slots[i].kind})
		}
	}
}
