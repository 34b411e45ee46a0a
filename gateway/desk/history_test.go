package desk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"hutong/gateway/call"
	"hutong/gateway/store"
)

// fill notes records, a minute apart, by twenty agents in five queues.
func fill(s *Service, n int) time.Time {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		at := begin.Add(time.Duration(i) * time.Minute)
		r := call.Summary{CallID: fmt.Sprintf("c%07d", i), Queue: fmt.Sprint("q", i%5), CallerID: fmt.Sprint("u", i%5000), CallerName: fmt.Sprint("Caller ", i%5000),
			CreatedAt: at, AnsweredAt: at.Add(10 * time.Second), EndedAt: at.Add(3 * time.Minute), Reason: call.Reasons[i%len(call.Reasons)],
			Outcome: []string{"solved", "call again", ""}[i%3], Agents: []string{fmt.Sprint("a", i%20)},
			Durations: call.Durations{Waited: 10_000, Talked: 170_000}}
		s.past.note(r)
	}
	return begin
}

func TestSearch(t *testing.T) {
	h := newHouse(t, nil)
	begin := fill(h.Service, 1000)
	for _, c := range []struct {
		name string
		f    Filter
		want int
	}{
		{"all", Filter{}, 1000}, {"an agent", Filter{Agent: "a7"}, 50}, {"a queue", Filter{Queue: "q2"}, 200}, {"a caller", Filter{Caller: "u42"}, 1},
		{"a part of a name", Filter{Caller: "cALLER 99"}, 11}, {"an outcome", Filter{Outcome: "solved"}, 334}, {"a reason", Filter{Reason: call.Completed}, 167},
		{"from", Filter{From: begin.Add(990 * time.Minute)}, 10}, {"to", Filter{To: begin.Add(10 * time.Minute)}, 10},
		{"between", Filter{From: begin.Add(10 * time.Minute), To: begin.Add(20 * time.Minute)}, 10},
		{"several", Filter{Agent: "a7", Queue: "q2", Reason: call.Abandoned}, 17}, {"nothing", Filter{Agent: "a7", Queue: "q3"}, 0},
	} {
		seen, cursor, last := map[string]bool{}, "", time.Time{}
		for {
			page, next, total := h.Search(c.f, cursor, 7)
			if total != c.want || len(page) > 7 || !CheckCursor(next) {
				t.Fatalf("%s: a page of %d of %d, next %q; want %d", c.name, len(page), total, next, c.want)
			}
			for _, r := range page {
				if seen[r.CallID] || !last.IsZero() && r.CreatedAt.After(last) {
					t.Fatalf("%s: %s is out of order", c.name, r.CallID)
				}
				seen[r.CallID], last = true, r.CreatedAt
			}
			if cursor = next; next == "" {
				break
			}
		}
		if len(seen) != c.want {
			t.Errorf("%s: the pages have %d; want %d", c.name, len(seen), c.want)
		}
	}
}

func TestRecordsThatComeLate(t *testing.T) {
	h := newHouse(t, nil)
	fill(h.Service, 10)
	h.past.note(call.Summary{CallID: "late", CreatedAt: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), Agents: []string{}})
	page, _, _ := h.Search(Filter{}, "", 0)
	if len(page) != 11 || page[10].CallID != "late" || page[0].CallID != "c0000009" {
		t.Errorf("found %+v", page)
	}
}

func TestRetention(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Desk.HistoryDays = 30 })
	c := h.place("li")
	_, err := h.HangUp(t.Context(), c.CallID, call.ByCaller, Account{})
	ok(t, err)
	h.clock.pass(29 * 24 * time.Hour)
	h.retain()
	if _, err := h.Record(t.Context(), c.CallID); err != nil {
		t.Fatalf("deleted early: %v", err)
	}
	h.clock.pass(2 * 24 * time.Hour)
	h.retain()
	eventually(t, "the deletion", func() bool {
		_, _, total := h.Search(Filter{}, "", 1)
		_, err := h.Record(t.Context(), c.CallID)
		return total == 0 && err != nil
	})
}

