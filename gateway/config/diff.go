package config

import (
	"reflect"
	"strings"
)

// live are the options that take effect while the gateway runs: paths of options, or of sections with all they hold. The
// others are bound to listeners, buffers and files that exist from the start, and need a restart.
var live = []string{
	"log.level",
	"http.cors_origins",
	"webrtc.ice_servers", "webrtc.simulcast",
	"stream.takeover", "stream.publisher_grace", "stream.max_streams", "stream.max_players",
	"auth",
	"rooms.webhooks",
	"desk", "queues",
	"recording.rules", "recording.keep", "recording.notice", "recording.webhooks",
	"metrics.enabled", "pprof.enabled",
	"drain",
}

func isLive(path string) bool {
	for _, l := range live {
		if path == l || strings.HasPrefix(path, l+".") {
			return true
		}
	}
	return false
}

// Change is an option that has another value than before. It does not say which: values may be secret.
type Change struct {
	Path string
	// Live changes take effect while the gateway runs, others at its next start.
	Live bool
}

// Diff lists the options in which next differs from old, in the order of configs/hutong.yaml.
func Diff(old, next *Config) []Change {
	var changes []Change
	theirs := options(next)
	for i, o := range options(old) {
		if !same(o.value, theirs[i].value) {
			changes = append(changes, Change{Path: o.path, Live: isLive(o.path)})
		}
	}
	return changes
}

// same takes a list that is missing for an empty one.
func same(a, b reflect.Value) bool {
	if a.Kind() == reflect.Slice && a.Len() == 0 && b.Len() == 0 {
		return true
	}
	return reflect.DeepEqual(a.Interface(), b.Interface())
}

// Adopt returns what a gateway that runs with running runs with once it has been given next: the live options of next,
// the others as they were. It shares lists with both, which nobody changes.
func Adopt(running, next *Config) *Config {
	adopted := *running
	theirs := options(next)
	for i, o := range options(&adopted) {
		if isLive(o.path) {
			o.value.Set(theirs[i].value)
		}
	}
	return &adopted
}
