package rtmp

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/yutopp/go-rtmp/message"

	"hutong/bridge/stream"
)

// request puts together what a peer asks for. Clients split an address between
// app and stream name where they like, so it is the joined path that counts.
func (c *conn) request(name string, publish bool) (Request, error) {
	path, query, _ := strings.Cut(name, "?")
	full, err := stream.ParseName(c.session.app + "/" + path)
	if err != nil {
		return Request{}, err
	}
	q := url.Values{}
	for k, v := range c.session.query {
		q[k] = v
	}
	return Request{
		App: c.session.app, Name: full, Query: mergeQuery(q, query),
		Remote: c.nc.RemoteAddr(), TLS: c.secure, Publish: publish, Encoder: c.session.encoder,
	}, nil
}

func (c *conn) authorize(r Request) (path string, err error) {
	ctx, cancel := context.WithTimeout(c.ctx, c.s.cfg.HandshakeTimeout)
	defer cancel()
	return c.s.cfg.Authorize(ctx, r)
}

// publish answers NetStream.publish (RTMP 7.2.2.6).
func (c *conn) publish(ns *netStream, cmd command) error {
	c.release(ns, true, nil)
	r, err := c.request(cmd.text(1), true)
	if err != nil {
		return c.refusePublish(ns, codePublishBadName, err)
	}
	if _, err := c.authorize(r); err != nil {
		return c.refusePublish(ns, codePublishDenied, err)
	}
	pub, err := c.s.cfg.Registry.Publish(r.Name, stream.PublisherInfo{
		Protocol: "rtmp", Remote: c.remote, Origin: stream.FromFrames, Kick: c.stop,
	})
	if errors.Is(err, stream.ErrInUse) {
		return c.refusePublish(ns, codePublishBadName, err)
	}
	if err != nil {
		return c.refusePublish(ns, codePublishRejected, err)
	}
	log := c.log.With("stream", r.Name)
	raw, _, _ := strings.Cut(cmd.text(1), "?")
	ns.pub = newPublishing(pub, raw, &c.s.cfg.Observer, log, func(text string) {
		_ = c.status(ns.id, levelWarning, codePublishRejected, text)
	})
	ns.unwatch = c.s.cfg.Watch(r, c.stop)
	c.session.publications++
	c.enter()
	c.r.maxMessage = max(c.r.maxMessage, c.s.cfg.MaxMessage)
	if err := c.user(&message.UserCtrlEventStreamBegin{StreamID: ns.id}); err != nil {
		return err
	}
	return c.status(ns.id, levelStatus, codePublishStart, r.Name+" is being published")
}

func (c *conn) refusePublish(ns *netStream, code string, err error) error {
	c.s.cfg.Observer.Refused("publish")
	c.log.Info("publish refused", "app", c.session.app, "err", err)
	return c.status(ns.id, levelError, code, err.Error())
}
