package desk

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/room"
	"hutong/gateway/store"
)

// Legs measures the participants of a call: what the media floors know of them.
type Legs interface {
	Measure(roomID string, members []room.Member) map[string]Leg // by userID
}

// Leg is what is known of one participant's connections. Counters grow as long
// as the connection lives.
type Leg struct {
	Live      bool // something is published
	Video     bool // with a picture
	Frames    int64
	BytesUp   int64
	PacketsUp int64
	LostUp    int64
	Jitter    time.Duration // of the uplink, 0 when unknown
	RTT       time.Duration // 0 when unknown
	// HasLossUp and HasDown say which of the counters are kept: those of RTMP are
	// not, since TCP hides losses.
	HasLossUp, HasDown bool
	LossDown           float64
	BytesDown          int64
	AudioLevel         float64 // dBov
	HasLevel           bool
}

// Report is what a page measured of somebody it watches, from getStats.
type Report struct {
	UserID     string   `json:"userID"`
	FPS        *float64 `json:"fps"`
	Freezes    int      `json:"freezes"` // since the report before
	Frozen     float64  `json:"freezeMs"`
	LossIn     *float64 `json:"lossIn"`
	Jitter     *float64 `json:"jitterMs"`
	Buffer     *float64 `json:"bufferMs"`
	RTT        *float64 `json:"rttMs"`
	BitrateIn  *float64 `json:"bitrateIn"`
	AudioLevel *float64 `json:"audioLevel"`
}

// QualityUpdate is how the legs of a call are now.
type QualityUpdate struct {
	Type   string    `json:"type"` // quality
	CallID string    `json:"callID"`
	Legs   []LegView `json:"legs"`
}

// LegView is how one leg is now.
type LegView struct {
	UserID string      `json:"userID"`
	Light  call.Light  `json:"light"`
	Cause  *call.Cause `json:"cause,omitempty"`
	Sample call.Sample `json:"sample"`
}

// meter samples the legs of the calls that go on.
type meter struct {
	s    *Service
	kept *store.Bucket // of calls that go on, by callID and node

	mu    sync.Mutex
	calls map[string]*measured
}

type measured struct {
	last    map[string]Leg
	at      time.Time
	reports map[string]map[string]Report // by who reports, and whom of
	legs    map[string]*LegQuality
	rounds  int
	// recalled says that what a former life of this node has kept is among legs.
	recalled bool
}

const (
	maxReports = 16 // of one page at a time
	keepEvery  = 3  // rounds
)

func newMeter(s *Service) (*meter, error) {
	m := &meter{s: s, calls: map[string]*measured{}}
	var err error
	m.kept, err = s.o.Store.Bucket("call_quality", store.BucketOptions{TTL: 48 * time.Hour})
	return m, err
}

func (m *meter) of(callID string) *measured {
	x := m.calls[callID]
	if x == nil {
		x = &measured{last: map[string]Leg{}, reports: map[string]map[string]Report{}, legs: map[string]*LegQuality{}}
		m.calls[callID] = x
	}
	return x
}

