package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"hutong/bridge/crossing"
	"hutong/bridge/stream"
)

// mediaCollector reads the state of the media floors when Prometheus asks, so
// that counting costs them nothing.
type mediaCollector struct {
	streams *stream.Registry
	bridge  *crossing.Bridge
}

var (
	descStreams = desc("streams", "Live streams.", "protocol")
	descWaiting = desc("streams_interrupted", "Streams that wait for their publisher's return.")
	descPlayers = desc("players", "Players by protocol.", "protocol")
	descCross   = desc("crossings", "Running crossings of the bridge.", "direction")
	descTrans   = desc("transcodes", "Running audio transcoders.", "direction")
	descUnits   = desc("transcoded_units_total", "Audio packets and access units that transcoders have put out.", "direction")
	descBad     = desc("bad_audio_total", "Audio units that did not decode.")
	descLost    = desc("rtp_packets_lost_total", "RTP packets of publishers that were not repaired in time.")
	descDamaged = desc("frames_damaged_total", "Access units dropped for packet loss before frame players saw them.")
	descConceal = desc("audio_concealed_seconds_total", "Sound made up for Opus packets lost or left out by DTX.")
	descPLI     = desc("keyframe_requests_total", "Keyframes asked of WebRTC publishers for frame players.")
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("hutong_"+name, help, labels, nil)
}

// Watch adds the state of the media floors.
func (m *Metrics) Watch(streams *stream.Registry, bridge *crossing.Bridge) {
	m.registry.MustRegister(&mediaCollector{streams: streams, bridge: bridge})
}

func (c *mediaCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descStreams, descWaiting, descPlayers, descCross, descTrans, descUnits, descBad, descLost, descDamaged, descConceal, descPLI} {
		ch <- d
	}
}

func (c *mediaCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	counter := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
	}
	live := map[string]int64{"rtmp": 0, "whip": 0}
	players := map[string]int64{}
	var waiting int64
	for _, s := range c.streams.Streams() {
		st := s.Stats()
		if st.Live {
			live[st.Protocol]++
		} else {
			waiting++
		}
		for p, n := range st.Players {
			players[p] += int64(n)
		}
	}
	for p, n := range live {
		gauge(descStreams, n, p)
	}
	gauge(descWaiting, waiting)
	for _, p := range []string{"rtmp", "flv", "whep"} {
		gauge(descPlayers, players[p], p)
	}
	s := &c.bridge.Stats
	gauge(descCross, s.Ingresses.Load(), "ingress")
	gauge(descCross, s.Egresses.Load(), "egress")
	gauge(descTrans, s.ToOpus.Load(), "aac_to_opus")
	gauge(descTrans, s.ToAAC.Load(), "opus_to_aac")
	counter(descUnits, s.OpusPackets.Load(), "aac_to_opus")
	counter(descUnits, s.AACUnits.Load(), "opus_to_aac")
	counter(descBad, s.BadAudio.Load())
	counter(descLost, s.LostPackets.Load())
	counter(descDamaged, s.DamagedFrames.Load())
	ch <- prometheus.MustNewConstMetric(descConceal, prometheus.CounterValue, float64(s.Concealed.Load())/1e9)
	counter(descPLI, s.KeyframeRequests.Load())
}
