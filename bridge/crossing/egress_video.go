package crossing

import (
	"time"

	"hutong/bridge/h264"
	"hutong/bridge/stream"
	"hutong/sfu"
)

// retryKeyframe is how long an egress that needs a keyframe waits for it before
// it asks again.
const retryKeyframe = time.Second

// egressVideo turns a browser's video packets into whole access units.
type egressVideo struct {
	e      *egress
	clock  rtpClock
	jitter *h264.JitterBuffer
	asm    *h264.Assembler
	asked  time.Time
	config *h264.Config
	nals   [][]byte

	damaged uint64 // counted so far
}

func (v *egressVideo) push(p sfu.TapPacket) {
	v.jitter.Push(p.Seq, h264.Packet{Timestamp: p.Timestamp, Marker: p.Marker, Payload: p.Payload}, p.Arrival)
	v.drain(p.Arrival)
}

func (v *egressVideo) drain(now time.Time) {
	for {
		p, lost, ok := v.jitter.Pop(now)
		if lost > 0 {
			v.e.b.Stats.LostPackets.Add(int64(lost))
			v.asm.Lost(lost)
		}
		if !ok {
			break
		}
		for _, au := range v.asm.Push(p) {
			v.write(au, now)
		}
	}
	if st := v.asm.Stats(); st.Damaged+st.Dependent != v.damaged {
		n := st.Damaged + st.Dependent - v.damaged
		v.damaged += n
		v.e.b.Stats.DamagedFrames.Add(int64(n))
		v.e.s.Drop("loss", int(n))
	}
	if v.asm.NeedKeyframe() && now.Sub(v.asked) > retryKeyframe {
		v.asked = now
		v.e.requestKeyframe()
	}
}

func (v *egressVideo) write(au h264.AccessUnit, now time.Time) {
	if au.Config == nil {
		return
	}
	if au.Config != v.config {
		v.config = au.Config
		v.e.turn.SetVideo(au.Config)
	}
	if !v.clock.started {
		v.clock.anchor(au.Timestamp, now.Sub(v.e.began))
		v.e.lipSync()
	}
	pts := v.clock.media(au.Timestamp, now.Sub(v.e.began))
	v.nals = h264.WithoutParameterSets(v.nals[:0], au.NALs)
	size := stream.VideoHeaderSize
	for _, n := range v.nals {
		size += 4 + len(n)
	}
	body := append(make([]byte, 0, size), 0x27, 1, 0, 0, 0)
	if au.Key {
		body[0] = 0x17
	}
	v.e.turn.WriteVideo(pts, 0, au.Key, h264.AppendAVCC(body, v.nals))
	clear(v.nals)
	v.e.audio.begin(pts)
}
