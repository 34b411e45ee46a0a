package record

import (
	"errors"
	"os"
	"time"

	"hutong/bridge/stream"
)

// trouble notes that the disk, or the format, keeps the stream from being
// recorded.
func (c *recorder) trouble(err error, tr *stream.Tracks, from time.Time) {
	var path *os.PathError
	reason := GapDisk
	if !errors.As(err, &path) && !errors.Is(err, ErrDiskFull) {
		reason, c.refused, c.tracks = GapFormat, err.Error(), tr
	}
	c.blocked = time.Now().Add(diskRetry)
	c.needKey = true
	c.early = nil
	c.log.Error("the stream is not being recorded", "error", err)
	c.r.miss(c.s.Name, from, reason)
	c.r.o.OnTrouble(err)
}

// failed ends the file because the disk did not take a fragment.
func (c *recorder) failed(err error) {
	from := c.now()
	if c.seg != nil {
		from = c.seg.zero.Add(c.seg.written)
		c.tracks = c.seg.tracks
	}
	c.finish()
	c.trouble(err, c.tracks, from)
}

// leave ends the file: what comes is not recorded for a reason.
func (c *recorder) leave(reason string, at time.Time) {
	c.early = nil
	from := c.r.instant(at)
	if c.seg != nil {
		c.finish()
		from = c.ended
	}
	c.needKey = reason != GapNoPublisher
	c.r.miss(c.s.Name, from, reason)
}

func (c *recorder) finishOld() {
	if c.old != nil {
		old := c.old
		c.old = nil
		c.whole(old)
	}
}

func (c *recorder) finish() {
	c.finishOld()
	if c.seg != nil {
		seg := c.seg
		c.seg = nil
		c.whole(seg)
	}
}

// whole closes a file, in the background: what comes does not wait for the disk to
// have seen the last of what was. One file at a time is being closed.
func (c *recorder) whole(seg *segment) {
	c.ended = seg.over()
	c.closing.Wait()
	c.closing.Go(func() { c.seal(seg) })
}

// seal makes a file whole and writes it down.
func (c *recorder) seal(seg *segment) {
	file, err := seg.close()
	if err != nil {
		c.log.Error("a file of the recording may miss its last fragment", "file", file.Name, "error", err)
		c.r.o.OnTrouble(err)
	}
	if seg.seq == 0 {
		os.Remove(seg.path)
		return
	}
	file.Stream, file.Who = c.s.Name, c.who
	if err := c.r.journal.add(entry{link: link{Kind: kindFile}, File: &file}); err != nil {
		c.log.Error("the journal of a recording cannot be written", "error", err)
		c.r.o.OnTrouble(err)
	}
	if err := c.r.checkpoint(); err != nil {
		c.log.Error("the manifest of a recording cannot be written", "error", err)
	}
	c.r.o.OnFile(file)
}

// end closes the file. told says that the recorder was told to, and the stream
// may well go on.
func (c *recorder) end(told bool) {
	if len(c.early) > 0 && c.seg == nil {
		frames := c.early
		if c.open(frames[len(frames)-1].Tracks, frames[0].DTS) {
			for _, f := range frames {
				c.put(f)
			}
		}
	}
	c.finish()
	if m := c.r.isMissing(c.s.Name); m != "" {
		if err := c.r.found(c.s.Name, c.now()); err != nil {
			c.log.Error("the journal of a recording cannot be written", "error", err)
		}
	}
	c.closing.Wait()
	if !told && !c.ended.IsZero() {
		c.r.miss(c.s.Name, c.ended, GapNoPublisher)
	}
}

func (r *Recording) isMissing(stream string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.missing[stream].reason
}
