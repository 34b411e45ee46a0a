package metrics

import "github.com/prometheus/client_golang/prometheus"

var (
	descRooms   = desc("rooms", "Rooms there are, on all nodes that share the state.")
	descMembers = desc("room_members", "Members of rooms, on all nodes that share the state.")
)

// roomsCollector counts rooms when Prometheus asks.
type roomsCollector func() (rooms, members int)

// WatchRooms adds the rooms, as count gives them.
func (m *Metrics) WatchRooms(count func() (rooms, members int)) {
	m.registry.MustRegister(roomsCollector(count))
}

func (c roomsCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- descRooms
	ch <- descMembers
}

func (c roomsCollector) Collect(ch chan<- prometheus.Metric) {
	rooms, members := c()
	ch <- prometheus.MustNewConstMetric(descRooms, prometheus.GaugeValue, float64(rooms))
	ch <- prometheus.MustNewConstMetric(descMembers, prometheus.GaugeValue, float64(members))
}
