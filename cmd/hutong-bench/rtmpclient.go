package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"time"
)

// rtmpClient is one RTMP connection that publishes or plays one stream. It is light: messages are parsed as they come,
// those nobody keeps are never copied. Reading and writing may happen on two goroutines.
type rtmpClient struct {
	conn     net.Conn
	parser   *chunkParser
	inbox    []message // parsed and not yet taken
	buf      []byte
	app      string
	stream   string
	base     string
	read     uint64 // bytes, for acknowledgements
	acked    uint64
	window   uint64
	replyErr error
}

const (
	rtmpTimeout  = 10 * time.Second
	outChunkSize = 60000
	mediaStream  = 1
)

var errRTMPRefused = errors.New("the RTMP server refused")

// dialRTMP connects and shakes hands (section 5.2). The last path segment is the stream, the ones before it the app;
// the query travels with the stream, as phones send it.
func dialRTMP(ctx context.Context, raw string) (*rtmpClient, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "rtmp" {
		return nil, fmt.Errorf("%w: %q is no rtmp:// URL", errUsage, raw)
	}
	path := strings.Trim(u.Path, "/")
	cut := strings.LastIndexByte(path, '/')
	if cut < 1 {
		return nil, fmt.Errorf("%w: %q has no /app/stream path", errUsage, raw)
	}
	c := &rtmpClient{app: path[:cut], stream: path[cut+1:], buf: make([]byte, 64<<10)}
	if u.RawQuery != "" {
		c.stream += "?" + u.RawQuery
	}
	host := u.Host
	if u.Port() == "" {
		host = net.JoinHostPort(u.Hostname(), "1935")
	}
	c.base = "rtmp://" + host + "/" + c.app
	c.parser = newChunkParser(func(byte) bool { return true }, c.took)
	d := net.Dialer{Timeout: rtmpTimeout}
	if c.conn, err = d.DialContext(ctx, "tcp", host); err != nil {
		return nil, err
	}
	if err := c.handshake(); err != nil {
		c.close()
		return nil, fmt.Errorf("handshake with %s: %w", host, err)
	}
	return c, nil
}

func (c *rtmpClient) close() { c.conn.Close() }

func (c *rtmpClient) handshake() error {
	c.conn.SetDeadline(time.Now().Add(rtmpTimeout))
	c01 := make([]byte, 1+1536)
	c01[0] = 3
	rand.Read(c01[9:])
	if _, err := c.conn.Write(c01); err != nil {
		return err
	}
	s012 := make([]byte, 1+1536+1536)
	if _, err := io.ReadFull(c.conn, s012); err != nil {
		return err
	}
	if s012[0] != 3 {
		return fmt.Errorf("version %d, want 3", s012[0])
	}
	_, err := c.conn.Write(s012[1 : 1+1536])
	return err
}

// open goes through connect, createStream and publish or play, until the server says it has begun.
func (c *rtmpClient) open(verb string) error {
	c.conn.SetDeadline(time.Now().Add(2 * rtmpTimeout))
	size := binary.BigEndian.AppendUint32(nil, outChunkSize)
	if err := c.send(2, message{tag: tag{kind: msgSetChunkSize, body: size}}); err != nil {
		return err
	}
	if err := c.command(0, "connect", 1.0, object{"app": c.app, "flashVer": "FMLE/3.0", "tcUrl": c.base, "type": "nonprivate"}); err != nil {
		return err
	}
	if _, err := c.await("_result"); err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	if err := c.command(0, "createStream", 2.0, nil); err != nil {
		return err
	}
	if _, err := c.await("_result"); err != nil {
		return fmt.Errorf("createStream: %w", err)
	}
	args := []any{verb, 3.0, nil, c.stream}
	want := "NetStream.Play.Start"
	if verb == "publish" {
		args, want = append(args, "live"), "NetStream.Publish.Start"
	}
	if err := c.command(mediaStream, args...); err != nil {
		return err
	}
	for {
		got, err := c.await("onStatus")
		if err != nil {
			return fmt.Errorf("%s: %w", verb, err)
		}
		if got == want {
			return c.conn.SetDeadline(time.Time{})
		}
	}
}

func (c *rtmpClient) command(streamID uint32, values ...any) error {
	return c.send(3, message{tag: tag{kind: msgAMF0Command, body: appendAMF(nil, values...)}, streamID: streamID})
}

// await reads up to the named command and returns its status code, if it has one. A refusal is an error. Media that
// comes before the answer stays in the inbox.
func (c *rtmpClient) await(name string) (code string, err error) {
	var early []message
	defer func() { c.inbox = append(early, c.inbox...) }()
	for {
		m, err := c.next()
		if err != nil {
			return "", err
		}
		if m.kind != msgAMF0Command {
			early = append(early, m)
			continue
		}
		values, _ := parseAMF(m.body)
		if len(values) == 0 {
			continue
		}
		code, level := statusIn(values)
		if values[0] == "_error" || level == "error" {
			return code, fmt.Errorf("%w: %v %s", errRTMPRefused, values[0], code)
		}
		if values[0] == name {
			return code, nil
		}
	}
}

// statusIn returns the code and level of a command's information object, empty where it has none.
func statusIn(values []any) (code, level string) {
	for _, v := range values {
		if o, ok := v.(object); ok && o["code"] != nil {
			code, _ = o["code"].(string)
			level, _ = o["level"].(string)
		}
	}
	return code, level
}

func statusOf(command []byte) string {
	values, _ := parseAMF(command)
	code, _ := statusIn(values)
	return code
}

// next returns the next message that is not the protocol's own business.
func (c *rtmpClient) next() (message, error) {
	for len(c.inbox) == 0 {
		n, err := c.conn.Read(c.buf)
		if n > 0 {
			if err := c.feed(c.buf[:n]); err != nil {
				return message{}, err
			}
			continue
		}
		if err != nil {
			return message{}, err
		}
	}
	m := c.inbox[0]
	c.inbox = c.inbox[1:]
	return m, nil
}

// feed parses bytes that were read from the connection and acknowledges them (section 5.4.3).
func (c *rtmpClient) feed(b []byte) error {
	c.read += uint64(len(b))
	if err := c.parser.feed(b); err != nil {
		return err
	}
	if c.window > 0 && c.read-c.acked >= c.window/2 {
		c.acked = c.read
		c.reply(message{tag: tag{kind: msgAck, body: binary.BigEndian.AppendUint32(nil, uint32(c.read))}})
	}
	return c.replyErr
}

// took handles protocol messages and queues the rest.
func (c *rtmpClient) took(m message) {
	switch {
	case m.kind == msgWindowAckSize && len(m.body) >= 4:
		c.window = uint64(binary.BigEndian.Uint32(m.body))
	case m.kind == msgUserControl && len(m.body) >= 6 && binary.BigEndian.Uint16(m.body) == 6: // ping (section 7.1.7)
		c.reply(message{tag: tag{kind: msgUserControl, body: append([]byte{0, 7}, m.body[2:6]...)}})
	case m.kind > msgPeerBandwidth:
		c.inbox = append(c.inbox, m)
	}
}

// send writes one message in one system call, so that a publisher's media and the replies of its reader never mix: the
// kernel's socket is locked for the length of a write.
func (c *rtmpClient) send(csid byte, m message) error {
	_, err := c.conn.Write(appendMessage(nil, csid, m, outChunkSize))
	return err
}

// reply is send for the reading goroutine, which finds the error after the bytes at hand are parsed.
func (c *rtmpClient) reply(m message) {
	if err := c.send(2, m); err != nil && c.replyErr == nil {
		c.replyErr = err
	}
}
