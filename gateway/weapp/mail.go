package weapp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"hutong/gateway/store"
)

// What is kept of direct messages for somebody whose socket is lost.
const (
	mailTTL      = time.Hour
	mailTouch    = mailTTL / 4 // how often somebody who is there says so
	maxMail      = 50
	maxMailBytes = 256 << 10
	mailSubject  = "weapp/mail/"
)

var (
	errAbsent = errors.New("the receiver is not there")
	errKicked = errors.New("another login has replaced this one")
)

// mailbox is what there is of a user who is logged in: by which login, and the
// last direct messages.
type mailbox struct {
	Session string    `json:"session"`
	Seq     uint64    `json:"seq"`
	Mail    []im      `json:"mail,omitempty"`
	At      time.Time `json:"at"`
}

// post keeps the mailboxes.
type post struct {
	store  *store.Store
	bucket *store.Bucket
}

func openPost(s *store.Store) (*post, error) {
	b, err := s.Bucket("weapp_mail", store.BucketOptions{TTL: mailTTL})
	return &post{s, b}, err
}

func (p *post) change(ctx context.Context, userID string, f func(box *mailbox, exists bool) (keep bool, err error)) error {
	return store.Change(ctx, p.bucket, userID, func(old []byte) ([]byte, error) {
		var box mailbox
		if old != nil {
			if err := json.Unmarshal(old, &box); err != nil {
				return nil, fmt.Errorf("the mailbox of %s: %w", userID, err)
			}
		}
		keep, err := f(&box, old != nil)
		if err != nil || !keep {
			return nil, err
		}
		return json.Marshal(box)
	})
}

// login opens a user's mailbox for a login, or for one that comes back: then
// again is its session, which must not have been replaced.
func (p *post) login(ctx context.Context, userID, again string, now time.Time) (session string, resumed bool, seq uint64, err error) {
	fresh := random(16)
	err = p.change(ctx, userID, func(box *mailbox, exists bool) (bool, error) {
		session, resumed = fresh, false
		if again != "" && exists {
			if box.Session != again {
				return false, errKicked
			}
			session, resumed = again, true
		}
		box.Session, box.At = session, now
		seq = box.Seq
		return true, nil
	})
	return session, resumed, seq, err
}

// touch keeps a mailbox from being forgotten.
func (p *post) touch(ctx context.Context, userID, session string, now time.Time) error {
	return p.change(ctx, userID, func(box *mailbox, exists bool) (bool, error) {
		if exists && box.Session != session {
			return false, errKicked
		}
		box.Session, box.At = session, now
		return true, nil
	})
}

// logout closes a mailbox, unless another login has it.
func (p *post) logout(ctx context.Context, userID, session string) error {
	err := p.change(ctx, userID, func(box *mailbox, exists bool) (bool, error) {
		if exists && box.Session != session {
			return false, errKicked
		}
		return false, nil
	})
	if errors.Is(err, errKicked) {
		return nil
	}
	return err
}

// send puts a message into a mailbox and tells the node of its owner.
func (p *post) send(ctx context.Context, userID string, m im) (im, error) {
	again := false
	err := p.change(ctx, userID, func(box *mailbox, exists bool) (bool, error) {
		if !exists {
			return false, errAbsent
		}
		again = false
		for _, old := range box.Mail {
			if m.Random != "" && old.Random == m.Random && old.From == m.From {
				m, again = old, true
				return true, nil
			}
		}
		box.Seq++
		m.Seq = box.Seq
		box.Mail = newestMail(append(slices.Clip(box.Mail), m))
		return true, nil
	})
	if err != nil || again {
		return m, err
	}
	data, err := json.Marshal(m)
	if err == nil {
		err = p.store.Publish(mailSubject+userID, data)
	}
	return m, err
}

func newestMail(all []im) []im {
	size, from := 0, len(all)
	for from > 0 && len(all)-from < maxMail {
		size += all[from-1].size()
		if size > maxMailBytes && from < len(all) {
			break
		}
		from--
	}
	return all[from:]
}

// after returns what a mailbox keeps behind a number.
func (p *post) after(ctx context.Context, userID string, seq uint64) ([]im, error) {
	data, _, err := p.bucket.Get(ctx, userID)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var box mailbox
	if err := json.Unmarshal(data, &box); err != nil {
		return nil, fmt.Errorf("the mailbox of %s: %w", userID, err)
	}
	return slices.DeleteFunc(box.Mail, func(m im) bool { return m.Seq <= seq }), nil
}

// replaced says whether another login has a user by now.
func (p *post) replaced(ctx context.Context, userID, session string) bool {
	data, _, err := p.bucket.Get(ctx, userID)
	var box mailbox
	return err == nil && json.Unmarshal(data, &box) == nil && box.Session != session
}
