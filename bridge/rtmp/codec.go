package rtmp

import (
	"errors"
	"fmt"
)

// ErrCodec is wrapped by the reason a publisher is ended for when neither its
// video nor its audio is what we take: H.264 and AAC.
var ErrCodec = errors.New("codec not supported")

// videoCodecs names the codec ids of FLV video tags (E.4.3.1, and those that
// vendors added).
var videoCodecs = map[byte]string{
	1: "JPEG", 2: "Sorenson H.263", 3: "Screen video", 4: "VP6", 5: "VP6 with alpha", 6: "Screen video 2",
	8: "H.263", 9: "MPEG-4 part 2", 12: "HEVC", 13: "AV1", 14: "VVC",
}

// audioCodecs names the sound formats of FLV audio tags (E.4.2.1).
var audioCodecs = map[byte]string{
	0: "PCM", 1: "ADPCM", 2: "MP3", 3: "PCM little endian", 4: "Nellymoser 16 kHz", 5: "Nellymoser 8 kHz",
	6: "Nellymoser", 7: "G.711 A-law", 8: "G.711 mu-law", 11: "Speex", 13: "Opus", 14: "MP3 8 kHz", 15: "device-specific sound",
}

// fourCCs names what enhanced RTMP tags carry.
var fourCCs = map[string]string{
	"hvc1": "HEVC", "av01": "AV1", "vp08": "VP8", "vp09": "VP9", "vvc1": "VVC",
	"Opus": "Opus", "fLaC": "FLAC", ".mp3": "MP3", "ac-3": "AC-3", "ec-3": "E-AC-3",
}

func codecName(names map[byte]string, id byte) string {
	if n := names[id]; n != "" {
		return n
	}
	return fmt.Sprintf("codec id %d", id)
}

func fourCCName(f string) string {
	if n := fourCCs[f]; n != "" {
		return n
	}
	return fmt.Sprintf("FourCC %q", f)
}

const (
	avc = 7
	aac = 10

	packetHeader = 0 // AVCPacketType and AACPacketType: a sequence header
	packetMedia  = 1

	frameKey     = 1
	frameCommand = 5
)

// Packet types of enhanced RTMP (v2, "Enhanced Video", "Enhanced Audio").
const (
	exSequenceStart = 0
	exCodedFrames   = 1
	exCodedFramesX  = 3
	exAudioTag      = 9
)

// plainVideo returns a video message as FLV VIDEODATA with AVC, whichever way it
// was written, or the name of a codec that is not H.264, or neither when there is
// nothing in it to keep. It writes into b.
func plainVideo(b []byte) (body []byte, refused string) {
	if b[0]&0x80 == 0 {
		if b[0]>>4 == frameCommand {
			return nil, ""
		}
		if id := b[0] & 0x0f; id != avc {
			return nil, codecName(videoCodecs, id)
		}
		if len(b) < 5 {
			return nil, ""
		}
		return b, ""
	}
	frame, kind := b[0]>>4&7, b[0]&0x0f
	if len(b) < 5 || frame == frameCommand {
		return nil, ""
	}
	if kind > 5 {
		return nil, "enhanced RTMP multitrack video"
	}
	if f := string(b[1:5]); f != "avc1" {
		return nil, fourCCName(f)
	}
	switch kind {
	case exSequenceStart, exCodedFramesX:
		clear(b[2:5])
	case exCodedFrames:
		if len(b) < 8 {
			return nil, ""
		}
		b = b[3:] // its composition time is where ours has to be
	default:
		return nil, ""
	}
	b[0], b[1] = frame<<4|avc, packetMedia
	if kind == exSequenceStart {
		b[1] = packetHeader
	}
	return b, ""
}

// plainAudio does for audio messages and AAC what plainVideo does.
func plainAudio(b []byte) (body []byte, refused string) {
	format := b[0] >> 4
	switch {
	case format == aac:
		if len(b) < 2 {
			return nil, ""
		}
		return b, ""
	case format != exAudioTag:
		return nil, codecName(audioCodecs, format)
	case len(b) < 5:
		return nil, ""
	}
	kind := b[0] & 0x0f
	if kind > 4 {
		return nil, "enhanced RTMP multitrack audio"
	}
	if f := string(b[1:5]); f != "mp4a" {
		return nil, fourCCName(f)
	}
	if kind != exSequenceStart && kind != exCodedFrames {
		return nil, ""
	}
	b = b[3:]
	b[0], b[1] = 0xaf, kind
	return b, ""
}
