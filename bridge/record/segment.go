package record

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4"

	"hutong/bridge/h264"
	"hutong/bridge/stream"
)

// indexRoom is how many entries of an index find room in a file: one for each
// group of pictures. Where there are more, neighbours share one.
const indexRoom = 1500

const (
	sidxHead  = 40 // bytes of a version 1 sidx before its entries
	sidxEntry = 12
)

// segment is one file being written.
type segment struct {
	path   string
	f      *os.File
	size   int64 // of what is whole
	index  int64 // where the room for the index is
	tracks *stream.Tracks
	video  *track // nil without
	audio  *track
	seq    uint32

	base    time.Duration // the media time of the stream that is the file's zero
	zero    time.Time     // the instant of the file's zero
	offset  time.Duration // of the clock, at zero
	opened  time.Time
	entries []indexEntry
	starts  bool // the fragment to come begins with a keyframe
	written time.Duration
	dropped int
}

type indexEntry struct {
	bytes int64
	time  int64 // of the first track
}

// newSegment makes a file with its header. Its first frame has the media time
// base, which is the instant zero.
func newSegment(path string, tr *stream.Tracks, base time.Duration, zero time.Time, offset time.Duration) (*segment, error) {
	s := &segment{path: path, tracks: tr, base: base, zero: zero, offset: offset, opened: time.Now()}
	init := fmp4.Init{}
	if tr.Video != nil {
		s.video = videoTrack(1, tr.Video)
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: 1, TimeScale: videoScale, Codec: &mp4.CodecH264{SPS: tr.Video.SPS[0], PPS: tr.Video.PPS[0]}})
	}
	if tr.Audio != nil {
		var asc mpeg4audio.AudioSpecificConfig
		if err := asc.Unmarshal(tr.Audio.ASC); err != nil {
			return nil, fmt.Errorf("recording audio of configuration %x: %w; let the publisher send AAC-LC", tr.Audio.ASC, err)
		}
		s.audio = audioTrack(2, tr.Audio)
		init.Tracks = append(init.Tracks, &fmp4.InitTrack{ID: 2, TimeScale: uint32(tr.Audio.SampleRate), Codec: &mp4.CodecMPEG4Audio{Config: asc}})
	}
	var head seekablebuffer.Buffer
	if err := init.Marshal(&head); err != nil {
		return nil, fmt.Errorf("recording %s: the header: %w", filepath.Base(path), err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return nil, err
	}
	s.f, s.index = f, int64(len(head.Bytes()))
	out := append(head.Bytes(), freeBox(sidxHead+indexRoom*sidxEntry)...)
	if err := s.append(out); err != nil {
		f.Close()
		os.Remove(path)
		return nil, err
	}
	return s, syncDir(filepath.Dir(path))
}

func freeBox(size int) []byte {
	b := make([]byte, size)
	binary.BigEndian.PutUint32(b, uint32(size))
	copy(b[4:], "free")
	return b
}

// append writes a whole, and takes back what of it was written when that fails.
func (s *segment) append(b []byte) error {
	n, err := s.f.WriteAt(b, s.size)
	if err == nil {
		if err = s.f.Sync(); err == nil {
			s.size += int64(n)
			return nil
		}
	}
	return errors.Join(err, s.f.Truncate(s.size))
}

// place is where a media time of the stream belongs in the file.
func (s *segment) place(at, offset time.Duration) time.Duration {
	return at - s.base + offset - s.offset
}

// write takes a frame.
func (s *segment) write(f *stream.Frame, offset time.Duration) error {
	at := s.place(f.DTS, offset)
	if f.Kind == stream.Audio {
		if !s.audio.began && at < -s.audio.duration(s.audio.unit)/2 {
			return nil // it sounded before the file's first picture, and comes behind it
		}
		s.audio.add(at, &fmp4.Sample{Payload: f.Payload()})
		return nil
	}
	payload, err := avcc(f, s.tracks.Video)
	if err != nil {
		return err
	}
	s.video.add(at, &fmp4.Sample{Payload: payload, IsNonSyncSample: !f.Key, PTSOffset: int32(s.video.units(f.PTS - f.DTS))})
	if !f.Key || len(s.video.pending) > 0 && s.gathered() < leastFragment {
		return nil
	}
	// The keyframe is held back, so what is written ends right before it.
	if err := s.flush(); err != nil {
		return err
	}
	s.starts = true
	return nil
}

// leastFragment keeps a stream of keyframes only from one fragment for each.
const leastFragment = 200 * time.Millisecond

