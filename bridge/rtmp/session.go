package rtmp

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/yutopp/go-rtmp/message"
)

// session is what a peer has said so far. It belongs to the reading goroutine.
type session struct {
	connected    bool
	app          string
	query        url.Values
	encoder      string
	streams      map[uint32]*netStream
	publications int
}

// netStream is a message stream, made by createStream, that may be published on
// or played on.
type netStream struct {
	id   uint32
	pub  *publishing
	play *playing
	// unwatch ends the Watch of pub.
	unwatch func()
}

// handle takes one message. Its error ends the connection.
func (c *conn) handle(m Message) error {
	switch m.Type {
	case typeAudio, typeVideo, typeData, typeData3:
		return c.media(m)
	case typeAggregate:
		return c.aggregate(m)
	case typeCommand3:
		// AMF0 behind a format byte, unless a value says otherwise.
		if len(m.Body) > 0 {
			return c.obey(m.StreamID, m.Body[1:])
		}
	case typeCommand:
		return c.obey(m.StreamID, m.Body)
	case typeUser, typeAck, typeWindow, typeBandwidth:
		return c.heed(m)
	}
	// Shared objects, zero-length and unknown messages mean nothing here.
	return nil
}

func (c *conn) aggregate(m Message) error {
	if c.session.publications == 0 {
		return nil
	}
	var failed error
	err := splitAggregate(m, func(part Message) {
		if failed == nil {
			failed = c.media(part)
		}
	})
	if err != nil {
		c.s.cfg.Observer.BadInput("aggregate")
	}
	return failed
}

// media hands a publisher's message over; on a stream that is not published it
// is ignored, since clients send on for a moment after they have stopped.
func (c *conn) media(m Message) error {
	ns := c.session.streams[m.StreamID]
	if ns == nil || ns.pub == nil || len(m.Body) == 0 {
		return nil
	}
	if err := ns.pub.message(m); err != nil {
		c.stop(err)
		return err
	}
	return nil
}

// heed takes a control message.
func (c *conn) heed(m Message) error {
	var v message.Message
	if err := message.NewDecoder(bytes.NewReader(m.Body)).Decode(m.Type, &v); err != nil {
		return nil // a user control event we have no use for
	}
	switch v := v.(type) {
	case *message.WinAckSize:
		c.ackEvery = uint64(max(v.Size, 4<<10))
	case *message.UserCtrl:
		if ping, ok := v.Event.(*message.UserCtrlEventPingRequest); ok {
			return c.user(&message.UserCtrlEventPingResponse{Timestamp: ping.Timestamp})
		}
	}
	return nil
}

// obey takes a command. One that cannot be read is ignored.
func (c *conn) obey(streamID uint32, body []byte) error {
	cmd, err := decodeCommand(body)
	if err != nil {
		c.s.cfg.Observer.BadInput("amf")
		c.log.Debug("command not understood", "err", err)
		if !c.session.connected {
			return err
		}
		return nil
	}
	if cmd.name == "connect" {
		return c.connect(cmd)
	}
	if !c.session.connected {
		return badInput("command %q before connect", printable(cmd.name))
	}
	switch cmd.name {
	case "createStream":
		return c.createStream(cmd)
	case "releaseStream", "_checkbw", "setPeerInfo":
		return c.result(cmd)
	case "FCPublish":
		if err := c.result(cmd); err != nil {
			return err
		}
		return c.command(0, "onFCPublish", 0, nil, info{levelStatus, codePublishStart, ""})
	case "FCSubscribe":
		if err := c.result(cmd); err != nil {
			return err
		}
		return c.command(0, "onFCSubscribe", 0, nil, info{levelStatus, codePlayStart, ""})
	case "FCUnpublish":
		c.unpublish(cmd.text(1))
		return c.command(0, "onFCUnpublish", 0, nil, info{levelStatus, codeUnpublish, ""})
	case "getStreamLength", "getMovLen":
		return c.result(cmd, 0)
	case "deleteStream":
		id := uint32(int64(cmd.number(1)))
		if ns := c.session.streams[id]; ns != nil {
			c.release(ns, true, nil)
			delete(c.session.streams, id)
		}
		return nil
	case "onStatus", "_result", "_error", "receiveAudio", "receiveVideo":
		return nil
	}
	if ns := c.session.streams[streamID]; ns != nil {
		return c.obeyStream(ns, cmd)
	}
	return c.refuseCall(streamID, cmd)
}

// obeyStream takes a command to a message stream.
func (c *conn) obeyStream(ns *netStream, cmd command) error {
	switch cmd.name {
	case "publish":
		return c.publish(ns, cmd)
	case "play":
		return c.play(ns, cmd.text(1))
	case "play2":
		name, _ := cmd.object(1)["streamName"].(string)
		return c.play(ns, name)
	case "closeStream":
		c.release(ns, true, nil)
		return nil
	case "pause", "pauseRaw":
		stop := false
		if len(cmd.args) > 1 {
			stop, _ = cmd.args[1].(bool)
		}
		return c.pause(ns, stop)
	case "seek":
		return c.status(ns.id, levelError, codeSeekFailed, "a live stream cannot be sought in")
	}
	return c.refuseCall(ns.id, cmd)
}

