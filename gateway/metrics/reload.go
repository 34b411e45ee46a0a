package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Operation is the figures of what an operator does to a running gateway:
// reloads, certificates, the drain.
type Operation struct {
	reloads  *prometheus.CounterVec
	failed   *prometheus.GaugeVec
	restart  prometheus.Gauge
	expiry   *prometheus.GaugeVec
	draining prometheus.Gauge
}

// Operation returns new figures and exports them.
func (m *Metrics) Operation() *Operation {
	gauge := func(name, help string) prometheus.GaugeOpts {
		return prometheus.GaugeOpts{Namespace: "hutong", Name: name, Help: help}
	}
	o := &Operation{
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "hutong", Name: "reloads_total",
			Help: "Reloads of the configuration and of certificates, by result."}, []string{"what", "result"}),
		failed: prometheus.NewGaugeVec(gauge("reload_failed",
			"1 while what is in the files is not what the gateway runs with, because it is wrong."), []string{"what"}),
		restart: prometheus.NewGauge(gauge("restart_needed_options", "Changed options that wait for a restart.")),
		expiry: prometheus.NewGaugeVec(gauge("certificate_expiry_timestamp_seconds",
			"When the certificate in use ends."), []string{"listener"}),
		draining: prometheus.NewGauge(gauge("draining", "1 after the gateway was told to end.")),
	}
	o.Reloaded("config", nil, false)
	m.registry.MustRegister(o.reloads, o.failed, o.restart, o.expiry, o.draining)
	return o
}

// Reloaded counts a reload of what (config, http.tls, rtmp.tls), or with changed
// unset notes that the files are what the gateway runs with.
func (o *Operation) Reloaded(what string, err error, changed bool) {
	failed := o.failed.WithLabelValues(what)
	applied, refused := o.reloads.WithLabelValues(what, "applied"), o.reloads.WithLabelValues(what, "refused")
	switch {
	case err != nil:
		failed.Set(1)
		refused.Inc()
	case changed:
		failed.Set(0)
		applied.Inc()
	default:
		failed.Set(0)
	}
}

// RestartNeeded notes how many changed options wait for a restart.
func (o *Operation) RestartNeeded(options int) { o.restart.Set(float64(options)) }

// Certificate notes when the certificate of a listener ends.
func (o *Operation) Certificate(listener string, notAfter time.Time) {
	o.expiry.WithLabelValues(listener).Set(float64(notAfter.Unix()))
}

// Draining notes that the gateway was told to end.
func (o *Operation) Draining() { o.draining.Set(1) }

// Describe sends what every metric of the gateway is called, those included that
// have nothing to show yet.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) { m.registry.Describe(ch) }
