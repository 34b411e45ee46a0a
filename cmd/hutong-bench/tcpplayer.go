package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

// tcpPlayer plays HTTP-FLV or RTMP. With a sweeper its connection is read in rounds after the first keyframe, and its
// media is parsed only as far as counting needs.
type tcpPlayer struct {
	tally
	url string
	by  *sweeper
	// take, where set, is given every tag with its body.
	take func(tag)

	raw  syscall.RawConn
	feed func([]byte) error
	gone chan error
	once sync.Once
}

func (p *tcpPlayer) counts() *tally { return &p.tally }

// wants says which bodies the parsers keep: all for a taker, none for a counter.
func (p *tcpPlayer) wants(kind byte) bool {
	return p.take != nil || (kind != tagAudio && kind != tagVideo && kind != tagData)
}

// got is told of every tag by the parsers; its caller is feedBytes, which holds the tally's lock.
func (p *tcpPlayer) got(t tag) {
	p.tagged(t.kind, t.body)
	if p.take != nil {
		p.take(t)
	}
}

func (p *tcpPlayer) feedBytes(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes += int64(len(b))
	return p.feed(b)
}

func (p *tcpPlayer) play(ctx context.Context) error {
	p.begin()
	p.gone = make(chan error, 1)
	var conn net.Conn
	var err error
	if strings.HasPrefix(p.url, "rtmp://") {
		conn, err = p.openRTMP(ctx)
	} else {
		conn, err = p.openFLV(ctx)
	}
	if err != nil {
		return ended(ctx, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	buf := make([]byte, 64<<10)
	for {
		conn.SetReadDeadline(time.Now().Add(mediaTimeout))
		n, err := conn.Read(buf)
		if err == nil {
			err = p.feedBytes(buf[:n])
		}
		if err != nil {
			return ended(ctx, fmt.Errorf("playing: %w", err))
		}
		if _, key, _ := p.firsts(); key > 0 && p.by != nil {
			break
		}
	}
	return p.playLight(ctx, conn)
}

// mediaTimeout is how long a player waits for the next byte of a stream that is being published.
const mediaTimeout = 30 * time.Second

// playLight leaves the connection to the sweeper.
func (p *tcpPlayer) playLight(ctx context.Context, conn net.Conn) error {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return fmt.Errorf("a %T cannot be read in rounds", conn)
	}
	conn.SetReadDeadline(time.Time{})
	var err error
	if p.raw, err = tcp.SyscallConn(); err != nil {
		return err
	}
	p.by.add(p)
	defer p.by.remove(p)
	select {
	case <-ctx.Done():
		return nil
	case err := <-p.gone:
		return ended(ctx, fmt.Errorf("playing: %w", err))
	}
}

func (p *tcpPlayer) sweep(with *tools) error {
	const perRound = 4 // times the scratch buffer: nobody starves the others
	for range perRound {
		n, err := readNow(p.raw, with.scratch)
		if err == nil && n > 0 {
			err = p.feedBytes(with.scratch[:n])
		}
		if err != nil {
			p.once.Do(func() { p.gone <- err })
			return err
		}
		if n < len(with.scratch) {
			return nil
		}
	}
	return nil
}

func (p *tcpPlayer) openRTMP(ctx context.Context) (net.Conn, error) {
	c, err := dialRTMP(ctx, p.url)
	if err != nil {
		return nil, err
	}
	if err := c.open("play"); err != nil {
		c.close()
		return nil, err
	}
	// From here on the client only parses: what open left in its inbox comes first.
	early := c.inbox
	c.inbox = nil
	p.mu.Lock()
	for _, m := range early {
		p.got(m.tag)
	}
	p.mu.Unlock()
	c.parser.keep = p.wants
	protocol := c.parser.got
	c.parser.got = func(m message) {
		switch m.kind {
		case tagAudio, tagVideo, tagData:
			p.got(m.tag)
		case msgAMF0Command:
			values, _ := parseAMF(m.body)
			if code, level := statusIn(values); level == "error" {
				c.replyErr = fmt.Errorf("%w: %s", errRTMPRefused, code)
			}
		default:
			protocol(m)
		}
	}
	p.feed = c.feed
	return c.conn, nil
}

var errHTTPFLV = errors.New("the server did not answer with an FLV stream")

// openFLV asks by hand: net/http would keep a goroutine and two buffers of its own for each connection.
func (p *tcpPlayer) openFLV(ctx context.Context) (net.Conn, error) {
	u, err := url.Parse(p.url)
	if err != nil || u.Scheme != "http" || u.Port() == "" {
		return nil, fmt.Errorf("%w: %q is no http://host:port/ URL", errUsage, p.url)
	}
	d := net.Dialer{Timeout: rtmpTimeout}
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	conn.SetDeadline(time.Now().Add(2 * rtmpTimeout))
	r, resp, err := ask(conn, u)
	if err != nil {
		conn.Close()
		return nil, err
	}
	conn.SetDeadline(time.Time{})
	parser := &flvParser{keep: p.wants, got: p.got}
	p.feed = parser.feed
	if len(resp.TransferEncoding) > 0 {
		p.feed = (&dechunker{next: parser.feed}).feed
	}
	// What came with the head belongs to the body.
	if n := r.Buffered(); n > 0 {
		b, _ := r.Peek(n)
		if err := p.feedBytes(b); err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

func ask(conn net.Conn, u *url.URL) (*bufio.Reader, *http.Response, error) {
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: */*\r\n\r\n", u.RequestURI(), u.Host); err != nil {
		return nil, nil, err
	}
	r := bufio.NewReaderSize(conn, 4096)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errHTTPFLV, err)
	}
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		return nil, nil, fmt.Errorf("%w: %s: %s: %s", errHTTPFLV, u.Path, resp.Status, body)
	}
	return r, resp, nil
}

// dechunker takes HTTP/1.1 chunked framing (RFC 9112 section 7.1) off a stream fed in pieces.
type dechunker struct {
	next func([]byte) error
	left int
	line []byte
}

func (d *dechunker) feed(b []byte) error {
	for len(b) > 0 {
		if d.left > 0 {
			n := min(d.left, len(b))
			if err := d.next(b[:n]); err != nil {
				return err
			}
			b, d.left = b[n:], d.left-n
			continue
		}
		c := b[0]
		b = b[1:]
		if c != '\n' {
			if d.line = append(d.line, c); len(d.line) > 100 {
				return httputil.ErrLineTooLong
			}
			continue
		}
		size := strings.TrimSpace(string(d.line))
		d.line = d.line[:0]
		if size == "" { // the end of the chunk before
			continue
		}
		if _, err := fmt.Sscanf(size, "%x", &d.left); err != nil {
			return fmt.Errorf("chunk size %q: %w", size, err)
		}
		if d.left == 0 {
			return io.EOF
		}
	}
	return nil
}

func runFLV(ctx context.Context, args []string) error  { return runTCP(ctx, "flv", args) }
func runRTMP(ctx context.Context, args []string) error { return runTCP(ctx, "rtmp", args) }

func runTCP(ctx context.Context, name string, args []string) error {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	f := addLoadFlags(fs)
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	return f.run(ctx, name, func(i int, by *sweeper) player {
		return &tcpPlayer{url: numbered(f.url, i), by: by}
	}, nil)
}
