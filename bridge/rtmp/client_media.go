package rtmp

import (
	"bytes"
	"io"
	"time"

	"github.com/yutopp/go-rtmp/message"
)

// WriteVideo sends an FLV VIDEODATA; timestamp is in milliseconds, modulo 2^32.
func (c *Client) WriteVideo(timestamp uint32, body []byte) error {
	return c.write(Message{Type: typeVideo, Timestamp: timestamp, Body: body})
}

// WriteAudio sends an FLV AUDIODATA.
func (c *Client) WriteAudio(timestamp uint32, body []byte) error {
	return c.write(Message{Type: typeAudio, Timestamp: timestamp, Body: body})
}

// WriteMeta sends metadata: an FLV script body, as flv.Metadata and flv.Reader
// give it.
func (c *Client) WriteMeta(script []byte) error {
	return c.write(Message{Type: typeData, Body: append(encodeAMF("@setDataFrame"), script...)})
}

func (c *Client) write(m Message) error {
	m.StreamID = c.stream
	err := c.send(m)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return c.failed
	}
	return err
}

// Read returns the next audio, video or data message of a play. A refusal is a
// *StatusError; io.EOF means that the stream has ended.
func (c *Client) Read() (Message, error) {
	if len(c.pending) > 0 {
		m := c.pending[0]
		c.pending = c.pending[1:]
		return m, nil
	}
	for {
		m, err := c.next()
		if err != nil {
			return Message{}, err
		}
		switch m.Type {
		case typeAudio, typeVideo, typeData:
			return m, nil
		case typeCommand:
			cmd, err := decodeCommand(m.Body)
			if err != nil {
				continue
			}
			switch code, err := statusOf(cmd); {
			case err != nil:
				return Message{}, err
			case code == codePlayUnpublish, code == codePlayStop:
				return Message{}, io.EOF
			}
		}
	}
}

// drain reads while the client publishes.
func (c *Client) drain(done chan struct{}) {
	defer close(done)
	for {
		over, err := c.listen()
		if over {
			return
		}
		if err != nil {
			c.mu.Lock()
			c.failed = err
			c.mu.Unlock()
			return
		}
	}
}

// listen takes one message while the client publishes; over says that the
// publication has ended as the client wanted.
func (c *Client) listen() (over bool, err error) {
	m, err := c.nextIn(0)
	if err != nil || m.Type != typeCommand {
		return false, err
	}
	cmd, err := decodeCommand(m.Body)
	if err != nil {
		return false, nil
	}
	code, err := statusOf(cmd)
	if err != nil || code != codeUnpublish {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.leaving {
		return false, &StatusError{levelStatus, code, "the server ended the publication"}
	}
	return true, nil
}

func (c *Client) next() (Message, error) { return c.nextIn(c.o.Timeout) }

// nextIn returns the next message that is not a control message; those it obeys.
func (c *Client) nextIn(timeout time.Duration) (Message, error) {
	for {
		if timeout > 0 {
			_ = c.nc.SetReadDeadline(time.Now().Add(timeout))
		}
		m, err := c.r.readMessage()
		if err != nil {
			return Message{}, err
		}
		if n := c.in.n; n-c.acked >= c.window {
			c.acked = n
			if err := c.control(&message.Ack{SequenceNumber: uint32(n)}); err != nil {
				return Message{}, err
			}
		}
		switch m.Type {
		case typeUser, typeWindow, typeAck, typeBandwidth:
			if err := c.heed(m); err != nil {
				return Message{}, err
			}
		default:
			return m, nil
		}
	}
}

func (c *Client) heed(m Message) error {
	var v message.Message
	if err := message.NewDecoder(bytes.NewReader(m.Body)).Decode(m.Type, &v); err != nil {
		return nil
	}
	switch v := v.(type) {
	case *message.WinAckSize:
		c.window = uint64(max(v.Size, 4<<10))
	case *message.UserCtrl:
		if p, ok := v.Event.(*message.UserCtrlEventPingRequest); ok {
			return c.control(&message.UserCtrl{Event: &message.UserCtrlEventPingResponse{Timestamp: p.Timestamp}})
		}
	}
	return nil
}
