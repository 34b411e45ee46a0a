package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"hutong/sfu"
)

// Peers keeps the figures of WebRTC peers: of those that live, when Prometheus
// asks, and of those that have gone.
type Peers struct {
	mu   sync.Mutex
	live map[*Peer]struct{}
	gone [2]peerTotals // publishers, players
}

// Peer is one live WebRTC peer.
type Peer struct {
	player bool
	stats  func() sfu.Stats
}

// peerTotals are sums over peers of one role.
type peerTotals struct {
	bytes, packets, lost, nacks, resent, plis  float64
	queueFull, overrun, waiting, refused, thin float64
}

func (t *peerTotals) add(s sfu.Stats) {
	for _, k := range []sfu.TrackStats{s.Video, s.Audio} {
		t.bytes += float64(k.Bytes)
		t.packets += float64(k.Packets)
		t.lost += float64(max(k.Lost, 0))
		t.nacks += float64(k.NACK)
		t.resent += float64(k.RTX)
		t.plis += float64(k.PLI)
		t.queueFull += float64(k.Dropped.QueueFull)
		t.overrun += float64(k.Dropped.Overrun)
		t.waiting += float64(k.Dropped.Waiting)
		t.refused += float64(k.Dropped.Retransmission)
		t.thin += float64(k.Dropped.Thin)
	}
}

// Peers returns a new table and exports it.
func (m *Metrics) Peers() *Peers {
	p := &Peers{live: map[*Peer]struct{}{}}
	m.registry.MustRegister(p)
	return p
}

// Add counts a peer in; player says that it receives.
func (p *Peers) Add(player bool, stats func() sfu.Stats) *Peer {
	peer := &Peer{player: player, stats: stats}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live[peer] = struct{}{}
	return peer
}

// Observe is Add; gone is Remove.
func (p *Peers) Observe(player bool, stats func() sfu.Stats) (gone func()) {
	peer := p.Add(player, stats)
	return func() { p.Remove(peer) }
}

// Remove counts a peer out and keeps its sums.
func (p *Peers) Remove(peer *Peer) {
	s := peer.stats()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.live, peer)
	p.gone[role(peer)].add(s)
}

func role(p *Peer) int {
	if p.player {
		return 1
	}
	return 0
}

var (
	descPeers      = desc("webrtc_peers", "Connected WebRTC peers.", "role", "transport")
	descThin       = desc("webrtc_thin_players", "Players whose links are too thin for the best of what they watch.")
	descRTPBytes   = desc("webrtc_payload_bytes_total", "RTP payload bytes, received from publishers and sent to players.", "role")
	descRTPPackets = desc("webrtc_packets_total", "RTP packets, received from publishers and sent to players.", "role")
	descRTPLost    = desc("webrtc_packets_lost_total", "RTP packets that the receiver missed for good.", "role")
	descNACK       = desc("webrtc_nacks_total", "Negative acknowledgements received from players.")
	descResent     = desc("webrtc_retransmissions_total", "RTP packets sent again to players.")
	descPeerPLI    = desc("webrtc_keyframe_requests_total", "Keyframe requests: sent to publishers, received from players.", "role")
	descPeerDrop   = desc("webrtc_packets_dropped_total", "Packets a player was not sent, by reason.", "reason")
)

// Describe implements prometheus.Collector.
func (p *Peers) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descPeers, descThin, descRTPBytes, descRTPPackets, descRTPLost, descNACK, descResent, descPeerPLI, descPeerDrop} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (p *Peers) Collect(ch chan<- prometheus.Metric) {
	p.mu.Lock()
	totals := p.gone
	peers := make([]*Peer, 0, len(p.live))
	for peer := range p.live {
		peers = append(peers, peer)
	}
	p.mu.Unlock()
	transports := [2]map[string]float64{{"udp": 0, "tcp": 0}, {"udp": 0, "tcp": 0}}
	thin := 0.0
	for _, peer := range peers {
		s := peer.stats()
		if s.Thin {
			thin++
		}
		totals[role(peer)].add(s)
		if s.Protocol != "" {
			transports[role(peer)][s.Protocol]++
		}
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	for i, name := range []string{"publisher", "player"} {
		t := totals[i]
		for transport, n := range transports[i] {
			ch <- prometheus.MustNewConstMetric(descPeers, prometheus.GaugeValue, n, name, transport)
		}
		counter(descRTPBytes, t.bytes, name)
		counter(descRTPPackets, t.packets, name)
		counter(descRTPLost, t.lost, name)
		counter(descPeerPLI, t.plis, name)
	}
	ch <- prometheus.MustNewConstMetric(descThin, prometheus.GaugeValue, thin)
	t := totals[1]
	counter(descNACK, t.nacks)
	counter(descResent, t.resent)
	counter(descPeerDrop, t.queueFull, "queue_full")
	counter(descPeerDrop, t.overrun, "overrun")
	counter(descPeerDrop, t.waiting, "waiting_for_keyframe")
	counter(descPeerDrop, t.refused, "retransmission_share")
	counter(descPeerDrop, t.thin, "thin_link")
}
