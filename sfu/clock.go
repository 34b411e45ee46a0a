package sfu

import "time"

// The hot paths keep instants as nanoseconds since start, on the monotonic clock.
var start = time.Now()

func mono() int64 { return int64(time.Since(start)) }

func wall(at int64) time.Time { return start.Add(time.Duration(at)) }

// ticks converts a span of media time to RTP clock ticks without overflowing
// for any span a time.Duration can hold.
func ticks(d time.Duration, rate uint32) int64 {
	s, ns := int64(d/time.Second), int64(d%time.Second)

	return s*int64(rate) + ns*int64(rate)/int64(time.Second)
}

// ticksToDuration is the inverse of ticks.
func ticksToDuration(n int64, rate uint32) time.Duration {
	s, rest := n/int64(rate), n%int64(rate)

	return time.Duration(s)*time.Second + time.Duration(rest*int64(time.Second)/int64(rate))
}

const ntpEpochOffset = 2208988800 // seconds from 1900 to 1970

// toNTP gives the 64-bit NTP timestamp (RFC 3550 §4) of t.
func toNTP(t time.Time) uint64 {
	ns := uint64(t.UnixNano())
	s, frac := ns/1e9, ns%1e9

	return (s+ntpEpochOffset)<<32 | (frac<<32)/1e9
}

// fromNTP gives the instant of a 64-bit NTP timestamp of the current era.
func fromNTP(n uint64) time.Time {
	s := int64(n>>32) - ntpEpochOffset
	ns := int64((n & 0xffffffff) * 1e9 >> 32)

	return time.Unix(s, ns)
}
