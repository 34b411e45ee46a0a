package rtmp

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"hutong/bridge/audio"
	"hutong/bridge/h264"
	"hutong/bridge/stream"
)

// codecPatience is how long a publisher whose one half is refused may take to
// begin the other.
const codecPatience = 2 * time.Second

// publishing turns a publisher's messages into frames of a turn.
type publishing struct {
	raw  string // the name as the client wrote it, without its query
	pub  *stream.Publication
	turn *stream.Turn
	obs  *Observer
	log  *slog.Logger
	// warn tells the publisher of something that does not end the stream.
	warn func(text string)

	clock  clock
	config *h264.Config // of the video, nil before its first header
	length int          // bytes of a NAL unit's length
	nals   [][]byte

	halves    [2]half // video, audio
	described bool    // metadata has come
	warned    map[string]bool
}

// half is what is known of a publisher's video or audio.
type half struct {
	usable    bool
	announced bool   // in the metadata
	refused   string // the codec
	since     time.Time
}

const (
	video = iota
	sound
)

func newPublishing(pub *stream.Publication, raw string, obs *Observer, log *slog.Logger, warn func(string)) *publishing {
	return &publishing{raw: raw, pub: pub, turn: pub.Turn(), obs: obs, log: log, warn: warn, length: 4, warned: map[string]bool{}}
}

func (p *publishing) close(final bool) { p.pub.Close(final) }

// message takes an audio, video or data message that is not empty. Its error ends
// the publication.
func (p *publishing) message(m Message) error {
	switch m.Type {
	case typeVideo:
		body, refused := plainVideo(m.Body)
		if refused != "" {
			return p.refuse(video, refused)
		}
		if body != nil {
			p.video(p.clock.at(m.Timestamp), body)
		}
	case typeAudio:
		body, refused := plainAudio(m.Body)
		if refused != "" {
			return p.refuse(sound, refused)
		}
		if body != nil {
			p.audio(p.clock.at(m.Timestamp), body)
		}
	case typeData:
		p.data(m.Body)
	case typeData3:
		p.data(m.Body[1:])
	}
	return nil
}

func (p *publishing) video(ts time.Duration, b []byte) {
	switch b[1] {
	case packetHeader:
		c, err := h264.ParseConfig(b[stream.VideoHeaderSize:])
		if err != nil {
			p.bad("video", err)
			return
		}
		p.length = c.LengthSize
		p.setVideo(c)
	case packetMedia:
		p.picture(ts, b)
	}
}

func (p *publishing) setVideo(c *h264.Config) {
	if !c.Equal(p.config) {
		p.log.Info("video", "profile", c.Profile, "level", c.Level, "width", c.Width, "height", c.Height)
	}
	p.config = c
	p.halves[video] = half{usable: true}
	p.turn.SetVideo(c)
}

// picture writes one access unit. Parameter sets in it count as much as those of
// a sequence header: some encoders change them nowhere else.
func (p *publishing) picture(ts time.Duration, b []byte) {
	nals, err := h264.SplitAVCC(p.nals[:0], b[stream.VideoHeaderSize:], p.length)
	if err != nil {
		p.bad("video", err)
		return
	}
	p.nals = nals[:0]
	defer clear(nals)
	if len(nals) == 0 {
		return
	}
	switch c, err := p.config.Update(nals); {
	case err != nil:
		p.bad("video", err)
	case c != p.config:
		p.setVideo(c)
	}
	if p.length != 4 {
		b = h264.AppendAVCC(append(make([]byte, 0, len(b)+4*len(nals)), b[:stream.VideoHeaderSize]...), nals)
	}
	key := h264.IsKeyframe(nals) || b[0]>>4 == frameKey && h264.IsRecoveryPoint(nals)
	if key {
		b[0] = frameKey<<4 | avc
	}
	cts := time.Duration(int32(uint24(b[2:])<<8)>>8) * time.Millisecond
	p.turn.WriteVideo(ts, cts, key, b)
}

func (p *publishing) audio(ts time.Duration, b []byte) {
	switch b[1] {
	case packetHeader:
		c, err := audio.ParseConfig(b[stream.AudioHeaderSize:])
		if err != nil {
			p.bad("audio", err)
			return
		}
		p.setAudio(c)
	case packetMedia:
		if len(b) > stream.AudioHeaderSize {
			p.turn.WriteAudio(ts, b)
		}
	}
}

