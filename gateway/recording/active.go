package recording

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hutong/bridge/record"
	"hutong/bridge/stream"
	"hutong/gateway/config"
	"hutong/gateway/rooms"
)

// active is a recording that goes on.
type active struct {
	id          string
	meta        record.Meta
	rec         *record.Recording
	unsubscribe func()
	seen        time.Time // when somebody was last recorded
	agents      []string  // that the index has
	ending      bool
}

// scope is what a recording is of, for rules and for what somebody has declined.
func scope(roomID, stream string) string {
	if roomID != "" {
		return "room " + roomID
	}
	return "stream " + stream
}

// wants tells whether a stream belongs into the recording.
func (a *active) wants(p place) bool {
	if a.meta.Stream != "" {
		return a.meta.Stream == p.stream
	}
	return a.meta.RoomID != "" && a.meta.RoomID == p.roomID
}

const callTimeout = 10 * time.Second

// run compares what is published with what is recorded, again and again.
func (s *Service) run() {
	tick := time.NewTicker(s.o.look)
	defer tick.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		case <-tick.C:
		}
		s.compare()
	}
}

func (s *Service) compare() {
	var live []place
	streams := map[string]*stream.Stream{}
	for _, st := range s.o.Streams.Streams() {
		p := place{stream: st.Name}
		if roomID, userID, ok := s.o.Rooms.RoomOf(st.Name); ok {
			p.roomID, p.userID = roomID, userID
			p.call, _ = s.o.CallOf(roomID)
		}
		live = append(live, p)
		streams[st.Name] = st
	}
	s.byRule(live)
	s.mu.Lock()
	going := make([]*active, 0, len(s.active))
	for _, a := range s.active {
		if !a.ending {
			going = append(going, a)
		}
	}
	for k := range s.declined {
		if !slices.ContainsFunc(live, func(p place) bool { return k == scope(p.roomID, "") || k == scope("", p.stream) }) {
			delete(s.declined, k)
		}
	}
	s.mu.Unlock()
	for _, a := range going {
		s.attend(a, live, streams)
	}
}

// byRule begins what rules want.
func (s *Service) byRule(live []place) {
	c := s.cfg.Load()
	if len(c.Rules) == 0 {
		return
	}
	for _, p := range live {
		rule, whole, ok := ruleFor(c.Rules, p)
		if !ok {
			continue
		}
		meta := record.Meta{Rule: nameOf(rule), Stream: p.stream}
		if whole {
			meta.Stream, meta.RoomID = "", p.roomID
		}
		if err := s.beginByRule(meta, rule); err != nil && s.ctx.Err() == nil {
			s.log.Error("what a rule wants recorded is not being recorded", "rule", meta.Rule, "room", meta.RoomID, "stream", meta.Stream, "error", err)
			s.Stats.Troubles.Add(1)
		}
	}
}

func (s *Service) beginByRule(meta record.Meta, rule config.RecordingRule) error {
	s.beginning.Lock()
	defer s.beginning.Unlock()
	s.mu.Lock()
	skip := s.declined[scope(meta.RoomID, meta.Stream)]
	for _, a := range s.active {
		skip = skip || a.meta.RoomID == meta.RoomID && a.meta.Stream == meta.Stream && !a.meta.Mixed
	}
	s.mu.Unlock()
	if skip || s.space() != nil {
		return nil
	}
	_, err := s.begin(s.ctx, meta, rule)
	return err
}

// attend records whoever has come, and ends a recording that has been alone.
func (s *Service) attend(a *active, live []place, streams map[string]*stream.Stream) {
	now := time.Now()
	have := a.rec.Streams()
	for _, p := range live {
		if !a.wants(p) {
			continue
		}
		a.seen = now
		s.served(a, p.call.Agents)
		if slices.Contains(have, p.stream) {
			continue
		}
		err := a.rec.Attach(streams[p.stream], s.who(p))
		if err != nil && !errors.Is(err, stream.ErrNotFound) && !errors.Is(err, record.ErrBusy) && !errors.Is(err, record.ErrEnded) {
			s.log.Error("a stream is not being recorded", "recording", a.id, "stream", p.stream, "error", err)
			s.tell(news{id: a.id, error: err.Error()})
		}
	}
	if now.Sub(a.seen) >= s.o.Config.Linger.Std() {
		s.mu.Lock()
		ending := a.ending
		a.ending = true
		s.mu.Unlock()
		if !ending {
			s.wg.Go(func() { s.end(a) })
		}
	}
}

// served notes agents that a call has come to since it is being recorded.
func (s *Service) served(a *active, agents []string) {
	for _, id := range agents {
		if !slices.Contains(a.agents, id) {
			a.agents = append(slices.Clone(a.agents), id)
			s.tell(news{id: a.id, agent: id})
		}
	}
}

// who is the member that publishes a stream.
func (s *Service) who(p place) record.Who {
	w := record.Who{UserID: p.userID}
	if p.roomID == "" {
		return w
	}
	ctx, cancel := context.WithTimeout(s.ctx, callTimeout)
	defer cancel()
	if r, err := s.o.Rooms.Load(ctx, p.roomID); err == nil {
		if m, ok := r.Place(p.userID); ok {
			w.NickName, w.Role, w.Client = m.NickName, string(m.Role), string(m.Client)
		}
	}
	return w
}

func newID() string {
	return time.Now().UTC().Format("20060102-150405") + "-" + strings.ToLower(rand.Text()[:10])
}