func (c *conn) refuseCall(streamID uint32, cmd command) error {
	switch cmd.name {
	case "publish", "play", "play2", "pause", "seek":
		return c.status(streamID, levelError, codeStreamFailed,
			fmt.Sprintf("message stream %d does not exist; call createStream first", streamID))
	}
	if cmd.id == 0 {
		return nil
	}
	return c.command(streamID, "_error", cmd.id, nil,
		info{levelError, codeCallFailed, fmt.Sprintf("method %q is not known here", printable(cmd.name))})
}

func (c *conn) result(cmd command, values ...any) error {
	if cmd.id == 0 {
		return nil
	}
	if len(values) == 0 {
		values = []any{nil}
	}
	return c.command(0, "_result", cmd.id, append([]any{nil}, values...)...)
}

// connect answers the first command (RTMP 7.2.1.1).
func (c *conn) connect(cmd command) error {
	o := cmd.object(0)
	if c.session.connected || o == nil {
		text := "connect with a command object that names the app"
		if c.session.connected {
			text = "already connected"
		}
		return errors.Join(c.command(0, "_error", cmd.id, nil, info{levelError, codeConnectRejected, text}),
			badInput("connect: %s", text))
	}
	app, _ := o["app"].(string)
	tcURL, _ := o["tcUrl"].(string)
	encoder, _ := o["flashVer"].(string)
	app, appQuery, _ := strings.Cut(app, "?")
	_, urlQuery, _ := strings.Cut(tcURL, "?")
	c.session.app = strings.Trim(app, "/")
	c.session.query = mergeQuery(mergeQuery(nil, urlQuery), appQuery)
	c.session.encoder = printable(encoder)
	c.session.connected = true

	if err := c.control(&message.WinAckSize{Size: ackWindow}); err != nil {
		return err
	}
	if err := c.control(&message.SetPeerBandwidth{Size: ackWindow, Limit: message.LimitTypeDynamic}); err != nil {
		return err
	}
	if err := c.control(&message.SetChunkSize{ChunkSize: writeChunkSize}); err != nil {
		return err
	}
	c.chunk = writeChunkSize
	return c.command(0, "_result", cmd.id,
		connectProperties{Version: "FMS/3,5,7,7009", Capabilities: 31, Mode: 1},
		connectInfo{Level: levelStatus, Code: codeConnectSuccess, Description: "connected"})
}

func (c *conn) createStream(cmd command) error {
	for id := uint32(1); id <= maxNetStreams; id++ {
		if c.session.streams[id] == nil {
			c.session.streams[id] = &netStream{id: id}
			return c.result(cmd, id)
		}
	}
	return c.command(0, "_error", cmd.id, nil, info{levelError, codeCallFailed,
		fmt.Sprintf("%d message streams are open; delete one", maxNetStreams)})
}

// unpublish ends the publication a client names; clients leave parts of the name
// out, so without a match it is all of them.
func (c *conn) unpublish(raw string) {
	raw, _, _ = strings.Cut(raw, "?")
	var all, named []*netStream
	for _, ns := range c.session.streams {
		if ns.pub != nil {
			all = append(all, ns)
			if ns.pub.raw == raw {
				named = append(named, ns)
			}
		}
	}
	if len(named) == 0 {
		named = all
	}
	for _, ns := range named {
		c.release(ns, true, nil)
	}
}

// release ends what happens on a message stream. final says that the client
// wanted it; reason, if any, is why it has to be, and what to tell the client.
func (c *conn) release(ns *netStream, final bool, reason error) {
	if errors.Is(reason, errWrite) {
		reason = nil // a lost connection, which may come back
	}
	if p := ns.pub; p != nil {
		ns.pub = nil
		ns.unwatch()
		c.session.publications--
		p.close(final || reason != nil)
		c.leave()
		switch {
		case reason != nil:
			level, code := farewell(reason)
			_ = c.status(ns.id, level, code, reason.Error())
		case final:
			_ = c.status(ns.id, levelStatus, codeUnpublish, "unpublished")
		}
	}
	if p := ns.play; p != nil {
		ns.play = nil
		if p.stop() && reason != nil {
			_ = c.status(ns.id, levelStatus, codePlayUnpublish, reason.Error())
		}
	}
}

// mergeQuery adds the values of a query string; later ones win.
func mergeQuery(to url.Values, query string) url.Values {
	if to == nil {
		to = url.Values{}
	}
	// What parses is taken; a client's stray escape does not cost it the rest.
	values, _ := url.ParseQuery(query)
	for k, v := range values {
		to[k] = v
	}
	return to
}
