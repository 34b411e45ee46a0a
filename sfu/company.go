package sfu

import "time"

const (
	// crowd is the number of subscribers from which on packets wait a moment for
	// company: what goes to one peer in one run costs little more than a packet
	// by itself (UDP segmentation), and each waking of the shards costs.
	crowd = 48

	// company is how long sound waits for the next picture, or a picture for its
	// last packet. Players' jitter buffers hold more.
	company = 10 * time.Millisecond
)

// notifyOf wakes the shards for a packet or frame that has been written. last
// says that it ends a picture.
func (src *Source) notifyOf(kind Kind, last bool) {
	if kind == Video && last || src.crowded.Load() < crowd {
		src.notify()

		return
	}
	if src.waiting.CompareAndSwap(false, true) {
		time.AfterFunc(company, func() {
			if src.waiting.Load() {
				src.notify()
			}
		})
	}
}
