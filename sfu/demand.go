package sfu

import (
	"sync"
	"time"
)

// demand tells the owner of a Source whether anybody wants it.
type demand struct {
	mu     sync.Mutex
	count  int
	linger time.Duration
	fn     func(wanted bool)
	timer  *time.Timer
	want   bool
	ended  bool

	calling sync.Mutex // held while fn runs, so that calls never overlap
	told    bool       // what fn was told last
}

// OnDemand registers fn, which is called with true when the first subscriber
// comes and with false when the last has been gone for linger. Calls never
// overlap and alternate. Where there are subscribers already, fn(true) is called
// before OnDemand returns. fn may attach feeds, but must not close the Source
// or a subscriber of it. Only one function can be registered, once.
func (src *Source) OnDemand(linger time.Duration, fn func(wanted bool)) {
	d := &src.demand
	d.mu.Lock()
	d.linger, d.fn = linger, fn
	d.want = d.count > 0
	d.mu.Unlock()
	d.tell()
}

func (d *demand) add(n int) {
	d.mu.Lock()
	d.count += n
	switch {
	case d.fn == nil || d.ended:
	case d.count > 0:
		if d.timer != nil {
			d.timer.Stop()
			d.timer = nil
		}
		d.want = true
	case d.timer == nil:
		d.timer = time.AfterFunc(d.linger, d.expire)
	}
	d.mu.Unlock()
	d.tell()
}

func (d *demand) expire() {
	d.mu.Lock()
	d.timer = nil
	if d.count == 0 {
		d.want = false
	}
	d.mu.Unlock()
	d.tell()
}

// stop ends all demand; fn is told if it had been told otherwise.
func (d *demand) stop() {
	d.mu.Lock()
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	d.ended, d.want = true, false
	d.mu.Unlock()
	d.tell()
}

// tell brings fn up to date.
func (d *demand) tell() {
	d.calling.Lock()
	defer d.calling.Unlock()
	d.mu.Lock()
	fn, want := d.fn, d.want
	d.mu.Unlock()
	if fn != nil && want != d.told {
		d.told = want
		fn(want)
	}
}
