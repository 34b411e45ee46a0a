package testmedia

import (
	"encoding/binary"
	"io"
	"math"
)

// Amplitude is the peak of every tone, full scale being 1.
const Amplitude = 0.25

// beepLength is how long a beep sounds, in seconds. It begins with the flash.
const beepLength = 0.1

// sound gives sample n of a channel.
func (s Spec) sound(n, channel int) float64 {
	hz := float64(s.ToneHz)
	if channel == 1 {
		hz *= 1.5
	}
	at := float64(n) / float64(s.AudioRate)
	if s.FlashBeep {
		if into := at - math.Floor(at); at < 1 || into >= beepLength {
			return 0
		}
	}
	return Amplitude * math.Sin(2*math.Pi*hz*at)
}

// writeWAV writes the clip's sound as 16-bit PCM.
func (s Spec) writeWAV(w io.Writer) error {
	frames := int(s.Duration.Seconds() * float64(s.AudioRate))
	size := uint32(frames * s.Channels * 2)
	b := append(make([]byte, 0, 44+size), "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, 36+size)
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, uint16(s.Channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(s.AudioRate))
	b = binary.LittleEndian.AppendUint32(b, uint32(s.AudioRate*s.Channels*2))
	b = binary.LittleEndian.AppendUint16(b, uint16(s.Channels*2))
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, size)
	for n := range frames {
		for channel := range s.Channels {
			b = binary.LittleEndian.AppendUint16(b, uint16(int16(math.Round(s.sound(n, channel)*32767))))
		}
	}
	_, err := w.Write(b)
	return err
}
