package desk

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"hutong/gateway/call"
)

// StatsRow are the figures of some calls: of a queue, an hour, an agent. Times
// are in seconds.
type StatsRow struct {
	Key       string `json:"key"`
	Calls     int    `json:"calls"`
	Answered  int    `json:"answered"`
	Abandoned int    `json:"abandoned"`
	// ServiceLevel is the share answered in time, of all but those that were
	// abandoned sooner.
	ServiceLevel *float64 `json:"serviceLevel"`
	AverageWait  float64  `json:"averageWait"`
	AverageTalk  float64  `json:"averageTalk"`
	AverageStars *float64 `json:"averageStars,omitempty"`

	waited, talked  int64
	inTime, counted int
	stars, rated    int
}

// DayStats are the figures of a day.
type DayStats struct {
	Day string `json:"day"`
	StatsRow
	Queues []StatsRow `json:"queues"`
	Hours  []StatsRow `json:"hours"`
	Agents []StatsRow `json:"agents"`
}

func (r *StatsRow) add(s call.Summary, level time.Duration) {
	r.Calls++
	answered := !s.AnsweredAt.IsZero()
	in := time.Duration(s.Waited)*time.Millisecond <= level
	switch {
	case answered:
		r.Answered++
		r.talked += s.Talked
	case s.Reason == call.Abandoned:
		r.Abandoned++
	}
	r.waited += s.Waited
	if answered || !in {
		r.counted++
		if answered && in {
			r.inTime++
		}
	}
	if s.Stars > 0 {
		r.stars += s.Stars
		r.rated++
	}
}

func (r StatsRow) done() StatsRow {
	share := func(n, of int) *float64 {
		if of == 0 {
			return nil
		}
		return ptr(float64(n) / float64(of))
	}
	r.ServiceLevel, r.AverageStars = share(r.inTime, r.counted), share(r.stars, r.rated)
	if r.Calls > 0 {
		r.AverageWait = float64(r.waited/int64(r.Calls)) / 1000
	}
	if r.Answered > 0 {
		r.AverageTalk = float64(r.talked/int64(r.Answered)) / 1000
	}
	return r
}

// Day returns the figures of the day that an instant is in, in the desk's time
// zone.
func (s *Service) Day(at time.Time) DayStats {
	set := s.set.Load()
	local := at.In(set.zone)
	from := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, set.zone)
	calls, _, _ := s.Search(Filter{From: from, To: from.AddDate(0, 0, 1)}, "", 0)
	level := set.ServiceLevel.Std()
	day := DayStats{Day: from.Format(time.DateOnly)}
	queues, hours, agents := map[string]*StatsRow{}, map[string]*StatsRow{}, map[string]*StatsRow{}
	for _, id := range set.order {
		queues[id] = &StatsRow{Key: id}
	}
	row := func(m map[string]*StatsRow, key string) *StatsRow {
		if m[key] == nil {
			m[key] = &StatsRow{Key: key}
		}
		return m[key]
	}
	for _, c := range calls {
		day.add(c, level)
		row(queues, c.Queue).add(c, level)
		row(hours, c.CreatedAt.In(set.zone).Format("15")).add(c, level)
		for _, id := range c.Agents {
			row(agents, id).add(c, level)
		}
	}
	rows := func(m map[string]*StatsRow) []StatsRow {
		out := []StatsRow{}
		for _, r := range slices.SortedFunc(maps.Values(m), func(a, b *StatsRow) int { return cmp.Compare(a.Key, b.Key) }) {
			out = append(out, r.done())
		}
		return out
	}
	day.StatsRow = day.done()
	day.Queues, day.Hours, day.Agents = rows(queues), rows(hours), rows(agents)
	return day
}

// Zone is the desk's time zone.
func (s *Service) Zone() *time.Location { return s.set.Load().zone }
