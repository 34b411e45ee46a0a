package rooms

import (
	"slices"
	"testing"
	"time"

	"hutong/gateway/room"

	"pgregory.net/rapid"
)

// TestShelves holds the lists against all rooms sorted anew.
func TestShelves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newIndex()
		start := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
		n := rapid.IntRange(1, 60).Draw(t, "steps")
		for range n {
			id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}).Draw(t, "room")
			if rapid.IntRange(0, 4).Draw(t, "what") == 0 {
				x.remove(id, x.created(id))
				continue
			}
			r := room.Room{RoomID: id, CreatedAt: start.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "age")) * time.Second),
				Revision: 1, Capacity: rapid.SampledFrom([]int{2, 16}).Draw(t, "capacity")}
			switch kind := rapid.SampledFrom([]string{"", room.LiveRoom, room.WebRTCRoom, "nil"}).Draw(t, "kind"); kind {
			case "nil":
			default:
				r.Weapp = &room.Weapp{Kind: kind, Type: rapid.SampledFrom([]string{"", "trtc"}).Draw(t, "type")}
			}
			for _, role := range rapid.SliceOfN(rapid.SampledFrom([]room.Role{room.Guest, room.Audience}), 0, 2).Draw(t, "roles") {
				r.Members = append(r.Members, room.Place{Member: room.Member{UserID: "u", Role: role, Stream: "live/" + id}})
			}
			x.set(r)
		}
		want := map[string][]shelved{}
		for _, r := range x.all() {
			if s := shelfOf(r); s != "" {
				want[s] = append(want[s], shelved{r.CreatedAt, r.RoomID})
			}
		}
		for _, list := range want {
			slices.SortFunc(list, shelved.compare)
		}
		if len(want) != len(x.shelves) {
			t.Fatalf("%d lists, want %d", len(x.shelves), len(want))
		}
		for name, list := range want {
			if !slices.Equal(list, x.shelves[name]) {
				t.Fatalf("%s lists %v, want %v", name, x.shelves[name], list)
			}
		}
	})
}

// BenchmarkPage pages through thousands of rooms.
func BenchmarkPage(b *testing.B) {
	s := &Service{index: newIndex()}
	start := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	for n := range 10_000 {
		id := "room" + time.Duration(n).String()
		s.index.set(room.Room{RoomID: id, CreatedAt: start.Add(time.Duration(n)), Capacity: 4, Weapp: &room.Weapp{Kind: room.MultiRoom},
			Members: []room.Place{{Member: room.Member{UserID: "u", Role: room.Guest, Stream: "live/" + id}}}})
	}
	if n := len(s.Page(room.MultiRoom, 9_990, 20)); n != 10 {
		b.Fatalf("the last page has %d rooms", n)
	}
	for b.Loop() {
		s.Page(room.MultiRoom, 5000, 20)
	}
}
