package rtmp

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/yutopp/go-rtmp/message"

	"hutong/bridge/flv"
)

// ClientOptions say how a [Client] behaves. The zero value is a good one.
type ClientOptions struct {
	TLS *tls.Config // for rtmps; nil trusts the system's roots
	// Timeout bounds the handshake, each command and each write, and how long
	// Read waits for a message; zero means 10 s.
	Timeout    time.Duration
	ChunkSize  int    // what we write with; zero means 65536
	MaxMessage int    // bytes of a message taken; zero means 4 MB
	FlashVer   string // what we call ourselves
}

// StatusError is a server's refusal.
type StatusError struct {
	Level, Code, Description string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("rtmp: server says %s: %s", e.Code, e.Description)
}

// Client is one connection to an RTMP server, which publishes or plays one
// stream at a time. Write methods may be called from several goroutines; the
// others belong to one.
type Client struct {
	nc      net.Conn
	o       ClientOptions
	app     string
	name    string // with its query
	in      *byteCounter
	r       *chunkReader
	w       *flv.BlockWriter
	chunk   int
	acked   uint64
	window  uint64
	calls   int64
	stream  uint32 // message stream id, 0 without one
	pending []Message

	mu      sync.Mutex
	leaving bool          // Unpublish was called
	failed  error         // why publishing has ended
	drained chan struct{} // closed when the publisher's reader has ended
}

// Dial connects to rtmp://host[:1935]/app/name[?query] or rtmps://, and does the
// handshake and connect. Of the path, the last segment is the stream's name and
// the rest the app. The caller must Close the client.
func Dial(ctx context.Context, address string, o ClientOptions) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("rtmp: address %q: %w", address, err)
	}
	path := strings.Trim(u.Path, "/")
	at := strings.LastIndexByte(path, '/')
	if at < 0 {
		return nil, fmt.Errorf("rtmp: address has path %q; use /app/name", u.Path)
	}
	app, name := path[:at], path[at+1:]
	if u.RawQuery != "" {
		name += "?" + u.RawQuery
	}
	return dialStream(ctx, u, app, name, o)
}

// dialStream connects to u's host with an app and a stream name split as one
// likes.
func dialStream(ctx context.Context, u *url.URL, app, name string, o ClientOptions) (*Client, error) {
	c := &Client{o: o, app: app, name: name, chunk: defaultChunkSize, window: ackWindow}
	if c.o.Timeout <= 0 {
		c.o.Timeout = 10 * time.Second
	}
	if c.o.MaxMessage <= 0 {
		c.o.MaxMessage = defaultMessage
	}
	if c.o.ChunkSize <= 0 {
		c.o.ChunkSize = writeChunkSize
	}
	if c.o.FlashVer == "" {
		c.o.FlashVer = "FMLE/3.0 (compatible; hutong)"
	}
	var err error
	if c.nc, err = dial(ctx, u, c.o); err != nil {
		return nil, err
	}
	c.in = &byteCounter{r: c.nc}
	c.r = newChunkReader(bufio.NewReaderSize(c.in, 16<<10), c.o.MaxMessage)
	c.w = flv.NewBlockWriter(c.nc, nil, c.o.Timeout)
	stop := context.AfterFunc(ctx, func() { c.nc.Close() })
	defer stop()
	if err := c.connect(u); err != nil {
		c.nc.Close()
		return nil, errors.Join(ctx.Err(), err)
	}
	return c, nil
}

func dial(ctx context.Context, u *url.URL, o ClientOptions) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	host, port := u.Hostname(), u.Port()
	var d net.Dialer
	switch u.Scheme {
	case "rtmp":
		if port == "" {
			port = "1935"
		}
		return d.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	case "rtmps":
		if port == "" {
			port = "443"
		}
		td := tls.Dialer{NetDialer: &d, Config: o.TLS}
		return td.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	}
	return nil, fmt.Errorf("rtmp: scheme %q; use rtmp or rtmps", u.Scheme)
}

type connectObject struct {
	App            string `amf0:"app"`
	Type           string `amf0:"type"`
	FlashVer       string `amf0:"flashVer"`
	TCURL          string `amf0:"tcUrl"`
	Capabilities   int    `amf0:"capabilities"`
	AudioCodecs    int    `amf0:"audioCodecs"`
	VideoCodecs    int    `amf0:"videoCodecs"`
	VideoFunction  int    `amf0:"videoFunction"`
	ObjectEncoding int    `amf0:"objectEncoding"`
}

func (c *Client) connect(u *url.URL) error {
	_ = c.nc.SetReadDeadline(time.Now().Add(c.o.Timeout))
	if err := offerHandshake(c.r.r, c.w); err != nil {
		return fmt.Errorf("rtmp: handshake: %w", err)
	}
	if err := c.control(&message.SetChunkSize{ChunkSize: uint32(c.o.ChunkSize)}); err != nil {
		return err
	}
	c.chunk = c.o.ChunkSize
	id, err := c.call(0, "connect", connectObject{
		App: c.app, Type: "nonprivate", FlashVer: c.o.FlashVer, TCURL: u.Scheme + "://" + u.Host + "/" + c.app,
		Capabilities: 239, AudioCodecs: 3575, VideoCodecs: 252, VideoFunction: 1,
	})
	if err != nil {
		return err
	}
	_, err = c.answer(id)
	return err
}

