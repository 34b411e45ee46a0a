package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"hutong/bridge/stream"
	"hutong/gateway/config"
)

// Source is where the configuration of a running gateway comes from.
type Source struct {
	// File is looked at for changes; "" is none.
	File string
	// Load reads the configuration anew: File and the environment.
	Load func() (*config.Config, error)
	// Level follows log.level.
	Level *slog.LevelVar
	// Now asks for a reload at once, of certificates too: SIGHUP.
	Now <-chan os.Signal
}

// Follow makes Run take over what changes at the source. Call it before Run.
func (g *Gateway) Follow(s Source) { g.source = s }

// lookEvery is how often files are looked at. Those of a configuration are a few
// kilobytes.
const lookEvery = time.Second

// watch reloads what changes, until ctx ends.
func (g *Gateway) watch(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	file := watchFile(g.source.File)
	for {
		select {
		case <-ctx.Done():
			return
		case <-g.source.Now:
			g.log.Info("reloading, as the signal asks")
			file.settle()
			g.reload()
			g.refreshCertificates(true)
		case <-tick.C:
			if file.changed() {
				g.reload()
			}
			g.refreshCertificates(false)
		}
	}
}

// reload takes over what a new configuration changes live, names what has to wait
// for a restart, and changes nothing when the new one is wrong.
func (g *Gateway) reload() {
	if g.source.Load == nil {
		return
	}
	next, err := g.source.Load()
	if err == nil {
		err = g.adopt(next)
	}
	if err == nil {
		return
	}
	g.operation.Reloaded("config", err, false)
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		g.log.Error("configuration not reloaded, nothing has changed", "error", err)
		return
	}
	for _, p := range wrong.Problems {
		g.log.Error("configuration not reloaded, nothing has changed", "problem", p.String())
	}
}

// adopt makes next the configuration as far as it can be while the gateway runs.
func (g *Gateway) adopt(next *config.Config) error {
	running := g.running.Load()
	var live, restart []string
	for _, c := range config.Diff(running, next) {
		if c.Live {
			live = append(live, c.Path)
		} else {
			restart = append(restart, c.Path)
		}
	}
	adopted := config.Adopt(running, next)
	var level slog.Level
	if err := level.UnmarshalText([]byte(adopted.Log.Level)); err != nil {
		return fmt.Errorf("log.level: %w", err)
	}
	if touches(live, "auth.") {
		authority, err := newAuthority(adopted, g.log)
		if err != nil {
			return err // before anything has changed
		}
		g.auth.use(authority)
	}
	g.running.Store(adopted)
	g.http.Adopt(adopted)
	g.streams.Limit(limits(adopted))
	g.members.SetICEServers(iceServers(adopted))
	if touches(live, "desk.") || touches(live, "queues") {
		if err := g.desk.Load().Adopt(adopted.Desk, adopted.Queues); err != nil {
			return err
		}
	}
	if touches(live, "recording.") {
		g.recording.Load().Adopt(adopted.Recording)
	}
	if touches(live, "rooms.webhooks") {
		g.rooms.SetWebhooks(webhooks(adopted))
	}
	if g.source.Level != nil {
		g.source.Level.Set(min(level, g.source.Level.Level())) // what follows is seen by whom either level suits
		defer g.source.Level.Set(level)
	}
	g.operation.Reloaded("config", nil, len(live) > 0)
	g.operation.RestartNeeded(len(restart))
	changed := "nothing"
	if len(live) > 0 {
		changed = strings.Join(live, ", ")
	}
	g.log.Info("configuration reloaded", "changed", changed)
	for _, path := range restart {
		g.log.Warn("a changed option needs a restart; until then it stays as it was", "option", path)
	}
	if running.Auth.Mode != adopted.Auth.Mode && adopted.Auth.Mode == config.AuthOpen {
		g.log.Warn("access is open now: everybody may do everything", "option", "auth.mode")
	}
	return nil
}

func touches(paths []string, section string) bool {
	for _, p := range paths {
		if strings.HasPrefix(p, section) {
			return true
		}
	}
	return false
}

// limits are the live options of streams.
func limits(cfg *config.Config) stream.Limits {
	s := cfg.Stream
	return stream.Limits{RefuseTakeover: s.Takeover == config.TakeoverRefuse, Grace: s.PublisherGrace.Std(),
		MaxStreams: s.MaxStreams, MaxPlayers: s.MaxPlayers}
}
