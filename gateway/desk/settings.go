package desk

import (
	"time"
	_ "time/tzdata" // the binary runs where there are no zone files

	"hutong/gateway/call"
	"hutong/gateway/config"
)

// settings are what the configuration says, as it is used.
type settings struct {
	config.Desk
	queues map[string]queue
	order  []string // of the queues, as configured
	lines  map[string]call.Line
	zone   *time.Location
}

type queue struct {
	config.Queue
	hours                call.Hours
	ringFor, maxWait     time.Duration
	maxWaiting           int
	holdNotice, waitNote string
}

// newSettings takes a configuration that has been validated.
func newSettings(d config.Desk, queues []config.Queue) (*settings, error) {
	s := &settings{Desk: d, queues: map[string]queue{}, lines: map[string]call.Line{}}
	var err error
	if s.zone, err = time.LoadLocation(d.Timezone); err != nil {
		return nil, err
	}
	for _, q := range queues {
		o := queue{Queue: q, ringFor: d.RingTimeout.Std(), maxWait: d.MaxWait.Std(), maxWaiting: d.MaxWaiting}
		if o.Name == "" {
			o.Name = q.ID
		}
		if q.RingTimeout > 0 {
			o.ringFor = q.RingTimeout.Std()
		}
		if q.MaxWait > 0 {
			o.maxWait = q.MaxWait.Std()
		}
		if q.MaxWaiting > 0 {
			o.maxWaiting = q.MaxWaiting
		}
		if o.hours, err = call.ParseHours(d.ZoneOf(q), q.Hours, q.ClosedDays); err != nil {
			return nil, err
		}
		s.queues[q.ID] = o
		s.order = append(s.order, q.ID)
		s.lines[q.ID] = call.Line{Priority: q.Priority, Skills: q.Skills, RetryAfter: d.RetryAfter.Std()}
	}
	return s, nil
}

// rules are what a call is held to now.
func (s *Service) rules(c call.Call, now time.Time) call.Rules {
	set := s.set.Load()
	r := call.Rules{MaxWait: set.MaxWait.Std(), RetryAfter: set.RetryAfter.Std(), CallerGrace: set.CallerGrace.Std(), RingFor: set.RingTimeout.Std()}
	if q, ok := set.queues[c.Queue]; ok {
		r.MaxWait, r.RingFor = q.maxWait, q.ringFor
		if q.OverflowAfter > 0 {
			r.OverflowTo, r.OverflowAfter = q.Overflow, q.OverflowAfter.Std()
		}
	}
	for _, seat := range s.seats() {
		r.OnDuty = r.OnDuty || seat.OnDuty(c.Queue, now)
	}
	return r
}
