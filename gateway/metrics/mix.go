package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"hutong/bridge/mix"
)

var (
	descMixes      = desc("mixes", "Mixes of live rooms that somebody is linked in; picture says whether one is being encoded.", "picture")
	descMixProcs   = desc("mix_processes", "Running ffmpegs of mixes.")
	descMixCPU     = desc("mix_cpu_seconds_total", "Processor time of the ffmpegs of mixes.")
	descMixBroken  = desc("mix_restarts_total", "Ffmpegs of mixes that broke off and were started again.", "process")
	descMixEncoded = desc("mix_pictures_total", "Pictures of mixes: encoded, and left out for want of processor time.", "outcome")
)

// mixCollector reads a mixer's figures when Prometheus asks.
type mixCollector func() mix.Stats

// WatchMixes adds the figures of mixes.
func (m *Metrics) WatchMixes(stats func() mix.Stats) { m.registry.MustRegister(mixCollector(stats)) }

func (c mixCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descMixes, descMixProcs, descMixCPU, descMixBroken, descMixEncoded} {
		ch <- d
	}
}

func (c mixCollector) Collect(ch chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	s := c()
	gauge(descMixes, s.Pictures, "mixed")
	gauge(descMixes, max(0, s.Mixes-s.Pictures), "anchor")
	gauge(descMixProcs, int64(s.Processes))
	counter(descMixCPU, s.CPU.Seconds())
	counter(descMixBroken, float64(s.EncoderRestarts), "encoder")
	counter(descMixBroken, float64(s.DecoderRestarts), "decoder")
	counter(descMixEncoded, float64(s.Encoded), "encoded")
	counter(descMixEncoded, float64(s.Dropped), "dropped")
}
