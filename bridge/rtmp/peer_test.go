package rtmp

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/yutopp/go-rtmp/message"
)

// peer is a client that says exactly what a test wants said.
type peer struct {
	t  testing.TB
	nc net.Conn
	r  *chunkReader
}

// rawPeer connects and shakes hands.
func rawPeer(t testing.TB, s *testServer) *peer {
	t.Helper()
	nc, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	p := &peer{t: t, nc: nc, r: newChunkReader(bufio.NewReader(nc), defaultMessage)}
	if err := offerHandshake(p.r.r, nc); err != nil {
		t.Fatal(err)
	}
	return p
}

// connected is a peer that has connected to app live and made a message stream.
func connected(t testing.TB, s *testServer) *peer {
	t.Helper()
	p := rawPeer(t, s)
	p.command(0, "connect", 1, map[string]any{"app": "live"})
	p.command(0, "createStream", 2, nil)
	p.expect("_result")
	p.expect("_result")
	return p
}

// published is a peer that publishes live/<name> on message stream 1.
func published(t testing.TB, s *testServer, name string) *peer {
	t.Helper()
	p := connected(t, s)
	p.command(1, "publish", 0, nil, name, "live")
	p.expect(codePublishStart)
	return p
}

// raw writes bytes; a server that has hung up is not the writer's fault.
func (p *peer) raw(parts ...[]byte) { p.nc.Write(bytes.Join(parts, nil)) }

func (p *peer) message(m Message) {
	p.raw(appendMessage(nil, 3, m, defaultChunkSize))
}

func (p *peer) command(streamID uint32, name string, id int64, args ...any) {
	p.message(Message{Type: typeCommand, StreamID: streamID, Body: encodeCommand(name, id, args...)})
}

func (p *peer) event(e message.UserCtrlEvent) {
	var b bytes.Buffer
	message.NewUserControlEventEncoder(&b).Encode(e)
	p.message(Message{Type: typeUser, Body: b.Bytes()})
}

// next returns the next message.
func (p *peer) next() (Message, error) { return p.r.readMessage() }

// expect reads messages until a command with a name, or a status with a code.
func (p *peer) expect(what string) command {
	p.t.Helper()
	var seen []string
	for {
		m, err := p.next()
		if err != nil {
			p.t.Fatalf("no %s: %v; seen %s", what, err, strings.Join(seen, ", "))
		}
		if m.Type != typeCommand {
			continue
		}
		cmd, err := decodeCommand(m.Body)
		if err != nil {
			p.t.Fatal(err)
		}
		code, _ := cmd.object(1)["code"].(string)
		if cmd.name == what || code == what {
			return cmd
		}
		seen = append(seen, cmd.name+" "+code)
	}
}

// alive checks that the connection still answers.
func (p *peer) alive() {
	p.t.Helper()
	const stamp = 0xabcdef
	p.event(&message.UserCtrlEventPingRequest{Timestamp: stamp})
	for {
		m, err := p.next()
		if err != nil {
			p.t.Fatalf("the connection has ended: %v", err)
		}
		if m.Type == typeUser && bytes.HasSuffix(m.Body, []byte{0, 7, 0, 0xab, 0xcd, 0xef}) {
			return
		}
	}
}

// gone checks that the server hangs up.
func (p *peer) gone() {
	p.t.Helper()
	for {
		if _, err := p.next(); err != nil {
			var ne net.Error
			if errors.As(err, &ne) && ne.Timeout() {
				p.t.Fatal("the connection was left open")
			}
			return
		}
	}
}
