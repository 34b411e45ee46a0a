package gateway

import (
	"slices"

	"hutong/gateway/recording"
)

// openRecording takes up the recordings that a former life has left.
func (g *Gateway) openRecording(node string) error {
	c := g.cfg
	s, err := recording.New(recording.Options{Config: c.Recording, DataDir: c.DataDir, Store: g.store, Streams: g.streams, Rooms: g.rooms,
		CallOf: g.callOf, Node: node, Log: g.log,
		Webhook: func(outcome string) { g.metrics.Webhooks.WithLabelValues(outcome).Inc() }})
	if err != nil {
		return err
	}
	g.recording.Store(s)
	g.metrics.WatchRecording(s)
	return nil
}

// callOf is the call that a room is for.
func (g *Gateway) callOf(roomID string) (recording.Call, bool) {
	d := g.desk.Load()
	if d == nil || !d.IsCall(roomID) {
		return recording.Call{}, false
	}
	c, err := d.Call(roomID)
	if err != nil {
		return recording.Call{}, false
	}
	agents := append([]string{}, c.Served...)
	if c.AgentID != "" && !slices.Contains(agents, c.AgentID) {
		agents = append(agents, c.AgentID)
	}
	return recording.Call{CallID: c.CallID, Queue: c.Queue, Agents: agents}, true
}
