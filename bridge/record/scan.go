package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"hutong/bridge/h264"
)

// ErrNotRecording says that a file is none that this package wrote.
var ErrNotRecording = errors.New("not a recording")

// scan is what is found in a file by walking over its boxes.
type scan struct {
	whole     int64 // bytes up to the end of the last whole fragment
	size      int64
	index     int64 // where the room for the index is, 0 if there is none
	fragments int
	tracks    map[uint32]*scanTrack
	entries   []indexEntry
	zero      time.Time // the instant of the file's zero; zero if no fragment says
}

type scanTrack struct {
	scale   int64
	width   int
	height  int
	sounds  int // channels
	profile string
	video   bool
	begin   uint64
	end     uint64
	began   bool
	samples int
	last    uint64
	holes   []Hole
}

func (t *scanTrack) duration(units uint64) time.Duration {
	return time.Duration(float64(units) / float64(t.scale) * float64(time.Second))
}

// reach is how long the file is.
func (s *scan) reach() time.Duration {
	var d time.Duration
	for _, t := range s.tracks {
		if t.began {
			d = max(d, t.duration(t.end))
		}
	}
	return d
}

func (s *scan) lead() (id uint32, t *scanTrack) {
	for k, v := range s.tracks {
		if t == nil || v.video {
			id, t = k, v
		}
	}
	return id, t
}

const maxHead = 16 << 20 // of a moov or a moof

// scanFile walks over the boxes of a file. It ends without an error where the
// file does, even in the midst of a fragment.
func scanFile(f *os.File) (*scan, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s := &scan{size: info.Size(), tracks: map[uint32]*scanTrack{}}
	var moof []byte
	for at := int64(0); ; {
		head := make([]byte, 8)
		if _, err := f.ReadAt(head, at); err != nil {
			return s, eof(err)
		}
		size, kind := int64(binary.BigEndian.Uint32(head)), string(head[4:])
		if size < 8 {
			return s, s.broken(fmt.Errorf("a box of %d bytes at %d", size, at))
		}
		if at+size > s.size {
			return s, s.broken(nil)
		}
		var body []byte
		if kind == "moov" || kind == "moof" || kind == "prft" {
			if size > maxHead {
				return s, s.broken(fmt.Errorf("a %s of %d bytes", kind, size))
			}
			body = make([]byte, size-8)
			if _, err := f.ReadAt(body, at+8); err != nil {
				return s, eof(err)
			}
		}
		at += size
		switch kind {
		case "moov":
			if err := s.header(body); err != nil {
				return s, err
			}
		case "free", "sidx":
			if s.index == 0 && s.fragments == 0 {
				s.index = at - size
				at = s.index + sidxHead + indexRoom*sidxEntry // whatever a crash has left there
			}
		case "prft":
			if len(body) >= 24 {
				media, instant := prftTime(body)
				if t := s.tracks[binary.BigEndian.Uint32(body[4:])]; t != nil {
					s.zero = instant.Add(-t.duration(uint64(media)))
				}
			}
		case "moof":
			moof = body
		case "mdat":
			if err := s.fragment(moof, at-s.whole); err != nil {
				return s, err
			}
			moof = nil
		}
		if kind == "mdat" || s.fragments == 0 && kind != "moof" && kind != "prft" {
			s.whole = at
		}
	}
}

