package record

import (
	"encoding/binary"
	"time"
)

// ntpEpoch is 1900 in Unix seconds (RFC 5905 §6).
const ntpEpoch = 2_208_988_800

// prft is a ProducerReferenceTimeBox (ISO/IEC 14496-12, 8.16.5): the instant that
// a media time of the fragment to come stands for. It lets a file that was left
// behind by a crash be placed on the clock again.
func prft(track int, media int64, at time.Time) []byte {
	b := make([]byte, 32)
	binary.BigEndian.PutUint32(b, 32)
	copy(b[4:], "prft")
	b[8] = 1   // version: 64 bits of media time
	b[11] = 24 // flags: the instant was measured
	binary.BigEndian.PutUint32(b[12:], uint32(track))
	seconds, nanos := uint64(at.Unix()+ntpEpoch), uint64(at.Nanosecond())
	binary.BigEndian.PutUint64(b[16:], seconds<<32|nanos<<32/1_000_000_000)
	binary.BigEndian.PutUint64(b[24:], uint64(media))
	return b
}

// prftTime reads what prft wrote, from the box's payload.
func prftTime(b []byte) (media int64, at time.Time) {
	ntp := binary.BigEndian.Uint64(b[8:])
	nanos := (ntp&0xffffffff*1_000_000_000 + 1<<31) >> 32
	return int64(binary.BigEndian.Uint64(b[16:])), time.Unix(int64(ntp>>32)-ntpEpoch, int64(nanos)).UTC()
}

// sidx is a SegmentIndexBox (ISO/IEC 14496-12, 8.16.3) and a free box behind it,
// of the size of the room for both. It is what players learn the duration from, and
// seek by.
func sidx(track int, scale int64, entries []indexEntry, end int64) []byte {
	first := entries[0].time
	for len(entries) > indexRoom {
		entries = halve(entries)
	}
	room := sidxHead + indexRoom*sidxEntry
	size := sidxHead + len(entries)*sidxEntry
	if left := room - size; left > 0 && left < 8 {
		entries = halve(entries)
		size = sidxHead + len(entries)*sidxEntry
	}
	b := make([]byte, room)
	binary.BigEndian.PutUint32(b, uint32(size))
	copy(b[4:], "sidx")
	b[8] = 1
	binary.BigEndian.PutUint32(b[12:], uint32(track))
	binary.BigEndian.PutUint32(b[16:], uint32(scale))
	binary.BigEndian.PutUint64(b[20:], uint64(first))
	binary.BigEndian.PutUint64(b[28:], uint64(room-size)) // from the box's end to the first fragment
	binary.BigEndian.PutUint16(b[38:], uint16(len(entries)))
	at := sidxHead
	for i, e := range entries {
		next := end
		if i+1 < len(entries) {
			next = entries[i+1].time
		}
		binary.BigEndian.PutUint32(b[at:], uint32(e.bytes)&0x7fffffff)
		binary.BigEndian.PutUint32(b[at+4:], uint32(max(next-e.time, 0)))
		b[at+8] = 0x90 // begins with a stream access point of type 1
		at += sidxEntry
	}
	if size < room {
		copy(b[size:], freeBox(room-size))
	}
	return b
}

func halve(entries []indexEntry) []indexEntry {
	var out []indexEntry
	for i, e := range entries {
		if i%2 == 0 {
			out = append(out, e)
		} else {
			out[len(out)-1].bytes += e.bytes
		}
	}
	return out
}
