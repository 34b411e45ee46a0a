package h264

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
)

// Config is what an AVCDecoderConfigurationRecord, or what SPS and PPS in the stream, say. The
// fields after PPS describe SPS[0]. Make one by ParseConfig, NewConfig or Update; share it
// freely and change none.
type Config struct {
	SPS, PPS      [][]byte // NAL units without start code or length
	LengthSize    int      // bytes in front of each NAL unit of AVCC data that came with it, 1 to 4
	Width, Height int      // pixels, after cropping
	Profile       string   // baseline, constrained-baseline, main, extended, high, high10, high422, high444
	Level         string   // "3.1", "1b"
	FPS           float64  // frames per second as VUI timing says, 0 if it does not
	MaxReorder    int      // max_num_reorder_frames of the VUI, -1 if it does not say

	sps []h264.SPS
	pps []pps
}

// ParseConfig reads an AVCDecoderConfigurationRecord (ISO/IEC 14496-15 section 5.3.3.1). The result
// owns its memory. Bytes after the picture parameter sets (the high profile extension) repeat what
// the SPS says and are not read.
func ParseConfig(record []byte) (*Config, error) {
	if len(record) < 7 {
		return nil, fmt.Errorf("%w: %d bytes, want at least 7; send a whole sequence header", ErrRecord, len(record))
	}
	if record[0] != 1 {
		return nil, fmt.Errorf("%w: version %d, want 1; send AVCC, not Annex B", ErrRecord, record[0])
	}
	rest := record[5:]
	var sets [2][][]byte
	for i, mask := range []byte{0x1f, 0xff} {
		if len(rest) == 0 {
			return nil, fmt.Errorf("%w: ends before the PPS count; send a whole sequence header", ErrRecord)
		}
		n := int(rest[0] & mask)
		rest = rest[1:]
		for range n {
			if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
				return nil, fmt.Errorf("%w: parameter set runs over the end of %d bytes; send a whole sequence header",
					ErrRecord, len(record))
			}
			size := int(binary.BigEndian.Uint16(rest))
			if size > 0 {
				sets[i] = append(sets[i], rest[2:2+size])
			}
			rest = rest[2+size:]
		}
	}
	c, err := NewConfig(sets[0], sets[1])
	if err != nil {
		return nil, err
	}
	c.LengthSize = int(record[4]&3) + 1
	return c, nil
}

// NewConfig makes a Config of parameter sets found in the stream, with LengthSize 4. It copies them.
func NewConfig(sps, pps [][]byte) (*Config, error) {
	switch {
	case len(sps) == 0:
		return nil, fmt.Errorf("%w: send one before the first keyframe", ErrNoSPS)
	case len(pps) == 0:
		return nil, fmt.Errorf("%w: send one before the first keyframe", ErrNoPPS)
	case len(sps) > 31 || len(pps) > 255:
		return nil, fmt.Errorf("%w: %d SPS and %d PPS, limit 31 and 255; send only those in use", ErrParameter, len(sps), len(pps))
	}
	c := &Config{LengthSize: 4}
	for _, nal := range sps {
		s, err := parseSPS(nal)
		if err != nil {
			return nil, err
		}
		c.SPS = append(c.SPS, bytes.Clone(nal))
		c.sps = append(c.sps, s)
	}
	for _, nal := range pps {
		p, err := parsePPS(nal)
		if err != nil {
			return nil, err
		}
		c.PPS = append(c.PPS, bytes.Clone(nal))
		c.pps = append(c.pps, p)
	}
	c.describe()
	return c, nil
}

func (c *Config) describe() {
	s := &c.sps[0]
	c.Width, c.Height = pictureSize(s)
	c.Profile = profileName(s)
	c.Level = levelName(s)
	c.MaxReorder = -1
	if v := s.VUI; v != nil {
		if t := v.TimingInfo; t != nil && t.NumUnitsInTick > 0 {
			c.FPS = float64(t.TimeScale) / (2 * float64(t.NumUnitsInTick))
		}
		if r := v.BitstreamRestriction; r != nil {
			c.MaxReorder = int(min(r.MaxNumReorderFrames, 16))
		}
	}
}

func profileName(s *h264.SPS) string {
	switch s.ProfileIdc {
	case 66:
		if s.ConstraintSet1Flag {
			return "constrained-baseline"
		}
		return "baseline"
	case 77:
		return "main"
	case 88:
		return "extended"
	case 100:
		return "high"
	case 110:
		return "high10"
	case 122:
		return "high422"
	case 244:
		return "high444"
	}
	return fmt.Sprintf("profile %d", s.ProfileIdc)
}