// setAudio takes any AAC: RTMP and FLV players may know what the crossing to
// WebRTC does not.
func (p *publishing) setAudio(c *audio.Config) {
	if err := c.Supported(); err != nil && !p.warned[c.ObjectType] {
		p.warned[c.ObjectType] = true
		p.obs.CodecRefused(c.ObjectType)
		p.log.Warn("audio reaches no WebRTC player", "codec", c.ObjectType, "err", err)
		p.warn(fmt.Sprintf("browsers will not hear this stream: %v", err))
	}
	p.halves[sound] = half{usable: true}
	p.turn.SetAudio(c)
}

// data reads metadata, which is @setDataFrame, onMetaData, {...} or without its
// first word. Other data messages are not passed on.
func (p *publishing) data(b []byte) {
	values, err := decodeAMF(b)
	if err != nil {
		p.bad("amf", err)
		return
	}
	if len(values) > 0 && values[0] == "@setDataFrame" {
		values = values[1:]
	}
	if len(values) < 2 || values[0] != "onMetaData" {
		return
	}
	meta, _ := values[1].(map[string]any)
	rate := func(key string, unit float64) float64 {
		v, _ := meta[key].(float64)
		if v *= unit; math.IsNaN(v) || v < 0 || v > 1e9 {
			return 0
		}
		return v
	}
	encoder, _ := meta["encoder"].(string)
	fps := rate("framerate", 1)
	if fps > 1000 {
		fps = 0
	}
	p.turn.Describe(printable(encoder), fps, rate("videodatarate", 1000), rate("audiodatarate", 1000))
	p.described = true
	for i, key := range [...]string{video: "videocodecid", sound: "audiocodecid"} {
		v, ok := meta[key]
		p.halves[i].announced = ok && v != 0.0 && v != nil
	}
}

// refuse notes a codec that is not ours. The stream goes on without that half if
// the other one is usable, or may still come.
func (p *publishing) refuse(kind int, codec string) error {
	now := time.Now()
	h, other := &p.halves[kind], &p.halves[1-kind]
	name, wanted := "video", "H.264"
	if kind == sound {
		name, wanted = "audio", "AAC-LC"
	}
	if h.refused != codec {
		h.refused = codec
		if h.since.IsZero() {
			h.since = now
		}
		p.obs.CodecRefused(codec)
		p.log.Warn("codec refused", "kind", name, "codec", codec, "fix", "publish "+wanted)
		p.warn(fmt.Sprintf("%s codec %s is not supported, send %s: the stream goes on without %s", name, codec, wanted, name))
		if h.usable {
			h.usable = false
			p.drop(kind)
		}
	}
	if other.usable {
		return nil
	}
	if v, a := p.halves[video].refused, p.halves[sound].refused; v != "" && a != "" {
		return fmt.Errorf("%w: video codec %s and audio codec %s; send H.264 and AAC-LC", ErrCodec, v, a)
	}
	if alone := p.described && !other.announced; alone || now.Sub(h.since) > codecPatience {
		return fmt.Errorf("%w: %s codec %s; send %s", ErrCodec, name, codec, wanted)
	}
	return nil
}

func (p *publishing) drop(kind int) {
	if kind == sound {
		p.turn.SetAudio(nil)
		return
	}
	p.config = nil
	p.turn.SetVideo(nil)
}

// bad counts input that was not taken, and says so once for each kind.
func (p *publishing) bad(kind string, err error) {
	p.obs.BadInput(kind)
	if !p.warned[kind] {
		p.warned[kind] = true
		p.log.Warn("bad input dropped", "kind", kind, "err", err)
	}
}

// farewell is what a publisher is told that has to go.
func farewell(reason error) (level, code string) {
	switch {
	case errors.Is(reason, ErrShutdown), errors.Is(reason, stream.ErrClosed):
		return levelStatus, codeUnpublish
	case errors.Is(reason, stream.ErrReplaced), errors.Is(reason, stream.ErrInUse):
		return levelError, codePublishBadName
	}
	return levelError, codePublishRejected
}

// clock unwraps 32-bit millisecond timestamps. Audio and video share one.
type clock struct {
	begun bool
	last  uint32
	at64  int64
}

func (c *clock) at(ts uint32) time.Duration {
	if !c.begun {
		c.begun, c.at64 = true, int64(ts)
	} else {
		c.at64 += int64(int32(ts - c.last))
	}
	c.last = ts
	return time.Duration(c.at64) * time.Millisecond
}