// Publish asks to publish, and returns once the server says that it is. From then
// on a goroutine answers the server until the publication or the client ends.
func (c *Client) Publish(ctx context.Context) error {
	for _, name := range [...]string{"releaseStream", "FCPublish"} {
		if _, err := c.call(0, name, nil, c.name); err != nil {
			return err
		}
	}
	if err := c.open(ctx, codePublishStart, "publish", nil, c.name, "live"); err != nil {
		return err
	}
	_ = c.nc.SetReadDeadline(time.Time{})
	c.leaving, c.drained = false, make(chan struct{})
	go c.drain(c.drained)
	return nil
}

// Play asks to play, and returns once the server says that it does. Messages are
// then had by Read.
func (c *Client) Play(ctx context.Context) error {
	return c.open(ctx, codePlayStart, "play", nil, c.name, -2000)
}

// open creates a message stream and sends the command that uses it. Media that
// comes before the answer is kept for Read.
func (c *Client) open(ctx context.Context, want, command string, args ...any) error {
	stop := context.AfterFunc(ctx, func() { c.nc.Close() })
	defer stop()
	err := c.begin(want, command, args...)
	return errors.Join(ctx.Err(), err)
}

func (c *Client) begin(want, name string, args ...any) error {
	id, err := c.call(0, "createStream", nil)
	if err != nil {
		return err
	}
	made, err := c.answer(id)
	if err != nil {
		return err
	}
	c.stream = uint32(int64(made.number(1)))
	if _, err := c.call(c.stream, name, args...); err != nil {
		return err
	}
	for {
		cmd, err := c.nextCommand()
		if err != nil {
			return err
		}
		if code, err := statusOf(cmd); err != nil || code == want {
			return err
		}
	}
}

// Unpublish ends a publication in order. The client may publish again, unless an
// error is returned.
func (c *Client) Unpublish() error {
	if c.drained == nil {
		return nil
	}
	c.mu.Lock()
	c.leaving = true
	c.mu.Unlock()
	_, e1 := c.call(0, "FCUnpublish", nil, c.name)
	_, e2 := c.call(0, "deleteStream", nil, c.stream)
	// A server that does not confirm is not waited for long.
	_ = c.nc.SetReadDeadline(time.Now().Add(min(c.o.Timeout, time.Second)))
	<-c.drained
	c.drained, c.stream = nil, 0
	return errors.Join(e1, e2, c.failed)
}

// Close ends the connection: in order, when it publishes.
func (c *Client) Close() error {
	_ = c.Unpublish()
	return c.nc.Close()
}

// Abort closes the connection without a word, as a lost network does.
func (c *Client) Abort() {
	if t, ok := c.nc.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	c.nc.Close()
	if c.drained != nil {
		<-c.drained
	}
}

func (c *Client) nextCommand() (command, error) {
	for {
		m, err := c.next()
		if err != nil {
			return command{}, err
		}
		switch m.Type {
		case typeCommand:
			// Some servers send half commands, such as ffmpeg's onFCPublish.
			if cmd, err := decodeCommand(m.Body); err == nil {
				return cmd, nil
			}
		case typeAudio, typeVideo, typeData:
			c.pending = append(c.pending, m)
		}
	}
}

// answer waits for the result of a call.
func (c *Client) answer(id int64) (command, error) {
	for {
		cmd, err := c.nextCommand()
		if err != nil {
			return command{}, err
		}
		if cmd.name == "_result" && cmd.id == id {
			return cmd, nil
		}
		if _, err := statusOf(cmd); err != nil {
			return command{}, err
		}
	}
}

// statusOf returns the code of an onStatus, and a refusal as an error.
func statusOf(cmd command) (string, error) {
	if cmd.name != "onStatus" && cmd.name != "_error" {
		return "", nil
	}
	o := cmd.object(1)
	level, _ := o["level"].(string)
	code, _ := o["code"].(string)
	text, _ := o["description"].(string)
	if level == levelError || cmd.name == "_error" || code == codeConnectClosed {
		return code, &StatusError{level, code, text}
	}
	return code, nil
}

func (c *Client) call(streamID uint32, name string, args ...any) (int64, error) {
	c.calls++
	return c.calls, c.send(Message{Type: typeCommand, StreamID: streamID, Body: encodeCommand(name, c.calls, args...)})
}

func (c *Client) control(m message.Message) error {
	var b bytes.Buffer
	if err := message.NewEncoder(&b).Encode(m); err != nil {
		return err
	}
	return c.send(Message{Type: m.TypeID(), Body: b.Bytes()})
}

func (c *Client) send(m Message) error {
	b := appendMessage(make([]byte, 0, chunkedSize(len(m.Body), c.chunk)), chunkStreamFor(m.Type), m, c.chunk)
	_, err := c.w.Write(b)
	return err
}
