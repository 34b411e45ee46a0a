package audio

import (
	"errors"
	"strings"
	"testing"
)

func TestParseConfig(t *testing.T) {
	for _, test := range []struct {
		name     string
		asc      string // bits, padded with zeros
		kind     string
		rate, ch int
		why      string // in the error of Supported, "" for nil
	}{
		{"48 kHz stereo", "00010 0011 0010 000", "AAC-LC", 48000, 2, ""},
		{"44.1 kHz mono", "00010 0100 0001 000", "AAC-LC", 44100, 1, ""},
		{"8 kHz mono", "00010 1011 0001 000", "AAC-LC", 8000, 1, ""},
		{"ffmpeg's, which says there is no SBR", "00010 0100 0010 000 01010110111 00101 0", "AAC-LC", 44100, 2, ""},
		{"an escaped rate", "00010 1111 000000001011101110000000 0010 000", "AAC-LC", 48000, 2, ""},
		{"HE-AAC, explicit", "00101 0110 0010 0011 00010 000", "HE-AAC", 48000, 2, "HE-AAC at 48000"},
		{"HE-AAC, backward compatible", "00010 0111 0010 000 01010110111 00101 1 0100", "HE-AAC", 44100, 2, "HE-AAC"},
		{"HE-AACv2, explicit", "11101 0111 0001 0100 00010 000", "HE-AACv2", 44100, 1, "HE-AACv2"},
		{"HE-AACv2, backward compatible", "00010 0111 0001 000 01010110111 00101 1 0100 10101001000 1", "HE-AACv2", 44100, 1, "HE-AACv2"},
		{"5.1", "00010 0011 0110 000", "AAC-LC", 48000, 6, "5.1"},
		{"7.1", "00010 0011 0111 000", "AAC-LC", 48000, 8, "configuration 7"},
		{"a program config element", "00010 0011 0000 000", "AAC-LC", 48000, 0, "PCE"},
		{"960-sample frames", "00010 0011 0010 100", "AAC-LC", 48000, 2, "960"},
		{"a core coder", "00010 0011 0010 010 00000000000000", "AAC-LC", 48000, 2, "core coder"},
		{"7.35 kHz", "00010 1100 0001 000", "AAC-LC", 7350, 1, "7350 Hz"},
		{"11.025 kHz", "00010 1010 0001 000", "AAC-LC", 11025, 1, "11025 Hz"},
		{"96 kHz", "00010 0000 0010 000", "AAC-LC", 96000, 2, "96000 Hz"},
		{"Main", "00001 0011 0010 000", "AAC-Main", 48000, 2, "AAC-Main"},
		{"LD", "10111 0011 0010 000", "AAC-LD", 48000, 2, "AAC-LD"},
		{"ELD", "11111 000111 0011 0010", "AAC-ELD", 48000, 2, "AAC-ELD"},
		{"xHE-AAC", "11111 001010 0011 0010", "xHE-AAC", 48000, 2, "xHE-AAC"},
		{"CELP", "01000 1000 0001", "MPEG-4 audio object type 8", 16000, 1, "object type 8"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, err := ParseConfig(fromBits(test.asc))
			if err != nil {
				t.Fatal(err)
			}
			if c.ObjectType != test.kind || c.SampleRate != test.rate || c.Channels != test.ch {
				t.Errorf("got %+v", c)
			}
			err = c.Supported()
			switch {
			case test.why == "" && err != nil:
				t.Error(err)
			case test.why != "" && (!errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), test.why)):
				t.Errorf("got %v, want it to name %q", err, test.why)
			}
			if err == nil {
				x := NewToOpus(ToOpusOptions{})
				defer x.Close()
				if err := x.SetConfig(c); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestParseConfigSyntax(t *testing.T) {
	for name, buf := range map[string][]byte{
		"empty":         {},
		"one byte":      {0x11},
		"reserved rate": fromBits("00010 1101 0010 000"),
		"no rate":       fromBits("00010 1111 000000000000000000000000 0010 000"),
		"null object":   fromBits("00000 0011 0010 000"),
		"cut HE-AAC":    fromBits("00101 0110 0010"),
		"too long":      make([]byte, 1000),
	} {
		if c, err := ParseConfig(buf); !errors.Is(err, ErrSyntax) {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

func fromBits(s string) []byte {
	s = strings.ReplaceAll(s, " ", "")
	buf := make([]byte, (len(s)+7)/8)
	for i, c := range s {
		if c == '1' {
			buf[i/8] |= 0x80 >> (i % 8)
		}
	}
	return buf
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte{0x11, 0x90})
	f.Add([]byte{0x12, 0x10, 0x56, 0xe5, 0x00})
	f.Add([]byte{0x2b, 0x11, 0x88, 0x00})
	f.Add([]byte{0xf8, 0xe6, 0x30, 0x00})
	f.Fuzz(func(t *testing.T, buf []byte) {
		c, err := ParseConfig(buf)
		if err != nil {
			if !errors.Is(err, ErrSyntax) {
				t.Fatal(err)
			}
			return
		}
		if err := c.Supported(); err != nil && !errors.Is(err, ErrUnsupported) {
			t.Fatal(err)
		}
		x := NewToOpus(ToOpusOptions{})
		defer x.Close()
		if got := x.SetConfig(c); (got == nil) != (c.Supported() == nil) {
			t.Fatalf("Supported says %v, SetConfig %v", c.Supported(), got)
		}
	})
}
