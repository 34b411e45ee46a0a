package call

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Hours are when a queue is open, in a time zone. Without spans it always is.
type Hours struct {
	zone   *time.Location
	spans  []span
	closed []string // days, 2006-01-02
}

// span is of a day of the week, in minutes from midnight. One that ends on the
// next day is two.
type span struct {
	day      time.Weekday
	from, to int
}

var weekdays = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"}

// ParseHours reads spans such as "Mon-Fri 09:00-18:00" or "Sat 22:00-02:00", and
// days on which it is closed all day, such as 2027-01-01.
func ParseHours(zone string, spans, closed []string) (Hours, error) {
	if zone == "" {
		zone = "UTC"
	}
	z, err := time.LoadLocation(zone)
	if err != nil {
		return Hours{}, fmt.Errorf("%w: time zone %q; write one such as Asia/Shanghai", ErrBadData, clip(zone))
	}
	h := Hours{zone: z, closed: closed}
	for _, s := range spans {
		if err := h.add(s); err != nil {
			return Hours{}, err
		}
	}
	for _, day := range closed {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			return Hours{}, fmt.Errorf("%w: day %q; write it like 2027-01-01", ErrBadData, clip(day))
		}
	}
	return h, nil
}

func (h *Hours) add(s string) error {
	wrong := fmt.Errorf("%w: hours %q; write them like Mon-Fri 09:00-18:00", ErrBadData, clip(s))
	days, times, ok := strings.Cut(strings.TrimSpace(s), " ")
	from, to, both := strings.Cut(strings.TrimSpace(times), "-")
	if !ok || !both {
		return wrong
	}
	begin, ok1 := minutes(from)
	end, ok2 := minutes(to)
	if !ok1 || !ok2 || begin == end || begin == 24*60 {
		return wrong
	}
	first, last, several := strings.Cut(days, "-")
	if !several {
		last = first
	}
	a, b := slices.Index(weekdays, first), slices.Index(weekdays, last)
	if a < 0 || b < 0 {
		return wrong
	}
	for d := a; ; d = (d + 1) % 7 {
		if end > begin {
			h.spans = append(h.spans, span{time.Weekday(d), begin, end})
		} else {
			h.spans = append(h.spans, span{time.Weekday(d), begin, 24 * 60}, span{time.Weekday((d + 1) % 7), 0, end})
		}
		if d == b {
			return nil
		}
	}
}

func minutes(s string) (int, bool) {
	if s == "24:00" {
		return 24 * 60, true
	}
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil
}

// Open says whether it is open.
func (h Hours) Open(now time.Time) bool {
	if h.zone == nil {
		return true
	}
	local := now.In(h.zone)
	if slices.Contains(h.closed, local.Format(time.DateOnly)) {
		return false
	}
	if len(h.spans) == 0 {
		return true
	}
	minute := local.Hour()*60 + local.Minute()
	return slices.ContainsFunc(h.spans, func(s span) bool {
		return s.day == local.Weekday() && minute >= s.from && minute < s.to
	})
}

// Opens is when it is open again; false when it is open, or not within two
// weeks.
func (h Hours) Opens(now time.Time) (time.Time, bool) {
	if h.Open(now) {
		return time.Time{}, false
	}
	local := now.In(h.zone)
	var next time.Time
	for ahead := range 15 {
		day := time.Date(local.Year(), local.Month(), local.Day()+ahead, 0, 0, 0, 0, h.zone)
		starts := []int{0}
		for _, s := range h.spans {
			if s.day == day.Weekday() {
				starts = append(starts, s.from)
			}
		}
		for _, m := range starts {
			at := time.Date(day.Year(), day.Month(), day.Day(), 0, m, 0, 0, h.zone)
			if at.After(now) && h.Open(at) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
		if !next.IsZero() {
			return next.UTC(), true
		}
	}
	return time.Time{}, false
}