// avcc is a picture, with the parameter sets in front of keyframes that the header
// has no place for.
func avcc(f *stream.Frame, c *h264.Config) ([]byte, error) {
	if !f.Key || len(c.SPS) == 1 && len(c.PPS) == 1 {
		return f.Payload(), nil
	}
	nals, err := h264.SplitAVCC(nil, f.Payload(), 4)
	if err != nil {
		return nil, err
	}
	return h264.AppendAVCC(nil, append(append(append([][]byte{}, c.SPS...), c.PPS...), nals...)), nil
}

// gathered is how much is not written yet.
func (s *segment) gathered() time.Duration {
	var d time.Duration
	for _, t := range []*track{s.video, s.audio} {
		if t != nil && len(t.pending) > 0 {
			d = max(d, t.duration(t.heldAt-t.base))
		}
	}
	return d
}

// flush writes what has been gathered as one fragment.
func (s *segment) flush() error {
	part := fmp4.Part{SequenceNumber: s.seq + 1}
	lead := s.lead()
	begin := lead.base
	for _, t := range []*track{s.video, s.audio} {
		if t == nil {
			continue
		}
		if p := t.take(); p != nil {
			part.Tracks = append(part.Tracks, p)
		}
	}
	if len(part.Tracks) == 0 {
		return nil
	}
	var b seekablebuffer.Buffer
	if err := part.Marshal(&b); err != nil {
		return fmt.Errorf("recording %s: a fragment: %w", filepath.Base(s.path), err)
	}
	out := append(prft(lead.id, begin, s.zero.Add(lead.duration(begin))), b.Bytes()...)
	if err := s.append(out); err != nil {
		return err
	}
	s.seq++
	s.note(int64(len(out)), begin)
	s.written = s.reach()
	return nil
}

// lead is the track that the index is of.
func (s *segment) lead() *track {
	if s.video != nil {
		return s.video
	}
	return s.audio
}

// note adds a fragment to the index: to the entry before, unless it begins with a
// keyframe, or sound alone goes on for two seconds.
func (s *segment) note(bytes, at int64) {
	n := len(s.entries)
	if s.video == nil {
		s.starts = n == 0 || at-s.entries[n-1].time >= 2*s.audio.scale
	}
	if n == 0 || s.starts {
		s.entries = append(s.entries, indexEntry{bytes, at})
	} else {
		s.entries[n-1].bytes += bytes
	}
	s.starts = false
}

// reach is how long the file is, with what has not been written.
func (s *segment) reach() time.Duration {
	var d time.Duration
	for _, t := range []*track{s.video, s.audio} {
		if t != nil {
			d = max(d, t.reach())
		}
	}
	return d
}

// over takes the last samples in, and returns the instant at which the file ends.
func (s *segment) over() time.Time {
	for _, t := range []*track{s.video, s.audio} {
		if t != nil {
			t.end()
		}
	}
	return s.zero.Add(s.reach())
}

// close writes what is left, and the index, and says what the file is.
func (s *segment) close() (File, error) {
	flushed := s.flush()
	err := errors.Join(flushed, s.writeIndex(), s.f.Sync())
	file := s.describe()
	sum, hashed := hashFile(s.f)
	file.SHA256 = sum
	return file, errors.Join(err, hashed, s.f.Close())
}

func (s *segment) describe() File {
	file := File{Name: filepath.Base(s.path), StartedAt: s.zero.UTC(), DurationMS: s.written.Milliseconds(), Bytes: s.size, Dropped: s.dropped}
	if s.video != nil && s.video.began {
		file.Video = &FileVideo{Width: s.video.video.Width, Height: s.video.video.Height, Profile: s.video.video.Profile}
		file.Holes = append(file.Holes, s.video.gaps...)
	}
	if s.video != nil && !s.video.began && s.written > 0 {
		// Its keyframe never came.
		file.Holes = append(file.Holes, Hole{Track: "video", LengthMS: s.written.Milliseconds()})
	}
	if s.audio != nil && s.audio.began {
		file.Audio = &FileAudio{SampleRate: s.audio.audio.SampleRate, Channels: s.audio.audio.Channels}
		file.Holes = append(file.Holes, s.audio.gaps...)
	}
	return file
}

func (s *segment) writeIndex() error {
	if len(s.entries) == 0 {
		return nil
	}
	lead := s.lead()
	_, err := s.f.WriteAt(sidx(lead.id, lead.scale, s.entries, lead.heldAt), s.index)
	return err
}

func hashFile(f *os.File) (string, error) {
	h := sha256.New()
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
