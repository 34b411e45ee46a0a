package gateway

import (
	"hutong/bridge/rtmp"
	"hutong/bridge/stream"
	"hutong/gateway/auth"
	"hutong/gateway/call"
	"hutong/gateway/desk"
	"hutong/gateway/room"
	"hutong/gateway/session"
	"hutong/sfu"
)

// openDesk takes up the calls that are in the state engine.
func (g *Gateway) openDesk(node string) error {
	c := g.cfg
	d, err := desk.New(desk.Options{Desk: c.Desk, Queues: c.Queues, Store: g.store, Rooms: g.rooms, Node: node, Log: g.log,
		Legs: legs{streams: g.streams, members: g.members}, Changed: g.members.Recheck,
		Webhook: func(outcome string) { g.metrics.Webhooks.WithLabelValues(outcome).Inc() }})
	if err != nil {
		return err
	}
	g.desk.Store(d)
	return nil
}

// share says what a member of a room gets of another.
func (g *Gateway) share(roomID, listener, speaker string) call.Share {
	if d := g.desk.Load(); d != nil {
		return d.Share(roomID, listener, speaker)
	}
	return call.Share{Known: true, Audio: true, Video: true}
}

// gateRTMP is what withholds frames from an RTMP player.
func (g *Gateway) gateRTMP(r rtmp.Request) stream.Gate {
	return g.http.Gate(r.Name, g.memberRTMP(r))
}

// watchRTMP holds an RTMP peer that was let in by a member's token.
func (g *Gateway) watchRTMP(r rtmp.Request, end func(error)) (release func()) {
	return g.watchlist.Add(g.memberRTMP(r), end)
}

// memberRTMP is whose token an RTMP peer, which has been let in, showed.
func (g *Gateway) memberRTMP(r rtmp.Request) (grant auth.Grant) {
	if m, err := g.auth.VerifyMember(r.Query.Get("token")); err == nil {
		grant.RoomID, grant.UserID, grant.Issued = m.RoomID, m.UserID, m.Issued
	}
	return grant
}

// legs measures the participants of calls: phones by what their streams carry,
// browsers by what their connections report.
type legs struct {
	streams *stream.Registry
	members *session.Hub
}

// Measure leaves out who is on another node.
func (l legs) Measure(roomID string, members []room.Member) map[string]desk.Leg {
	out := map[string]desk.Leg{}
	here := l.members.Stats(roomID)
	for _, m := range members {
		st := l.streams.Get(m.Stream)
		session, connected := here[m.UserID]
		if st == nil && !connected {
			continue
		}
		var leg desk.Leg
		if st != nil {
			now := st.Stats()
			leg.Live, leg.Video = now.Live, now.Video != nil
			leg.Frames, leg.BytesUp = now.Frames[0], now.BytesIn
			leg.AudioLevel, leg.HasLevel = st.Source().AudioLevel()
		}
		if p := session.Publisher; p != nil {
			leg.HasLossUp = true
			leg.RTT = p.RTT
			for _, t := range []sfu.TrackStats{p.Video, p.Audio} {
				leg.PacketsUp += int64(t.Packets)
				leg.LostUp += t.Lost
				leg.Jitter = max(leg.Jitter, t.Jitter)
			}
		}
		if connected {
			v := session.Viewer
			leg.HasDown = true
			leg.RTT = max(leg.RTT, v.RTT)
			leg.LossDown = max(v.Video.FractionLost, v.Audio.FractionLost)
			leg.BytesDown = int64(v.Video.Bytes + v.Audio.Bytes)
		}
		out[m.UserID] = leg
	}
	return out
}
