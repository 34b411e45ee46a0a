package flv

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"go.uber.org/goleak"

	"hutong/bridge/audio"
	"hutong/bridge/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestHeader(t *testing.T) {
	for _, tc := range []struct {
		video, audio bool
		flags        byte
	}{{true, true, 5}, {true, false, 1}, {false, true, 4}} {
		want := []byte{'F', 'L', 'V', 1, tc.flags, 0, 0, 0, 9, 0, 0, 0, 0}
		if got := Header(tc.video, tc.audio); !bytes.Equal(got, want) {
			t.Errorf("% x, want % x", got, want)
		}
	}
}

func TestTagsAreReadAsWritten(t *testing.T) {
	want := []Tag{
		{TagScript, 0, Metadata(nil)},
		{TagVideo, 40, []byte{0x17, 1, 0, 0, 0, 1, 2, 3}},
		{TagAudio, 0xfffffffe, bytes.Repeat([]byte{7}, 200_000)},
		{TagVideo, 0x1000000, nil},
	}
	b := Header(true, false)
	for _, tag := range want {
		b = AppendTag(b, tag.Type, tag.Timestamp, tag.Body)
	}
	b = AppendTag(b, 15, 9, []byte("skipped"))
	r := NewReader(bytes.NewReader(b), 0)
	for i, w := range want {
		got, err := r.Next()
		if err != nil || got.Type != w.Type || got.Timestamp != w.Timestamp || !bytes.Equal(got.Body, w.Body) {
			t.Fatalf("tag %d: %v at %d with %d bytes, %v", i, got.Type, got.Timestamp, len(got.Body), err)
		}
	}
	if _, err := r.Next(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last tag: %v", err)
	}
	if !r.HasVideo || r.HasAudio {
		t.Error("the header's flags were misread")
	}
}

func TestReaderRefuses(t *testing.T) {
	head := string(Header(true, true))
	for name, tc := range map[string]struct {
		in   string
		want error
	}{
		"empty":             {"", ErrSyntax},
		"not FLV":           {"HTTP/1.1 200 OK\r\n\r\n", ErrSyntax},
		"far data offset":   {"FLV\x01\x05\x7f\xff\xff\xff\x00\x00\x00\x00", ErrSyntax},
		"long tag":          {head + "\x09\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00", ErrSyntax},
		"cut in a header":   {head + "\x09\x00", io.ErrUnexpectedEOF},
		"cut in a body":     {head + "\x09\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00abc", io.ErrUnexpectedEOF},
		"cut before a body": {head + "\x09\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00", io.ErrUnexpectedEOF},
	} {
		if _, err := NewReader(bytes.NewReader([]byte(tc.in)), 1<<20).Next(); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestMetadataIsStable(t *testing.T) {
	tr := &stream.Tracks{Audio: &audio.Config{SampleRate: 16000, Channels: 1}, AudioBitrate: 32000}
	b := Metadata(tr)
	if !bytes.Equal(b, Metadata(tr)) {
		t.Error("the same tracks give different metadata")
	}
	if !bytes.HasPrefix(b, []byte("\x02\x00\x0aonMetaData\x08\x00\x00\x00\x09")) || !bytes.HasSuffix(b, []byte{0, 0, 9}) {
		t.Errorf("not an ECMA array of nine: %q", b)
	}
	if !bytes.Contains(b, []byte("\x00\x07encoder\x02\x00\x06hutong")) {
		t.Error("no encoder")
	}
	if bytes.Contains(b, []byte("width")) {
		t.Error("width without video")
	}
}

func FuzzFLVReader(f *testing.F) {
	b := AppendTag(Header(true, true), TagVideo, 40, []byte{0x17, 0, 0, 0, 0})
	f.Add(AppendTag(b, TagAudio, 60, []byte{0xaf, 1, 2, 3}))
	f.Add([]byte("FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00\x09\xff\xff\xff"))
	f.Add([]byte("FLV\x01\x05\x00\x00\x00\x20"))
	f.Fuzz(func(t *testing.T, in []byte) {
		const limit = 1 << 12
		r := NewReader(bytes.NewReader(in), limit)
		for {
			tag, err := r.Next()
			if err != nil {
				return
			}
			if len(tag.Body) > limit {
				t.Fatalf("tag of %d bytes", len(tag.Body))
			}
		}
	})
}