func (s *Service) recordOptions(id string) record.Options {
	c := s.o.Config
	return record.Options{Key: s.key, Ledger: s.ledger, SplitAfter: c.SplitAfter.Std(), SplitBytes: c.SplitBytes.Bytes(), MaxLag: c.MaxLag.Std(),
		Space: s.space, Log: s.log,
		OnWrite: func(n int) { s.Stats.Bytes.Add(int64(n)) },
		OnDrop:  func(n int) { s.Stats.Dropped.Add(int64(n)); s.tell(news{id: id, error: "the disk is too slow"}) },
		OnFile:  func(f record.File) { s.Stats.Files.Add(1); s.tell(news{id: id, file: &f}) },
		OnTrouble: func(err error) {
			s.Stats.Troubles.Add(1)
			s.tell(news{id: id, error: err.Error()})
		}}
}

// begin begins a recording. It finds who is to be recorded at the next look.
func (s *Service) begin(ctx context.Context, meta record.Meta, rule config.RecordingRule) (Item, error) {
	meta.RecordingID, meta.Node = newID(), s.o.Node
	roomID := meta.RoomID
	if roomID == "" {
		roomID, _, _ = s.o.Rooms.RoomOf(meta.Stream)
	}
	if c, ok := s.o.CallOf(roomID); ok {
		meta.CallID, meta.Queue, meta.Agents = c.CallID, c.Queue, c.Agents
	}
	i := Item{Meta: meta, State: Recording, StartedAt: time.Now().UTC(), Users: []string{}, Streams: []string{}, Files: []File{}, Composites: []Composite{}, Local: true}
	if rule.Composite != config.CompositeNone {
		i.Layout = rule.Composite
	}
	keep := s.cfg.Load().Keep
	if rule.Keep > 0 {
		keep = rule.Keep
	}
	if keep > 0 {
		i.KeepUntil = i.StartedAt.Add(keep.Std())
	}
	rec, err := record.Create(filepath.Join(s.dir, meta.RecordingID), meta, s.recordOptions(meta.RecordingID))
	if err != nil {
		return Item{}, err
	}
	b, err := i.encode()
	if err == nil {
		var revision uint64
		if revision, err = s.items.Create(ctx, meta.RecordingID, b); err == nil {
			s.index.note(i, revision)
		}
	}
	if err != nil {
		_, finish := rec.Finish()
		return Item{}, errors.Join(err, finish)
	}
	s.take(rec, meta)
	s.log.Info("recording started", "recording", meta.RecordingID, "room", meta.RoomID, "stream", meta.Stream, "rule", meta.Rule, "by", meta.By)
	s.audit(ctx, meta.By, "start", meta.RecordingID, meta.Rule)
	s.send("recording_started", i, nil)
	s.notice(meta)
	s.StreamChanged("")
	return i, nil
}

// take looks after a recording from now on.
func (s *Service) take(rec *record.Recording, meta record.Meta) *active {
	a := &active{id: meta.RecordingID, meta: meta, rec: rec, seen: time.Now(), agents: meta.Agents, unsubscribe: func() {}}
	if meta.RoomID != "" {
		unsubscribe, err := s.o.Rooms.Subscribe(meta.RoomID, func(u rooms.Update) { s.remark(rec, u) })
		if err == nil {
			a.unsubscribe = unsubscribe
		}
	}
	s.mu.Lock()
	s.active[a.id] = a
	s.mu.Unlock()
	return a
}

// end finishes a recording.
func (s *Service) end(a *active) (Item, error) {
	a.unsubscribe()
	m, err := a.rec.Finish()
	s.mu.Lock()
	delete(s.active, a.id)
	s.mu.Unlock()
	if err != nil {
		s.log.Error("a recording has ended with an error", "recording", a.id, "error", err)
	}
	i, changed := s.finished(m)
	s.notice(a.meta)
	return i, errors.Join(err, changed)
}

// finished brings the index to what a manifest has.
func (s *Service) finished(m record.Manifest) (Item, error) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	i, err := s.change(ctx, m.RecordingID, func(i *Item) error {
		for _, f := range m.Files {
			i.note(f)
		}
		i.State, i.EndedAt, i.Gaps, i.Trouble = Finished, m.EndedAt, len(m.Gaps), ""
		if i.Dropped > 0 {
			i.Trouble = "the disk was too slow"
		}
		if i.Layout != "" && len(i.Files) > 0 && len(i.Composites) == 0 {
			i.Composites = append(i.Composites, newComposite(i.Layout, "rule "+i.Rule))
		}
		return nil
	})
	if err != nil {
		s.log.Error("the end of a recording is not in the index", "recording", m.RecordingID, "error", err)
		return i, err
	}
	s.log.Info("recording ended", "recording", i.RecordingID, "files", len(i.Files), "bytes", i.Bytes, "gaps", i.Gaps)
	s.send("recording_ended", i, nil)
	s.jobs.signal()
	s.vault.signal()
	return i, nil
}

func (s *Service) find(id string) (*active, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.active[id]; a != nil && !a.ending {
		return a, nil
	}
	i, ok := s.index.get(id)
	switch {
	case !ok:
		return nil, fmt.Errorf("%w: %s", ErrNotFound, id)
	case i.active() && i.Node != s.o.Node:
		return nil, fmt.Errorf("%w: %s is on %s", ErrElsewhere, id, i.Node)
	}
	return nil, fmt.Errorf("%w: recording %s has ended", ErrState, id)
}
