package httpapi

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hutong/gateway/recording"
)

// linkRecording hands out addresses of files that open to whoever has them, for a
// short time.
func (s *Server) linkRecording(ctx context.Context, c *fiber.Ctx) error {
	p, err := s.records(ctx, c, true)
	if err != nil {
		return err
	}
	var body struct {
		Names []string `json:"names"`
	}
	if err := decodeJSON(c, &body, true); err != nil {
		return err
	}
	i, err := s.Recording.Get(ctx, c.Params("recordingID"))
	if err != nil {
		return err
	}
	names := body.Names
	if len(names) == 0 {
		for _, f := range i.Files {
			names = append(names, f.Name)
		}
		for _, m := range i.Composites {
			if m.State == recording.Done {
				names = append(names, m.Name)
			}
		}
	}
	base := s.addresses(c).http
	links := []fiber.Map{}
	for _, name := range names {
		if _, err := s.Recording.File(ctx, i, name); err != nil {
			return err
		}
		query, expires := s.Recording.Link(i.RecordingID, name)
		links = append(links, fiber.Map{"name": name, "expires": expires.UTC(),
			"url": base + recordingsPath + "/" + i.RecordingID + "/files/" + url.PathEscape(name) + "?" + query})
	}
	s.Recording.Read(ctx, p.name(), "link", i.RecordingID, strings.Join(names, " "))
	return c.JSON(fiber.Map{"links": links})
}

// recordingFile serves a file, or a range of it (RFC 9110 §14), to who shows a key,
// a log-in or a link.
func (s *Server) recordingFile(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(context.Background(), roomCallTimeout)
	defer cancel()
	id, name := c.Params("recordingID"), c.Params("name")
	if unescaped, err := url.PathUnescape(name); err == nil {
		name = unescaped
	}
	content, err := s.openFile(ctx, c, id, name)
	if err != nil {
		return s.refuseRoomCall(c, recordingError(err))
	}
	head := fmt.Sprintf("Content-Type: %s\r\nAccept-Ranges: bytes\r\nCache-Control: private, no-store\r\nX-Content-Type-Options: nosniff\r\n", content.Type)
	if c.Query("download") != "" {
		head += fmt.Sprintf("Content-Disposition: attachment; filename=%q\r\n", id+"-"+name)
	}
	if o := c.GetRespHeader(fiber.HeaderAccessControlAllowOrigin); o != "" {
		head += "Access-Control-Allow-Origin: " + o + "\r\n"
	}
	status, from, length := "200 OK", int64(0), content.Size
	if spec := c.Get(fiber.HeaderRange); spec != "" {
		switch f, n, ok := byteRange(spec, content.Size); {
		case ok && n > 0:
			status, from, length = "206 Partial Content", f, n
			head += fmt.Sprintf("Content-Range: bytes %d-%d/%d\r\n", f, f+n-1, content.Size)
		case ok:
			c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes */%d", content.Size))
			return apiError(c, fiber.StatusRequestedRangeNotSatisfiable, "bad_range", fmt.Sprintf("the file has %d bytes", content.Size))
		}
	}
	head = "HTTP/1.1 " + status + "\r\n" + head + "Content-Length: " + strconv.FormatInt(length, 10) + "\r\nConnection: close\r\n\r\n"
	only := c.Method() == fiber.MethodHead
	s.flv.Add(1)
	c.Context().HijackSetNoResponse(true)
	c.Context().Hijack(func(conn net.Conn) {
		defer s.flv.Done()
		if err := s.sendFile(conn, head, content, from, length, only); err != nil {
			s.Log.Info("a file of a recording was not sent whole", "recording", id, "file", name, "error", err)
		}
	})
	return nil
}

func (s *Server) openFile(ctx context.Context, c *fiber.Ctx, id, name string) (recording.Content, error) {
	by := "link"
	if !s.Recording.Opens(id, name, c.Query("expires"), c.Query("signature")) {
		p, err := s.records(ctx, c, true)
		if err != nil {
			return recording.Content{}, err
		}
		by = p.name()
	}
	i, err := s.Recording.Get(ctx, id)
	if err != nil {
		return recording.Content{}, err
	}
	content, err := s.Recording.File(ctx, i, name)
	// Players read in many ranges; the first of them is written down.
	if r := c.Get(fiber.HeaderRange); err == nil && (r == "" || strings.HasPrefix(r, "bytes=0-")) {
		s.Recording.Read(ctx, by, "read", id, name)
	}
	return content, err
}

// sendFile writes with a deadline for each piece, since nobody knows how long the
// whole takes.
func (s *Server) sendFile(conn net.Conn, head string, content recording.Content, from, length int64, only bool) error {
	patience := s.Config.HTTP.WriteTimeout.Std()
	conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, head); err != nil || only {
		return err
	}
	r, err := content.Open(s.players, from, length)
	if err != nil {
		return err
	}
	defer r.Close()
	piece := make([]byte, 128<<10)
	for length > 0 {
		n, err := r.Read(piece[:min(int64(len(piece)), length)])
		if n > 0 {
			conn.SetWriteDeadline(time.Now().Add(patience))
			if _, err := conn.Write(piece[:n]); err != nil {
				return err
			}
			length -= int64(n)
		}
		if err != nil && length > 0 {
			return err
		}
	}
	return nil
}

// byteRange reads a Range header of one range. ok is false for what is not one,
// which is as if there were none; n is 0 for a range that the file does not have.
func byteRange(spec string, size int64) (from, n int64, ok bool) {
	rest, isBytes := strings.CutPrefix(strings.TrimSpace(spec), "bytes=")
	first, last, dash := strings.Cut(rest, "-")
	if !isBytes || !dash || strings.Contains(rest, ",") {
		return 0, 0, false
	}
	if first == "" {
		suffix, err := strconv.ParseInt(last, 10, 64)
		if err != nil || suffix < 0 {
			return 0, 0, false
		}
		suffix = min(suffix, size)
		return size - suffix, suffix, true
	}
	from, err := strconv.ParseInt(first, 10, 64)
	if err != nil || from < 0 {
		return 0, 0, false
	}
	to := size - 1
	if last != "" {
		if to, err = strconv.ParseInt(last, 10, 64); err != nil || to < from {
			return 0, 0, false
		}
		to = min(to, size-1)
	}
	return from, max(to-from+1, 0), true
}
