package crossing

import (
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/h264"
	"hutong/sfu"
)

// opusSilence is a 20 ms CELT frame of silence (RFC 6716 §3.1: a TOC byte, then
// a frame that decodes to nothing).
var opusSilence = []byte{0xf8, 0xff, 0xfe}

// egressAudio turns a browser's Opus packets into AAC access units.
type egressAudio struct {
	e      *egress
	clock  rtpClock
	jitter *h264.JitterBuffer
	dec    *audio.ToAAC
	head   time.Duration // media time of the newest packet
	at     time.Time     // when it came
	warned bool

	concealed time.Duration // counted so far
}

// start makes the transcoder for what the first packet is: a microphone is mono
// (the stereo bit, RFC 6716 §3.1) and costs half.
func (a *egressAudio) start(first []byte) {
	if a.dec != nil {
		return
	}
	o := audio.ToAACOptions{Channels: 2, Bitrate: a.e.b.opts.AACBitrate, Fast: true}
	if first[0]&4 == 0 {
		o.Channels, o.Bitrate = 1, o.Bitrate/2
	}
	a.dec = audio.NewToAAC(o)
	a.e.b.Stats.ToAAC.Add(1)
	a.e.turn.SetAudio(a.dec.Config())
}

// begin starts silence beside the video of a publisher whose microphone sends
// nothing yet: many players wait for the audio a stream announces.
func (a *egressAudio) begin(pts time.Duration) {
	if a.dec != nil || !a.e.hasAudio() {
		return
	}
	a.start(opusSilence)
	a.decode(pts, opusSilence)
}

func (a *egressAudio) push(p sfu.TapPacket) {
	if len(p.Payload) == 0 {
		return
	}
	a.start(p.Payload)
	a.jitter.Push(p.Seq, h264.Packet{Timestamp: p.Timestamp, Marker: p.Marker, Payload: p.Payload}, p.Arrival)
	a.drain(p.Arrival)
}

func (a *egressAudio) drain(now time.Time) {
	for {
		p, lost, ok := a.jitter.Pop(now)
		if lost > 0 {
			a.e.b.Stats.LostPackets.Add(int64(lost))
		}
		if !ok {
			return
		}
		a.decode(a.clock.media(p.Timestamp, now.Sub(a.e.began)), p.Payload)
	}
}

func (a *egressAudio) decode(pts time.Duration, packet []byte) {
	if pts >= a.head {
		a.head, a.at = pts, time.Now()
	}
	if err := a.dec.Push(pts, packet, a.emit); err != nil {
		a.e.b.Stats.BadAudio.Add(1)
		if !a.warned {
			a.warned = true
			a.e.log.Warn("audio left out: an Opus packet did not decode", "error", err)
		}
	}
}

// fill keeps audio time going while nothing arrives.
func (a *egressAudio) fill() {
	if a.dec == nil {
		return
	}
	if quiet := time.Since(a.at); quiet > silenceAfter {
		a.dec.Advance(a.head+quiet-silenceAfter, a.emit)
	}
	a.count()
}

// count notes what has been made up since it was last called.
func (a *egressAudio) count() {
	if a.dec == nil {
		return
	}
	c := a.dec.Stats().Concealed
	a.e.b.Stats.Concealed.Add(int64(c - a.concealed))
	a.concealed = c
}

func (a *egressAudio) emit(pts time.Duration, au []byte) {
	a.e.b.Stats.AACUnits.Add(1)
	body := make([]byte, 2+len(au))
	body[0], body[1] = 0xaf, 1
	copy(body[2:], au)
	a.e.turn.WriteAudio(pts, body)
}

func (a *egressAudio) close() {
	if a.dec != nil {
		a.count()
		a.dec.Close()
		a.dec = nil
		a.e.b.Stats.ToAAC.Add(-1)
	}
}
