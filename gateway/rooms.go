package gateway

import (
	"path/filepath"

	"hutong/gateway/rooms"
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
	g.rooms, err = rooms.New(rooms.Options{Store: g.store, Streams: g.streams, Node: node,
		Grace: c.Rooms.Grace.Std(), EmptyTimeout: c.Rooms.EmptyTimeout.Std(), MaxRooms: c.Rooms.MaxRooms, Log: g.log})
	if err != nil {
		return err
	}
	g.auth.RoomOf = func(stream string) string {
		roomID, _, _ := g.rooms.RoomOf(stream)
		return roomID
	}
	return nil
}

func (g *Gateway) closeRooms() {
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
}
