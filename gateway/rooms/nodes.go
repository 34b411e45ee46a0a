package rooms

import (
	"cmp"
	"context"
	"time"

	"hutong/gateway/room"
	"hutong/gateway/store"
)

// beatEvery is how often a node says that it is alive. One that has said nothing
// for nodeTTL, and then for another, is lost, and so is what it holds in rooms.
const beatEvery = 5 * time.Second

func (s *Service) nodeTTL() time.Duration { return max(3*s.beat(), time.Second) }

func (s *Service) beat() time.Duration { return cmp.Or(s.o.beat, beatEvery) }

// attend says that this node is alive, and looks for those that are not.
func (s *Service) attend() {
	tick := time.NewTicker(s.beat())
	defer tick.Stop()
	missing := map[string]time.Time{} // since when, by the names of nodes
	said := ""
	for {
		said = s.sayAlive(said)
		s.findLost(missing)
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// sayAlive returns what it has written. last is what it wrote before.
func (s *Service) sayAlive(last string) string {
	ctx, cancel := context.WithTimeout(s.ctx, s.nodeTTL())
	defer cancel()
	now := s.life + " " + time.Now().UTC().Format(time.RFC3339Nano)
	var found string
	err := store.Change(ctx, s.nodes, s.o.Node, func(old []byte) ([]byte, error) {
		found = string(old)
		return []byte(now), nil
	})
	switch {
	case s.ctx.Err() != nil:
	case err != nil:
		s.o.Log.Warn("this node cannot say that it is alive", "node", s.o.Node, "error", err)
	case last != "" && found != "" && found != last:
		s.o.Log.Error("another process has the name of this node; give each a name of its own (state.node)", "node", s.o.Node)
	}
	return now
}

// findLost drops the holds of nodes that are lost. One that was only out of reach
// takes its holds again.
func (s *Service) findLost(missing map[string]time.Time) {
	ctx, cancel := context.WithTimeout(s.ctx, s.nodeTTL())
	defer cancel()
	alive, _, err := s.nodes.List(ctx, "", "", 1000)
	if err != nil {
		clear(missing) // it is this node that sees nobody
		return
	}
	here := map[string]bool{s.o.Node: true}
	for _, e := range alive {
		here[e.Key] = true
		delete(missing, e.Key)
	}
	now := time.Now()
	for _, r := range s.index.all() {
		for node := range holders(r) {
			if here[node] {
				continue
			}
			since, known := missing[node]
			if !known {
				missing[node] = now
			} else if now.Sub(since) >= s.nodeTTL() {
				s.o.Log.Warn("a node is lost; its members have the grace period to come back", "node", node, "room", r.RoomID)
				s.attempt(r.RoomID, "a room keeps the connections of a node that is lost", func(r room.Room, now time.Time) (room.Room, []room.Event, error) {
					return r.NodeLost(node, now)
				})
			}
		}
	}
}

// holders are the nodes that hold members of a room.
func holders(r room.Room) map[string]bool {
	nodes := map[string]bool{}
	for _, p := range r.Members {
		for _, h := range []room.Hold{p.Session, p.Publication} {
			if h.Node != "" {
				nodes[h.Node] = true
			}
		}
	}
	return nodes
}
