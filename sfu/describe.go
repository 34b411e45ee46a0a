package sfu

// CheckPublishOffer reports whether an offer could be accepted by
// [SFU.Publish], with the error that would give. Callers use it before they
// take a stream's name from somebody else.
func CheckPublishOffer(offer string) error {
	_, err := parseOffer(offer, true)

	return err
}

// Has reports whether the publisher has a track of the kind, sending or not.
func (f *Feed) Has(kind Kind) bool {
	if kind == Video {
		return f.opts.HasVideo
	}

	return f.opts.HasAudio
}

// KeyframePayload returns the first RTP payload of the newest keyframe, which
// holds the parameter sets where the publisher sends them in band; nil if there
// has been none. It is shared and must not be changed.
func (src *Source) KeyframePayload() []byte {
	t := &src.tracks[Video]
	t.mu.RLock()
	defer t.mu.RUnlock()
	if !t.hasKey {
		return nil
	}
	if p := t.get(t.keySeq); p != nil {
		return p.payload
	}

	return nil
}

// Traffic counts what the Source's publishers have sent, by kind of track:
// frames (told by the marker; packets for audio) and payload bytes.
func (src *Source) Traffic(kind Kind) (frames, bytes uint64) {
	t := &src.tracks[kind]
	t.mu.RLock()
	defer t.mu.RUnlock()

	return t.frames, t.bytes
}
