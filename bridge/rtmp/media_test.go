package rtmp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"hutong/bridge/flv"
)

// tags reads an FLV file.
func tags(t testing.TB, file string) []flv.Tag {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r := flv.NewReader(bytes.NewReader(b), 0)
	var out []flv.Tag
	for {
		tag, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, tag)
	}
}

var (
	plainOnce sync.Once
	plainTags []flv.Tag
)

// plain returns two seconds of 320x240 H.264, a keyframe a second, with AAC.
func plain(t testing.TB) []flv.Tag {
	plainOnce.Do(func() { plainTags = tags(t, clip(t, "2", plainClip...)) })
	return plainTags
}

// push sends tags with their timestamps moved by offset milliseconds.
func push(t testing.TB, c *Client, tags []flv.Tag, offset uint32) {
	t.Helper()
	for _, tag := range tags {
		if err := pushTag(c, tag, offset); err != nil {
			t.Fatalf("push: %v", err)
		}
	}
}

func pushTag(c *Client, tag flv.Tag, offset uint32) error {
	switch tag.Type {
	case flv.TagAudio:
		return c.WriteAudio(tag.Timestamp+offset, tag.Body)
	case flv.TagVideo:
		return c.WriteVideo(tag.Timestamp+offset, tag.Body)
	}
	return c.WriteMeta(tag.Body)
}

func mustDial(t testing.TB, url string) *Client {
	t.Helper()
	c, err := Dial(t.Context(), url, ClientOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.nc.Close() })
	return c
}

func publish(t testing.TB, url string) *Client {
	t.Helper()
	c := mustDial(t, url)
	if err := c.Publish(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Abort)
	return c
}

func play(t testing.TB, url string) *Client {
	t.Helper()
	c := mustDial(t, url)
	if err := c.Play(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// isHeader tells whether a media message is a sequence header.
func isHeader(m Message) bool { return len(m.Body) > 1 && m.Body[1] == packetHeader }

func isKey(m Message) bool { return m.Type == typeVideo && m.Body[0]>>4 == frameKey && !isHeader(m) }

// readUntil reads messages until one that stop likes, and returns them all.
func readUntil(t testing.TB, c *Client, stop func(Message) bool) []Message {
	t.Helper()
	var out []Message
	for {
		m, err := c.Read()
		if err != nil {
			t.Fatalf("read, after %d messages: %v", len(out), err)
		}
		out = append(out, m)
		if stop(m) {
			return out
		}
	}
}

// same returns a condition that is true for the message with a tag's body.
func same(tag flv.Tag) func(Message) bool {
	return func(m Message) bool { return bytes.Equal(m.Body, tag.Body) }
}

// lastVideo returns the last video tag.
func lastVideo(tags []flv.Tag) flv.Tag {
	for i := len(tags) - 1; ; i-- {
		if tags[i].Type == flv.TagVideo && tags[i].Body[1] == packetMedia {
			return tags[i]
		}
	}
}

// statusCode returns the code a server refused with.
func statusCode(err error) string {
	var s *StatusError
	if errors.As(err, &s) {
		return s.Code
	}
	return ""
}

func short(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}
