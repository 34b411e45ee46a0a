package mix

import (
	"math/rand/v2"
	"testing"
	"time"
)

const ms = time.Millisecond

// feed tells a clock of one frame every 20 ms of the publisher's time; arrive is
// when each comes.
func feed(c *clock, from, to time.Duration, arrive func(media time.Duration) time.Duration) {
	for media := from; media < to; media += 20 * ms {
		c.arrived(1, media, arrive(media))
	}
}

func TestClockWaitsForJitter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var c clock
	late := 0
	feed(&c, 0, 60*time.Second, func(media time.Duration) time.Duration {
		wall := 5*time.Second + media + time.Duration(random.Int64N(int64(80*ms)))
		if c.began && wall > c.due(media) {
			late++
		}
		return wall
	})
	if late > 0 {
		t.Errorf("%d frames came after their time", late)
	}
	if d := c.due(time.Minute) - 65*time.Second; d < leastWait || d > leastWait+20*ms {
		t.Errorf("media waits %v after the quickest of its kind", d)
	}
}

func TestClockFollowsDrift(t *testing.T) {
	for _, ppm := range []int64{1000, -1000} {
		var c clock
		arrive := func(media time.Duration) time.Duration {
			return time.Second + media + media*time.Duration(ppm)/1_000_000
		}
		var last time.Duration
		for media := time.Duration(0); media < 10*time.Minute; media += 20 * ms {
			c.arrived(1, media, arrive(media))
			due := c.due(media)
			if step := due - last - 20*ms; media > 0 && (step > 100*time.Microsecond || step < -100*time.Microsecond) {
				t.Fatalf("%d ppm: the clock steps by %v at %v", ppm, step, media)
			}
			if wait := due - arrive(media); wait < 100*ms || wait > 220*ms {
				t.Fatalf("%d ppm: media waits %v at %v", ppm, wait, media)
			}
			last = due
		}
	}
}

func TestClockTakesALongerWay(t *testing.T) {
	var c clock
	feed(&c, 0, 10*time.Second, func(media time.Duration) time.Duration { return media + 10*ms })
	// A stall of a second, made up for at once: nothing changes for good.
	before := c.due(0)
	feed(&c, 10*time.Second, 11*time.Second, func(time.Duration) time.Duration { return 11 * time.Second })
	feed(&c, 11*time.Second, 14*time.Second, func(media time.Duration) time.Duration { return media + 10*ms })
	if d := c.due(0) - before; d > 60*ms {
		t.Errorf("a stall moved the clock by %v", d)
	}
	// From now on everything takes half a second more.
	feed(&c, 14*time.Second, 20*time.Second, func(media time.Duration) time.Duration { return media + 510*ms })
	if wait := c.due(20*time.Second) - 20*time.Second - 510*ms; wait < leastWait/2 || wait > mostWait {
		t.Errorf("after the way became longer media waits %v", wait)
	}
	// And back.
	feed(&c, 20*time.Second, 30*time.Second, func(media time.Duration) time.Duration { return media + 10*ms })
	if wait := c.due(30*time.Second) - 30*time.Second - 10*ms; wait < leastWait/2 || wait > mostWait {
		t.Errorf("after the way became shorter media waits %v", wait)
	}
}

func TestClockWaitsForTheSlowerKind(t *testing.T) {
	var c clock
	for media := time.Duration(0); media < 10*time.Second; media += 20 * ms {
		c.arrived(1, media, media)
		c.arrived(0, media, media+120*ms)
	}
	if wait := c.due(0) - 120*ms; wait < leastWait-20*ms || wait > leastWait+40*ms {
		t.Errorf("pictures wait %v, sound %v; want both to be there in time", wait, c.due(0))
	}
}
