package stream

import (
	"fmt"
	"sync"
	"time"
)

// Protocol is how a player plays.
type Protocol uint8

const (
	RTMP Protocol = iota
	FLV
	WHEP
	Recorder
	Mix // an input of a mix
	protocols
)

func (p Protocol) String() string {
	return [...]string{"rtmp", "flv", "whep", "recorder", "mix"}[p]
}

// Player is one player's hold on a stream: while it exists, the stream crosses
// the bridge for it.
type Player struct {
	s     *Stream
	proto Protocol
	once  sync.Once
}

// Play counts a player in. The caller must Close it.
func (s *Stream) Play(p Protocol) (*Player, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, s.Name)
	}
	n := 0
	for _, k := range s.players {
		n += k
	}
	if limit := int(s.r.maxPlayers.Load()); limit > 0 && n >= limit {
		return nil, fmt.Errorf("%w: %s has %d players; raise stream.max_players", ErrTooMany, s.Name, n)
	}
	s.seat(p, 1)
	return &Player{s: s, proto: p}, nil
}

// seat counts players in and out. The caller holds s.mu.
func (s *Stream) seat(p Protocol, n int) {
	s.players[p] += n
	if p != WHEP {
		s.log.players.Add(int32(n))
	}
	s.adjust()
}

// Stream returns what is played.
func (p *Player) Stream() *Stream { return p.s }

// freshKeyframe is how old a browser's cached keyframe may be for a player to
// start there: browsers send the next one when asked, within some 50 ms.
const freshKeyframe = time.Second

// Reader begins to read frames; drops for lag are counted under the player's
// protocol.
func (p *Player) Reader(o ReaderOptions) *Reader {
	next := o.OnDrop
	o.OnDrop = func(n int) {
		p.s.drop("lag_"+p.proto.String(), n)
		p.s.askKeyframe()
		if next != nil {
			next(n)
		}
	}
	if !(o.Audience && p.s.Composed()) && p.s.askKeyframe() {
		o.joinAge = freshKeyframe
	}
	return p.s.Reader(o)
}

// askKeyframe asks a WebRTC publisher for a keyframe; false says that the
// publisher cannot be asked.
func (s *Stream) askKeyframe() bool {
	if pub := s.publisher(); pub == nil || pub.origin != FromWebRTC {
		return false
	}
	s.source.RequestKeyframe()
	return true
}

// Sent counts bytes that went out to the player.
func (p *Player) Sent(n int) { p.s.stats.bytesOut.Add(int64(n)) }

// Close counts the player out.
func (p *Player) Close() {
	p.once.Do(func() {
		p.s.mu.Lock()
		defer p.s.mu.Unlock()
		p.s.seat(p.proto, -1)
	})
}

// Tally adds up what is sent to one player. Those who count for many are told
// now and then: players of several shards would otherwise wait for each other's
// memory at every write.
type Tally struct {
	Tell func(n int)

	total, told int64
}

// tallyEvery is how many bytes are told at once.
const tallyEvery = 32 << 10

// Add counts n bytes.
func (t *Tally) Add(n int64) {
	if t.total += n; t.total-t.told >= tallyEvery {
		t.Total()
	}
}

// Total tells what has not been told, and returns all there was.
func (t *Tally) Total() int64 {
	if n := t.total - t.told; n > 0 {
		t.told = t.total
		t.Tell(int(n))
	}
	return t.total
}
