package store

import "context"

// Count is about how many keys there are: those deleted within the last minute
// count too.
func (b *Bucket) Count(ctx context.Context) (int, error) {
	limited, cancel := context.WithTimeout(ctx, b.s.timeout)
	defer cancel()
	info, err := b.stream.Info(limited)
	if err != nil {
		return 0, failed(limited, "count of "+b.name, err)
	}
	return int(info.State.NumSubjects), nil
}