// reported takes what a page measured.
func (m *meter) reported(callID, by string, all []Report) {
	if _, ok := m.s.index.call(callID); !ok {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.of(callID)
	if x.reports[by] == nil {
		x.reports[by] = map[string]Report{}
	}
	for i, r := range all {
		if i >= maxReports || len(x.reports[by]) >= maxReports && x.reports[by][r.UserID].UserID == "" {
			return
		}
		if old, ok := x.reports[by][r.UserID]; ok { // not looked at yet
			r.Freezes, r.Frozen = r.Freezes+old.Freezes, r.Frozen+old.Frozen
		}
		x.reports[by][r.UserID] = r
	}
}

func (m *meter) run() {
	if m.s.o.Legs == nil {
		return
	}
	timer := time.NewTimer(m.s.set.Load().QualityEvery.Std())
	defer timer.Stop()
	for {
		select {
		case <-m.s.ctx.Done():
			return
		case <-timer.C:
			m.round()
			timer.Reset(m.s.set.Load().QualityEvery.Std())
		}
	}
}

// round samples every call once.
func (m *meter) round() {
	going := map[string]bool{}
	for _, c := range m.s.index.all() {
		going[c.CallID] = true
		if c.State != call.Answered && c.State != call.Held && c.State != call.Transferring {
			continue
		}
		var members []room.Member
		for _, x := range m.s.o.Rooms.Members(c.CallID) {
			if c.TakesPart(x.UserID) {
				members = append(members, x)
			}
		}
		measure := m.s.o.Legs.Measure(c.CallID, members)
		if len(measure) == 0 {
			continue // all of them are on other nodes
		}
		m.recall(c.CallID)
		u, keep := m.sample(c, members, measure, m.s.o.Now())
		m.s.index.quality(u)
		if keep != nil {
			ctx, cancel := context.WithTimeout(m.s.ctx, storeTimeout)
			if err := putJSON(ctx, m.kept, c.CallID+"/"+m.s.o.Node, keep); err != nil && m.s.ctx.Err() == nil {
				m.s.o.Log.Warn("a call's quality would not survive a restart", "call", c.CallID, "error", err)
			}
			cancel()
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.calls, func(callID string, _ *measured) bool { return !going[callID] })
}

// recall begins a call's timeline with what this node has kept of it before it was
// started again. Until that is read nothing is kept anew.
func (m *meter) recall(callID string) {
	m.mu.Lock()
	done := m.of(callID).recalled
	m.mu.Unlock()
	if done {
		return
	}
	ctx, cancel := context.WithTimeout(m.s.ctx, storeTimeout)
	defer cancel()
	var before []LegQuality
	data, _, err := m.kept.Get(ctx, callID+"/"+m.s.o.Node)
	if err == nil {
		err = json.Unmarshal(data, &before)
	} else if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	if err != nil {
		m.s.o.Log.Warn("what was measured of a call cannot be read", "call", callID, "error", err)
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.of(callID)
	for _, q := range before {
		if now := x.legs[q.UserID]; now != nil {
			q.Samples = append(q.Samples, now.Samples...)
		}
		x.legs[q.UserID] = &q
	}
	x.recalled = true
}

// sample adds a sample to each leg, and returns them, and every few rounds the
// whole timeline to be kept.
func (m *meter) sample(c call.Call, members []room.Member, now map[string]Leg, at time.Time) (u QualityUpdate, keep []LegQuality) {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.of(c.CallID)
	u = QualityUpdate{Type: "quality", CallID: c.CallID, Legs: []LegView{}}
	for _, who := range members {
		leg, here := now[who.UserID]
		if !here {
			continue
		}
		s := x.measure(who, leg, members, now, at)
		s = call.Judge(s, call.Leg{Name: who.NickName, Sends: c.Share("", who.UserID).Known || c.Share(call.UserOf(c.AgentID), who.UserID).Video,
			Video: leg.Video && !who.VideoMuted, Muted: who.AudioMuted})
		q := x.legs[who.UserID]
		if q == nil {
			q = &LegQuality{UserID: who.UserID, NickName: who.NickName}
			x.legs[who.UserID] = q
		}
		q.Samples = append(call.Thin(q.Samples), s)
		u.Legs = append(u.Legs, LegView{who.UserID, s.Light, s.Cause, s})
	}
	x.last, x.at = now, at
	for by := range x.reports { // they are of the time since the last round
		for whom, r := range x.reports[by] {
			r.Freezes, r.Frozen = 0, 0
			x.reports[by][whom] = r
		}
	}
	if x.rounds++; x.rounds%keepEvery == 1 && x.recalled {
		keep = x.timeline()
	}
	return u, keep
}

func (x *measured) timeline() []LegQuality {
	out := []LegQuality{}
	for _, id := range slices.Sorted(maps.Keys(x.legs)) {
		q := *x.legs[id]
		q.Samples = slices.Clone(q.Samples)
		out = append(out, q)
	}
	return out
}

// measure makes a sample of what is known now and was known before.
func (x *measured) measure(who room.Member, leg Leg, members []room.Member, all map[string]Leg, at time.Time) call.Sample {
	s := call.Sample{At: at.UTC().Truncate(time.Millisecond)}
	span := at.Sub(x.at).Seconds()
	last, known := x.last[who.UserID]
	if known && span > 0 && span < 120 {
		// The counters of a stream that begins again, or has been away, go on from
		// another place.
		went := leg.Live == last.Live
		if went {
			s.BitrateUp = rate(leg.BytesUp-last.BytesUp, 8, span)
		}
		if leg.Video && leg.Live && went {
			s.FPS = rate(leg.Frames-last.Frames, 1, span)
		}
		if leg.HasDown {
			s.BitrateDown = rate(leg.BytesDown-last.BytesDown, 8, span)
		}
		if lost, got := leg.LostUp-last.LostUp, leg.PacketsUp-last.PacketsUp; leg.HasLossUp && went && lost >= 0 && got >= 0 && lost+got > 0 {
			s.LossUp = ptr(float64(lost) / float64(lost+got))
		}
	}
	if leg.HasLossUp && leg.Jitter > 0 {
		s.Jitter = ms(leg.Jitter)
	}
	if leg.RTT > 0 {
		s.RTT = ms(leg.RTT)
	}
	if leg.HasDown {
		s.LossDown = ptr(leg.LossDown)
	}
	if leg.HasLevel {
		s.AudioLevel = ptr(leg.AudioLevel)
	}
	for _, r := range x.reports[who.UserID] { // what this page gets
		if r.LossIn != nil && (s.LossDown == nil || *r.LossIn > *s.LossDown) {
			s.LossDown = r.LossIn
		}
		if s.RTT == nil {
			s.RTT = r.RTT
		}
	}
	for by, reports := range x.reports { // what others get of this one
		r, ok := reports[who.UserID]
		if !ok || by == who.UserID {
			continue
		}
		if r.LossIn == nil || *r.LossIn < 0.03 { // otherwise the fault is at the other end
			s.Freezes += r.Freezes
			s.Frozen = max(s.Frozen, r.Frozen)
		}
	}
	x.delays(&s, who, members, all)
	return s
}

// Parts of a delay that nobody measures, in milliseconds: what a camera and an
// encoder take, half a round trip where it is unknown, and a player's buffer
// where the page says nothing. Crossing the bridge costs a frame of AAC and one
// of Opus, and towards RTMP the jitter buffer.
var (
	captureMs  = map[room.Client][2]float64{room.WebRTC: {25, 45}, room.RTMP: {60, 90}} // audio, video
	bufferMs   = map[room.Client]float64{room.WebRTC: 60, room.RTMP: 200}
	crossingMs = map[[2]room.Client][2]float64{
		{room.WebRTC, room.WebRTC}: {1, 1}, {room.RTMP, room.RTMP}: {1, 1},
		{room.RTMP, room.WebRTC}: {45, 5}, {room.WebRTC, room.RTMP}: {65, 25}}
)

const halfTripMs, renderMs = 30, 15

// delays estimates how late others get what this one sends; the worst counts.
func (x *measured) delays(s *call.Sample, who room.Member, members []room.Member, all map[string]Leg) {
	for _, to := range members {
		if to.UserID == who.UserID {
			continue
		}
		other, here := all[to.UserID]
		if !here {
			continue
		}
		buffer := bufferMs[to.Client]
		if r, ok := x.reports[to.UserID][who.UserID]; ok && r.Buffer != nil {
			buffer = *r.Buffer
		}
		cross := crossingMs[[2]room.Client{who.Client, to.Client}]
		way := trip(s.RTT) + trip(ms(other.RTT)) + buffer + renderMs
		ear, glass := captureMs[who.Client][0]+cross[0]+way, captureMs[who.Client][1]+cross[1]+way
		if s.MouthToEar == nil || ear > *s.MouthToEar {
			s.MouthToEar, s.GlassToGlass = ptr(ear), ptr(glass)
		}
	}
}

func trip(rtt *float64) float64 {
	if rtt == nil || *rtt <= 0 {
		return halfTripMs
	}
	return *rtt / 2
}

func rate(n int64, times, seconds float64) *float64 {
	if n < 0 { // another connection
		return nil
	}
	return ptr(float64(int64(float64(n)*times/seconds*10)) / 10)
}

func ms(d time.Duration) *float64 { return ptr(float64(d.Microseconds()) / 1000) }

func ptr[T any](v T) *T { return &v }

// timeline is what is known of a call's quality, here and on other nodes.
func (m *meter) timeline(ctx context.Context, callID string) []LegQuality {
	m.mu.Lock()
	x := m.calls[callID]
	mine := []LegQuality{}
	if x != nil {
		mine = x.timeline()
	}
	m.mu.Unlock()
	entries, _, err := m.kept.List(ctx, callID+"/", "", 100)
	if err != nil {
		return mine
	}
	for _, e := range entries {
		var theirs []LegQuality
		if json.Unmarshal(e.Value, &theirs) != nil {
			continue
		}
		own := strings.TrimPrefix(e.Key, callID+"/") == m.s.o.Node
		for _, q := range theirs {
			i := slices.IndexFunc(mine, func(x LegQuality) bool { return x.UserID == q.UserID })
			switch {
			case i < 0:
				mine = append(mine, q)
			case own && len(mine[i].Samples) > 0: // of a former life of this node, what is older
				first := mine[i].Samples[0].At
				q.Samples = slices.DeleteFunc(q.Samples, func(s call.Sample) bool { return !s.At.Before(first) })
				mine[i].Samples = append(q.Samples, mine[i].Samples...)
			default:
				mine[i].Samples = append(mine[i].Samples, q.Samples...)
				slices.SortFunc(mine[i].Samples, func(a, b call.Sample) int { return a.At.Compare(b.At) })
			}
		}
	}
	for i := range mine {
		mine[i].Samples = call.Thin(mine[i].Samples)
	}
	return mine
}

// light is how a call is now, at a glance; empty when nothing is measured.
func (m *meter) light(callID string) call.Light {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.calls[callID]
	if x == nil || len(x.legs) == 0 {
		return ""
	}
	var lights []call.Light
	for id, q := range x.legs {
		if _, now := x.last[id]; now && len(q.Samples) > 0 {
			lights = append(lights, q.Samples[len(q.Samples)-1].Light)
		}
	}
	return call.Worst(lights...)
}

func (m *meter) forget(ctx context.Context, callID string) {
	m.mu.Lock()
	delete(m.calls, callID)
	m.mu.Unlock()
	entries, _, err := m.kept.List(ctx, callID+"/", "", 100)
	for _, e := range entries {
		err = m.kept.Delete(ctx, e.Key, 0)
	}
	if err != nil {
		m.s.o.Log.Debug("a call's quality stays until it expires", "call", callID, "error", err)
	}
}

// Quality is the timeline of a call, during it and after.
func (s *Service) Quality(ctx context.Context, callID string) ([]LegQuality, error) {
	if _, ok := s.index.view(callID); ok {
		return s.meter.timeline(ctx, callID), nil
	}
	r, err := s.past.get(ctx, callID)
	if err != nil {
		return nil, err
	}
	return r.Quality, nil
}
