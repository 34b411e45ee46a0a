package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"hutong/gateway/recording"
)

var (
	descRecordings   = desc("recordings", "Recordings under way on this node.")
	descRecorded     = desc("recording_streams", "Streams that are being recorded on this node.")
	descRecordBytes  = desc("recording_bytes_total", "Bytes written to recordings.")
	descRecordFiles  = desc("recording_files_total", "Files of recordings that have become whole.")
	descRecordLost   = desc("recording_frames_dropped_total", "Frames missing from recordings because the disk was too slow.")
	descRecordFault  = desc("recording_trouble_total", "Times something could not be recorded: a full or failing disk, an unknown format.")
	descRecordFree   = desc("recording_disk_free_bytes", "Free space where recordings are written.")
	descRecordLow    = desc("recording_disk_low", "1 while the free space is below recording.disk.alarm_free.")
	descRecordFull   = desc("recording_disk_full", "1 while the free space is below recording.disk.min_free.")
	descUploads      = desc("recording_uploads_total", "Uploads of recordings by outcome.", "outcome")
	descUploadsLeft  = desc("recording_uploads_waiting", "Files of recordings that the store has not confirmed yet.")
	descComposites   = desc("recording_composites_total", "Composites that were made, or failed.")
	descRecordsGone  = desc("recording_deleted_total", "Recordings deleted.")
	descsOfRecording = []*prometheus.Desc{descRecordings, descRecorded, descRecordBytes, descRecordFiles, descRecordLost, descRecordFault, descRecordFree,
		descRecordLow, descRecordFull, descUploads, descUploadsLeft, descComposites, descRecordsGone}
)

type recordingCollector struct{ s *recording.Service }

// WatchRecording adds the recordings.
func (m *Metrics) WatchRecording(s *recording.Service) {
	m.registry.MustRegister(recordingCollector{s})
}

func (c recordingCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descsOfRecording {
		ch <- d
	}
}

func (c recordingCollector) Collect(ch chan<- prometheus.Metric) {
	status := c.s.Status()
	number := func(yes bool) float64 {
		if yes {
			return 1
		}
		return 0
	}
	for _, m := range []struct {
		d     *prometheus.Desc
		kind  prometheus.ValueType
		value float64
		label []string
	}{
		{descRecordings, prometheus.GaugeValue, float64(status.Recordings), nil},
		{descRecorded, prometheus.GaugeValue, float64(status.Streams), nil},
		{descRecordFree, prometheus.GaugeValue, float64(status.Free), nil},
		{descRecordLow, prometheus.GaugeValue, number(status.Low), nil},
		{descRecordFull, prometheus.GaugeValue, number(status.Full), nil},
		{descUploadsLeft, prometheus.GaugeValue, float64(status.UploadsWaiting), nil},
		{descRecordBytes, prometheus.CounterValue, float64(c.s.Stats.Bytes.Load()), nil},
		{descRecordFiles, prometheus.CounterValue, float64(c.s.Stats.Files.Load()), nil},
		{descRecordLost, prometheus.CounterValue, float64(c.s.Stats.Dropped.Load()), nil},
		{descRecordFault, prometheus.CounterValue, float64(c.s.Stats.Troubles.Load()), nil},
		{descUploads, prometheus.CounterValue, float64(c.s.Stats.Uploads.Load()), []string{"stored"}},
		{descUploads, prometheus.CounterValue, float64(c.s.Stats.UploadFailures.Load()), []string{"failed"}},
		{descComposites, prometheus.CounterValue, float64(c.s.Stats.Composites.Load()), nil},
		{descRecordsGone, prometheus.CounterValue, float64(c.s.Stats.Deleted.Load()), nil},
	} {
		ch <- prometheus.MustNewConstMetric(m.d, m.kind, m.value, m.label...)
	}
}
