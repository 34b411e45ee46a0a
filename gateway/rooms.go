package gateway

import (
	"path/filepath"

	"hutong/gateway/auth"
	"hutong/gateway/config"
	"hutong/gateway/room"
	"hutong/gateway/rooms"
	"hutong/gateway/rooms/webhook"
	"hutong/gateway/session"
	"hutong/gateway/store"
)

// openRooms opens the state engine and takes up the rooms that are in it.
func (g *Gateway) openRooms() error {
	c := g.cfg
	node, err := nodeName(c)
	if err != nil {
		return err
	}
	g.store, err = store.Open(store.Options{Dir: filepath.Join(c.DataDir, "state"), Sync: c.State.Sync,
		URL: c.State.URL, Credentials: c.State.Credentials, Replicas: c.State.Replicas, Log: g.log})
	if err != nil {
		return err
	}
	g.rooms, err = rooms.New(rooms.Options{Webhooks: webhooks(c), Store: g.store, Streams: g.streams, Node: node,
		Grace: c.Rooms.Grace.Std(), EmptyTimeout: c.Rooms.EmptyTimeout.Std(), MaxRooms: c.Rooms.MaxRooms, Log: g.log,
		Observer: rooms.Observer{
			Event:   func(e room.EventType) { g.metrics.RoomEvents.WithLabelValues(string(e)).Inc() },
			Webhook: func(outcome string) { g.metrics.Webhooks.WithLabelValues(outcome).Inc() },
		}})
	if err != nil {
		return err
	}
	g.members = session.NewHub(session.Options{Rooms: g.rooms, Streams: g.streams, SFU: g.sfu, ICEServers: iceServers(c),
		MaxSessions: c.WebRTC.MaxPeers, Log: g.log, Share: g.share, Observe: g.peers.Observe,
		OnBadInput: func(reason string) { g.metrics.BadInput.WithLabelValues("ws", reason).Inc() }})
	g.auth.Voids = g.rooms.Voids
	g.watchlist = auth.NewWatchlist(g.rooms.Voids)
	g.auth.RoomOf = func(stream string) string {
		roomID, _, _ := g.rooms.RoomOf(stream)
		return roomID
	}
	if err := g.openDesk(node); err != nil {
		return err
	}
	return g.openRecording(node)
}

func webhooks(c *config.Config) []webhook.Hook {
	hooks := []webhook.Hook{}
	for _, h := range c.Rooms.Webhooks {
		hooks = append(hooks, webhook.Hook{URL: h.URL, Secret: h.Secret, Events: h.Events})
	}
	return hooks
}

func iceServers(c *config.Config) []session.ICEServer {
	servers := []session.ICEServer{}
	for _, i := range c.WebRTC.ICEServers {
		servers = append(servers, session.ICEServer(i))
	}
	return servers
}

func (g *Gateway) closeRooms() {
	if g.members != nil {
		g.members.Close()
	}
	if g.weapp != nil {
		g.weapp.Close()
	}
	if r := g.recording.Load(); r != nil {
		r.Close()
	}
	if d := g.desk.Load(); d != nil {
		d.Close()
	}
	if g.rooms != nil {
		g.rooms.Close()
	}
	if g.store != nil {
		g.store.Close()
	}
}

// streamChanged passes on that a stream has come, gone or changed hands.
func (g *Gateway) streamChanged(name string) {
	if g.rooms != nil {
		g.rooms.StreamChanged(name)
	}
	if g.members != nil {
		g.members.Changed(name)
	}
	if r := g.recording.Load(); r != nil {
		r.StreamChanged(name)
	}
}