func eof(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// broken is fine at the end of a file, which a crash leaves anywhere; a file
// without a header is none of ours.
func (s *scan) broken(err error) error {
	if len(s.tracks) == 0 {
		return fmt.Errorf("%w: %w", ErrNotRecording, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return nil
}

// each calls f for the boxes in b.
func each(b []byte, f func(kind string, body []byte)) error {
	for len(b) > 0 {
		if len(b) < 8 {
			return ErrNotRecording
		}
		size := int(binary.BigEndian.Uint32(b))
		if size < 8 || size > len(b) {
			return ErrNotRecording
		}
		f(string(b[4:8]), b[8:size])
		b = b[size:]
	}
	return nil
}

func (s *scan) header(moov []byte) error {
	return each(moov, func(kind string, trak []byte) {
		if kind != "trak" {
			return
		}
		t := &scanTrack{}
		var id uint32
		var walk func(string, []byte)
		walk = func(kind string, b []byte) {
			switch {
			case kind == "tkhd" && len(b) >= 16:
				id = binary.BigEndian.Uint32(b[12:])
			case kind == "mdia":
				each(b, walk)
			case kind == "mdhd" && len(b) >= 16:
				t.scale = int64(binary.BigEndian.Uint32(b[12:]))
			case kind == "hdlr" && len(b) >= 12:
				t.video = string(b[8:12]) == "vide"
			case kind == "minf", kind == "stbl":
				each(b, walk)
			case kind == "stsd" && len(b) >= 8:
				each(b[8:], walk)
			case kind == "avc1" && len(b) >= 78:
				t.width, t.height = int(binary.BigEndian.Uint16(b[24:])), int(binary.BigEndian.Uint16(b[26:]))
				each(b[78:], walk)
			case kind == "avcC":
				if c, err := h264.ParseConfig(b); err == nil {
					t.width, t.height, t.profile = c.Width, c.Height, c.Profile
				}
			case kind == "mp4a" && len(b) >= 28:
				t.sounds = int(binary.BigEndian.Uint16(b[16:]))
			}
		}
		each(trak, walk)
		if t.scale > 0 {
			s.tracks[id] = t
		}
	})
}

// describe says what the tracks are that have samples.
func (s *scan) describe() (v *FileVideo, a *FileAudio) {
	for _, t := range s.tracks {
		switch {
		case !t.began:
		case t.video:
			v = &FileVideo{Width: t.width, Height: t.height, Profile: t.profile}
		default:
			a = &FileAudio{SampleRate: int(t.scale), Channels: t.sounds}
		}
	}
	return v, a
}

// fragment notes a whole fragment of so many bytes.
func (s *scan) fragment(moof []byte, bytes int64) error {
	if moof == nil {
		return nil
	}
	lead, leading := s.lead()
	key, at := false, uint64(0)
	err := each(moof, func(kind string, traf []byte) {
		if kind != "traf" {
			return
		}
		var id uint32
		var base uint64
		each(traf, func(kind string, b []byte) {
			t := s.tracks[id]
			switch {
			case kind == "tfhd" && len(b) >= 8:
				id = binary.BigEndian.Uint32(b[4:])
			case kind == "tfdt" && len(b) >= 12:
				base = binary.BigEndian.Uint64(b[4:])
			case kind == "trun" && t != nil:
				first := t.run(base, b)
				if id == lead {
					key, at = first, base
				}
			}
		})
	})
	if err != nil {
		return err
	}
	s.fragments++
	n := len(s.entries)
	if leading != nil && !leading.video {
		key = n == 0 || int64(at)-s.entries[n-1].time >= 2*leading.scale
	}
	if n == 0 || key {
		s.entries = append(s.entries, indexEntry{bytes, int64(at)})
	} else {
		s.entries[n-1].bytes += bytes
	}
	return nil
}

// run notes the samples of a trun as [fmp4.Part] writes it, and tells whether the
// first is a keyframe.
func (t *scanTrack) run(base uint64, b []byte) (key bool) {
	if len(b) < 12 {
		return false
	}
	flags, n := binary.BigEndian.Uint32(b)&0xffffff, int(binary.BigEndian.Uint32(b[4:]))
	b = b[8:]
	for _, f := range []uint32{1, 4} {
		if flags&f != 0 && len(b) >= 4 {
			b = b[4:]
		}
	}
	width := 0
	for _, f := range []uint32{0x100, 0x200, 0x400, 0x800} {
		if flags&f != 0 {
			width += 4
		}
	}
	if flags&0x100 == 0 || n*width > len(b) {
		return false
	}
	if !t.began {
		t.began, t.begin = true, base
	}
	key = true
	for i := range n {
		sample := b[i*width:]
		d := uint64(binary.BigEndian.Uint32(sample))
		if i == 0 && flags&0x400 != 0 {
			o := 4
			if flags&0x200 != 0 {
				o += 4
			}
			key = binary.BigEndian.Uint32(sample[o:])&(1<<16) == 0
		}
		if length := t.duration(d); length > missing {
			name := "audio"
			if t.video {
				name = "video"
			}
			from, own := t.duration(base+t.last).Milliseconds(), t.duration(t.last).Milliseconds()
			t.holes = append(t.holes, Hole{Track: name, FromMS: from, LengthMS: length.Milliseconds() - own})
		} else {
			t.last = d
		}
		base += d
	}
	t.samples += n
	t.end = base
	return key
}
