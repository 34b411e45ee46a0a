package sfu

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// PublishOptions says where a publisher's media goes.
type PublishOptions struct {
	Source *Source
}

// Publisher is one PeerConnection that receives. While it is the newest on its
// Source, players get what it sends.
type Publisher struct {
	*answerer
	feed     *Feed
	attach   sync.Once
	ssrc     atomic.Uint32 // of the video
	plis     atomic.Uint64
	nacks    atomic.Uint64 // requests for lost packets
	nacked   atomic.Uint64 // packets they named
	received [kinds]upTrack
}

// upTrack is one track on its way in.
type upTrack struct {
	taken atomic.Bool
	mu    sync.Mutex
	ext   extender
	stats TrackStats
	count uint64
	rate  meter

	transit int64   // of the last packet, RTP ticks
	jitter  float64 // RFC 3550 §6.4.1, RTP ticks
}

// Publish answers a publisher's offer: sendonly H.264 video, Opus audio, or
// both. When it has connected it becomes the Source's feed. ctx bounds the
// negotiation only. Errors wrap [ErrBadOffer], [ErrNoH264], [ErrSourceClosed] or
// [ErrClosed].
func (s *SFU) Publish(ctx context.Context, offerSDP string, opts PublishOptions) (*Publisher, string, error) {
	o, err := s.open(ctx, offerSDP, opts.Source, true)
	if err != nil {
		return nil, "", err
	}
	p, err := s.newAnswerer(o, opts.Source, true)
	if err != nil {
		return nil, "", err
	}
	pub := &Publisher{answerer: p}
	p.onEstablished, p.onClose = pub.feedSource, pub.end
	p.pc.OnTrack(pub.track)
	answer, err := p.start(ctx, pub, false)
	if err != nil {
		return nil, "", err
	}

	return pub, answer, nil
}

// feedSource makes this publisher the Source's feed.
func (pub *Publisher) feedSource() {
	pub.attach.Do(func() {
		pub.feed = pub.source.Attach(FeedOptions{
			HasVideo: pub.offer.media[Video] != nil, HasAudio: pub.offer.media[Audio] != nil,
			RequestKeyframe: pub.requestKeyframe,
		})
	})
}

func (pub *Publisher) end() {
	pub.attach.Do(func() {})
	if pub.feed != nil {
		pub.feed.Close()
	}
	pub.source.leave(pub, false)
}

// requestKeyframe sends a picture loss indication (RFC 4585 §6.3.1).
func (pub *Publisher) requestKeyframe() {
	ssrc := pub.ssrc.Load()
	if ssrc == 0 {
		return
	}
	pub.plis.Add(1)
	_ = pub.pc.WriteRTCP([]rtcp.Packet{&rtcp.PictureLossIndication{SenderSSRC: 1, MediaSSRC: ssrc}})
}

// track is called when the first packet of a track has come.
func (pub *Publisher) track(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	kind := Video
	if t.Kind() == webrtc.RTPCodecTypeAudio {
		kind = Audio
	}
	up := &pub.received[kind]
	first := !up.taken.Swap(true)
	pub.spawn(func() { pub.control(kind, r, t.RID(), first) })
	pub.spawn(func() {
		pub.feedSource()
		if pub.feed == nil {
			return
		}
		if !first {
			drain(t)

			return
		}
		if kind == Video {
			pub.ssrc.Store(uint32(t.SSRC()))
			pub.source.RequestKeyframe()
		}
		pub.receive(kind, t, up, levelExtension(r))
	})
}

// drain reads a track nobody uses, since an unread one fills its buffer.
func drain(t *webrtc.TrackRemote) {
	buf := make([]byte, 1500)
	for {
		if _, _, err := t.Read(buf); err != nil && !errors.Is(err, io.ErrShortBuffer) {
			return
		}
	}
}

// levelExtension gives the number under which a track states its level, 0 if it
// does not.
func levelExtension(r *webrtc.RTPReceiver) uint8 {
	for _, x := range r.GetParameters().HeaderExtensions {
		if x.URI == audioLevelURI {
			return uint8(x.ID)
		}
	}

	return 0
}

