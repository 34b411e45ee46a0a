// Package metrics is what an operator's Prometheus sees of the gateway. No
// metric carries a stream's name: their number is bounded, per-stream figures
// are in GET /api/v1/streams.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the gateway's counters. Its fields are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	// Connections counts open connections: rtmp, rtmps, flv.
	Connections *prometheus.GaugeVec
	// Sessions counts publishers and players that have come, by protocol.
	Sessions *prometheus.CounterVec
	// Bytes counts bytes by protocol (rtmp, flv) and direction (in, out).
	Bytes *prometheus.CounterVec
	// Dropped counts frames that did not reach a player, by reason.
	Dropped *prometheus.CounterVec
	// Refused counts requests turned away, by protocol and reason.
	Refused *prometheus.CounterVec
	// BadInput counts what could not be parsed, by protocol and reason.
	BadInput *prometheus.CounterVec
	// CodecRefused counts publishers whose codec the gateway does not carry.
	CodecRefused *prometheus.CounterVec
	// RoomEvents counts what happened in rooms through this node, by event.
	RoomEvents *prometheus.CounterVec
	// Webhooks counts deliveries by outcome.
	Webhooks *prometheus.CounterVec
	// HTTPRequests counts API requests by route group and status class.
	HTTPRequests *prometheus.CounterVec
}

// New returns metrics with the Go runtime's and the process's among them.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "hutong", Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	m.Connections = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "hutong", Name: "connections",
		Help: "Open connections."}, []string{"protocol"})
	m.Sessions = counter("sessions_total", "Publishers and players that have come.", "protocol", "role")
	m.Bytes = counter("bytes_total", "Bytes received and sent, RTMP chunking and FLV tags included.", "protocol", "direction")
	m.Dropped = counter("frames_dropped_total", "Frames that did not reach a player or a crossing.", "reason")
	m.Refused = counter("refused_total", "Connections and requests turned away.", "protocol", "reason")
	m.BadInput = counter("bad_input_total", "Input that could not be parsed.", "protocol", "reason")
	m.CodecRefused = counter("codec_refused_total", "Publishers whose audio or video codec is not carried.", "codec")
	m.RoomEvents = counter("room_events_total", "What happened in rooms through this node.", "event")
	m.Webhooks = counter("webhooks_total", "Webhook deliveries by outcome: delivered, failed and to be repeated, expired, dropped.", "outcome")
	m.HTTPRequests = counter("http_requests_total", "HTTP requests answered.", "route", "status")
	build := prometheus.NewGauge(prometheus.GaugeOpts{Namespace: "hutong", Name: "build_info",
		Help: "Always 1; the version is in the label.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(m.Connections, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
