package flv

import (
	"bytes"
	"encoding/binary"

	"github.com/yutopp/go-amf0"

	"hutong/bridge/stream"
)

// Codec numbers in onMetaData and in tag headers.
const (
	codecAVC = 7
	codecAAC = 10
)

// Encoder names us in metadata when the publisher did not name itself.
const Encoder = "hutong"

// Metadata returns an onMetaData script: the body of an FLV script tag, and of an
// RTMP data message. Both have to carry timestamp 0.
func Metadata(t *stream.Tracks) []byte {
	var m metadata
	m.value("onMetaData")
	m.WriteByte(byte(amf0.MarkerEcmaArray))
	count := m.Len()
	m.Write(make([]byte, 4))
	if t != nil {
		m.describe(t)
	}
	m.WriteString("\x00\x00\x09")
	b := m.Bytes()
	binary.BigEndian.PutUint32(b[count:], m.entries)
	return b
}

// metadata is an ECMA array under construction; go-amf0 would write a map in
// random order.
type metadata struct {
	bytes.Buffer
	entries uint32
}

func (m *metadata) value(v any) {
	// A bytes.Buffer takes everything.
	_ = amf0.NewEncoder(&m.Buffer).Encode(v)
}

func (m *metadata) set(key string, v any) {
	m.entries++
	m.Write(binary.BigEndian.AppendUint16(nil, uint16(len(key))))
	m.WriteString(key)
	m.value(v)
}

func (m *metadata) describe(t *stream.Tracks) {
	m.set("hasVideo", t.Video != nil)
	m.set("hasAudio", t.Audio != nil)
	if v := t.Video; v != nil {
		m.set("width", v.Width)
		m.set("height", v.Height)
		m.set("videocodecid", codecAVC)
		if t.FrameRate > 0 {
			m.set("framerate", t.FrameRate)
		}
		if t.VideoBitrate > 0 {
			m.set("videodatarate", t.VideoBitrate/1000)
		}
	}
	if a := t.Audio; a != nil {
		m.set("audiocodecid", codecAAC)
		m.set("audiosamplerate", a.SampleRate)
		m.set("audiosamplesize", 16)
		m.set("audiochannels", a.Channels)
		m.set("stereo", a.Channels > 1)
		if t.AudioBitrate > 0 {
			m.set("audiodatarate", t.AudioBitrate/1000)
		}
	}
	encoder := t.Encoder
	if encoder == "" {
		encoder = Encoder
	}
	m.set("encoder", encoder)
}