func levelName(s *h264.SPS) string {
	if s.LevelIdc == 9 || s.LevelIdc == 11 && s.ConstraintSet3Flag && s.ProfileIdc < 100 {
		return "1b"
	}
	return fmt.Sprintf("%d.%d", s.LevelIdc/10, s.LevelIdc%10)
}

// Record writes an AVCDecoderConfigurationRecord that states 4-byte lengths, with the extension
// fields where the profile asks for them.
func (c *Config) Record() []byte {
	first := c.SPS[0]
	b := []byte{1, first[1], first[2], first[3], 0xfc | 3, 0xe0 | byte(len(c.SPS))}
	appendSets := func(sets [][]byte) {
		for _, nal := range sets {
			b = binary.BigEndian.AppendUint16(b, uint16(len(nal)))
			b = append(b, nal...)
		}
	}
	appendSets(c.SPS)
	b = append(b, byte(len(c.PPS)))
	appendSets(c.PPS)
	switch first[1] {
	case 66, 77, 88:
	default:
		s := &c.sps[0]
		b = append(b, 0xfc|byte(s.ChromaFormatIdc), 0xf8|byte(s.BitDepthLumaMinus8), 0xf8|byte(s.BitDepthChromaMinus8), 0)
	}
	return b
}

// Equal tells whether both have the same parameter sets in the same order. A nil Config equals nil only.
func (c *Config) Equal(o *Config) bool {
	if c == nil || o == nil {
		return c == o
	}
	return slices.EqualFunc(c.SPS, o.SPS, bytes.Equal) && slices.EqualFunc(c.PPS, o.PPS, bytes.Equal)
}

// ProfileLevelID is the profile-level-id of RFC 6184 section 8.1, such as "42e01f".
func (c *Config) ProfileLevelID() string { return hex.EncodeToString(c.SPS[0][1:4]) }

// Update returns the Config that holds after the parameter sets among nals: c itself, the same
// pointer, when they say nothing new. The SPS that came last becomes SPS[0]; a changed SPS takes the
// PPS that refer to it with it. c may be nil. On error c comes back unchanged.
func (c *Config) Update(nals [][]byte) (*Config, error) {
	if !c.differs(nals) {
		return c, nil
	}
	next := Config{LengthSize: 4}
	if c != nil {
		next = Config{SPS: slices.Clone(c.SPS), PPS: slices.Clone(c.PPS), LengthSize: c.LengthSize}
	}
	for _, nal := range nals {
		switch nalType(nal) {
		case nalSPS:
			if err := next.putSPS(nal); err != nil {
				return c, err
			}
		case nalPPS:
			if err := next.putPPS(nal); err != nil {
				return c, err
			}
		}
	}
	made, err := NewConfig(next.SPS, next.PPS)
	if err != nil {
		return c, err
	}
	made.LengthSize = next.LengthSize
	return made, nil
}

func (c *Config) differs(nals [][]byte) bool {
	for _, nal := range nals {
		switch nalType(nal) {
		case nalSPS:
			if c == nil || !bytes.Equal(c.SPS[0], nal) {
				return true
			}
		case nalPPS:
			if c == nil || !slices.ContainsFunc(c.PPS, func(p []byte) bool { return bytes.Equal(p, nal) }) {
				return true
			}
		}
	}
	return false
}

func (c *Config) putSPS(nal []byte) error {
	s, err := parseSPS(nal)
	if err != nil {
		return err
	}
	changed := false
	c.SPS = slices.DeleteFunc(c.SPS, func(old []byte) bool {
		o, err := parseSPS(old)
		if err != nil || o.ID != s.ID {
			return false
		}
		changed = !bytes.Equal(old, nal)
		return true
	})
	if changed {
		c.PPS = slices.DeleteFunc(c.PPS, func(old []byte) bool {
			p, err := parsePPS(old)
			return err != nil || p.spsID == s.ID
		})
	}
	c.SPS = slices.Insert(c.SPS, 0, nal)
	return nil
}

func (c *Config) putPPS(nal []byte) error {
	p, err := parsePPS(nal)
	if err != nil {
		return err
	}
	for i, old := range c.PPS {
		if o, err := parsePPS(old); err == nil && o.id == p.id {
			c.PPS[i] = nal
			return nil
		}
	}
	c.PPS = append(c.PPS, nal)
	return nil
}
