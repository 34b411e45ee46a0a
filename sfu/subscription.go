package sfu

import (
	"errors"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// subscription is what one player gets of one Source: a downTrack for each
// track, which a shard serves together. A [Subscriber] has one, a [Viewer] one
// for each key.
type subscription struct {
	link       *link
	source     *Source
	adaptive   bool   // gets the layer that suits it, not always the best
	stream     string // names the media stream and its CNAME to the player
	tracks     [kinds]*downTrack
	outlet     *outlet // nil until entered
	nextReport int64   // mono; used by the shard alone
	nextChoice int64   // mono, of layers; under the outlet's mu
}

func newSubscription(l *link, src *Source, stream string) *subscription {
	return &subscription{link: l, source: src, stream: stream}
}

// newDownTrack makes the track of a kind. It is not yet served.
func (sub *subscription) newDownTrack(kind Kind) *downTrack {
	d := &downTrack{sub: sub, kind: kind, source: &sub.source.tracks[kind], want: int(kind), thinning: thinning{share: 1}, rtxCredit: rtxCreditCap / 2}
	d.nextOut = uint16(1000 + rand.IntN(20000))

	return d
}

// enter has a shard serve the subscription.
func (sub *subscription) enter() {
	src := sub.source
	sub.outlet = src.enterOutlet(sub.link.sfu.shardFor(src, src.Subscribers()-1))
	sub.outlet.add(sub)
}

// exit undoes enter. When it returns no shard uses the subscription any more.
func (sub *subscription) exit() {
	if sub.outlet == nil {
		return
	}
	sub.outlet.remove(sub)
	sub.source.leaveOutlet(sub.outlet)
	sub.outlet = nil
}

// setTrack puts a track in its place, or takes it away.
func (sub *subscription) setTrack(kind Kind, d *downTrack) {
	if o := sub.outlet; o != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
	}
	sub.tracks[kind] = d
}

func (sub *subscription) snapshot(kind Kind) TrackStats {
	if d := sub.tracks[kind]; d != nil {
		return d.snapshot()
	}

	return TrackStats{}
}

var errCodecGone = errors.New("sfu: the chosen codec was not negotiated")

// Bind takes what was negotiated. pion calls it (webrtc.TrackLocal).
func (d *downTrack) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	want := webrtc.MimeTypeH264
	if d.kind == Audio {
		want = webrtc.MimeTypeOpus
	}
	for _, codec := range c.CodecParameters() {
		if !strings.EqualFold(codec.MimeType, want) {
			continue
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if ssrc := uint32(c.SSRC()); ssrc != d.hdr.SSRC {
			d.chosen = false
		}
		d.w = c.WriteStream()
		d.hdr = rtp.Header{Version: 2, PayloadType: uint8(codec.PayloadType), SSRC: uint32(c.SSRC())}
		if d.kind == Video {
			d.hist = make([]sent, history)
			if pt := repairType(c.CodecParameters(), codec.PayloadType); pt != 0 && c.SSRCRetransmission() != 0 {
				d.rtxSSRC, d.rtxPT = uint32(c.SSRCRetransmission()), pt
				d.rtxSeq = uint16(1000 + rand.IntN(20000))
			}
		}

		return codec, nil
	}

	return webrtc.RTPCodecParameters{}, errCodecGone
}

// repairType finds the payload type that retransmits another (RFC 4588 §8.6), 0
// if there is none.
func repairType(codecs []webrtc.RTPCodecParameters, media webrtc.PayloadType) uint8 {
	for _, codec := range codecs {
		if strings.EqualFold(codec.MimeType, webrtc.MimeTypeRTX) &&
			parameter(codec.SDPFmtpLine, "apt") == strconv.Itoa(int(media)) {
			return uint8(codec.PayloadType)
		}
	}

	return 0
}

// Unbind ends sending. pion calls it (webrtc.TrackLocal).
func (d *downTrack) Unbind(webrtc.TrackLocalContext) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.w = nil

	return nil
}

// ID names the track (webrtc.TrackLocal).
func (d *downTrack) ID() string { return d.kind.String() }

// RID is empty: a player gets one layer (webrtc.TrackLocal).
func (d *downTrack) RID() string { return "" }

// StreamID is the same for both tracks, so that players keep them in step
// (webrtc.TrackLocal).
func (d *downTrack) StreamID() string { return d.sub.stream }

// Kind is the kind of track (webrtc.TrackLocal).
func (d *downTrack) Kind() webrtc.RTPCodecType {
	if d.kind == Video {
		return webrtc.RTPCodecTypeVideo
	}

	return webrtc.RTPCodecTypeAudio
}