func TestStatsOfADay(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Desk.Timezone = "Asia/Shanghai" })
	day := time.Date(2026, 5, 3, 16, 0, 0, 0, time.UTC) // midnight in Shanghai
	note := func(id string, after time.Duration, answered bool, waited int64, why call.Reason, stars int) {
		s := call.Summary{CallID: id, Queue: "q", CreatedAt: day.Add(after), Reason: why, Stars: stars, Agents: []string{}, Durations: call.Durations{Waited: waited}}
		if answered {
			s.AnsweredAt, s.Agents, s.Talked = s.CreatedAt.Add(time.Duration(waited)*time.Millisecond), []string{"anna"}, 60_000
		}
		h.past.note(s)
	}
	note("before", -time.Second, true, 0, call.Completed, 0)
	note("quick", 9*time.Hour, true, 5_000, call.Completed, 5)
	note("slow", 9*time.Hour, true, 25_000, call.Completed, 4)
	note("left at once", 10*time.Hour, false, 3_000, call.Abandoned, 0)
	note("left late", 10*time.Hour, false, 67_000, call.Abandoned, 0)
	note("after", 24*time.Hour, true, 0, call.Completed, 0)
	d := h.Day(day.Add(12 * time.Hour))
	if d.Day != "2026-05-04" || d.Calls != 4 || d.Answered != 2 || d.Abandoned != 2 || *d.ServiceLevel != 1.0/3 || d.AverageWait != 25 || d.AverageTalk != 60 || *d.AverageStars != 4.5 {
		t.Errorf("the day: %+v", d)
	}
	if len(d.Hours) != 2 || d.Hours[0].Key != "09" || d.Hours[0].Calls != 2 || len(d.Agents) != 1 || d.Agents[0].Answered != 2 || len(d.Queues) != 1 {
		t.Errorf("rows: %+v %+v %+v", d.Hours, d.Agents, d.Queues)
	}
}

func TestGuardOfLogins(t *testing.T) {
	c := newClock()
	g := newGuard(c.now)
	for range maxByName {
		if !g.allows("name:a", maxByName) {
			t.Fatal("refused early")
		}
		g.failed("name:a")
	}
	if g.allows("name:a", maxByName) || !g.allows("name:b", maxByName) {
		t.Error("after ten failures")
	}
	c.pass(guardWindow)
	if !g.allows("name:a", maxByName) {
		t.Error("it is refused for ever")
	}
	for i := range maxGuarded + 100 {
		g.failed(fmt.Sprint("remote:", i))
	}
	if len(g.tries) > maxGuarded {
		t.Errorf("%d are remembered", len(g.tries))
	}
}

// BenchmarkHistory100k searches among 100,000 records, by all there is to search
// by.
func BenchmarkHistory100k(b *testing.B) {
	h := newHouse(b, nil)
	begin := fill(h.Service, 100_000)
	for name, f := range map[string]Filter{
		"all": {}, "time": {From: begin.Add(50_000 * time.Minute), To: begin.Add(60_000 * time.Minute)}, "agent": {Agent: "a7"}, "queue": {Queue: "q2"},
		"caller": {Caller: "u4711"}, "name": {Caller: "caller 47"}, "outcome": {Outcome: "solved"}, "nothing": {Caller: "nobody at all"},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				h.Search(f, "", 50)
			}
		})
	}
}

// BenchmarkHistoryLoad opens a desk that has 100,000 records.
func BenchmarkHistoryLoad(b *testing.B) {
	dir := b.TempDir()
	st, err := store.Open(store.Options{Dir: dir})
	ok(b, err)
	h := open(b, st, newClock(), nil)
	for i := range 100_000 {
		at := time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC)
		data, err := json.Marshal(call.Summary{CallID: fmt.Sprintf("c%07d", i), Queue: "q", CallerID: fmt.Sprint("u", i), CallerName: strings.Repeat("n", 12),
			CreatedAt: at, EndedAt: at, Reason: call.Completed, Agents: []string{"anna"}})
		ok(b, err)
		_, err = h.past.small.Create(b.Context(), fmt.Sprintf("c%07d", i), data)
		ok(b, err)
	}
	h.Close()
	for b.Loop() {
		h := open(b, st, newClock(), nil)
		if _, _, total := h.Search(Filter{}, "", 1); total != 100_000 {
			b.Fatalf("%d records were read", total)
		}
		h.Close()
	}
	st.Close()
}