// receive forwards a track's packets until it ends. level numbers the header
// extension that states the audio level, if any.
func (pub *Publisher) receive(kind Kind, t *webrtc.TrackRemote, up *upTrack, level uint8) {
	const block = 64 << 10
	var (
		buf    = make([]byte, 1500)
		arena  []byte
		packet rtp.Packet
		repair *nacker
	)
	if kind == Video {
		repair = pub.newNacker()
		defer repair.stop()
	}
	for {
		n, _, err := t.Read(buf)
		if err != nil {
			if errors.Is(err, io.ErrShortBuffer) {
				continue
			}

			return
		}
		packet = rtp.Packet{Header: rtp.Header{Extensions: packet.Extensions[:0], CSRC: packet.CSRC[:0]}}
		if packet.Unmarshal(buf[:n]) != nil {
			continue
		}
		size := len(packet.Payload)
		if len(arena) < size {
			arena = make([]byte, block)
		}
		payload := arena[:size:size]
		arena = arena[size:]
		copy(payload, packet.Payload)
		up.account(kind, &packet.Header, payload)
		if level != 0 {
			if x := packet.GetExtension(level); len(x) == 1 {
				pub.feed.SetAudioLevel(-float64(x[0] & 0x7f)) // the top bit is the sender's guess at speech
			}
		}
		if repair != nil {
			repair.arrived(packet.SequenceNumber, mono())
		}
		pub.feed.forward(kind, packet.SequenceNumber, packet.Timestamp, packet.Marker, payload)
	}
}

// control reads what the publisher reports about one track. rid names the layer
// of a simulcast track, "" otherwise.
func (pub *Publisher) control(kind Kind, r *webrtc.RTPReceiver, rid string, first bool) {
	buf := make([]byte, 1500)
	for {
		var n int
		var err error
		if rid == "" {
			n, _, err = r.Read(buf)
		} else {
			n, _, err = r.ReadSimulcast(buf, rid)
		}
		if err != nil {
			if errors.Is(err, io.ErrShortBuffer) {
				continue
			}

			return
		}
		if !first {
			continue
		}
		packets, err := rtcp.Unmarshal(buf[:n])
		if err != nil {
			continue
		}
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok {
				pub.feedSource()
				if pub.feed != nil {
					pub.feed.senderReport(kind, sr.NTPTime, sr.RTPTime)
				}
			}
		}
	}
}

// account counts one packet.
func (up *upTrack) account(kind Kind, h *rtp.Header, payload []byte) {
	now := mono()
	up.mu.Lock()
	defer up.mu.Unlock()
	if up.count == 0 {
		up.ext.start(h.SequenceNumber)
	} else {
		up.ext.extend(h.SequenceNumber)
	}
	up.count++
	up.stats.Packets++
	up.stats.Bytes += uint64(len(payload))
	up.rate.add(len(payload), now)
	if kind == Video && beginsKeyframe(payload) {
		up.stats.Keyframes++
	}
	transit := ticks(time.Duration(now), kind.clockRate()) - int64(h.Timestamp)
	if up.count > 1 {
		if d := transit - up.transit; d < int64(kind.clockRate()) && d > -int64(kind.clockRate()) {
			up.jitter += (float64(max(d, -d)) - up.jitter) / 16
		}
	}
	up.transit = transit
}

// Stats is a snapshot of the connection and of what has been received.
func (pub *Publisher) Stats() Stats {
	s := pub.baseStats()
	s.RTT = pub.rtt()
	for kind, out := range []*TrackStats{&s.Video, &s.Audio} {
		up := &pub.received[kind]
		up.mu.Lock()
		*out = up.stats
		out.Bitrate = up.rate.value(mono())
		if up.count > 0 {
			out.Lost = int64(up.ext.last-up.ext.first+1) - int64(up.count)
		}
		out.Jitter = ticksToDuration(int64(up.jitter), Kind(kind).clockRate())
		up.mu.Unlock()
	}
	s.Video.PLI, s.Video.NACK, s.Video.NACKPackets = pub.plis.Load(), pub.nacks.Load(), pub.nacked.Load()

	return s
}
