package gateway

import (
	"context"
	"fmt"

	"hutong/bridge/mix"
	"hutong/gateway/config"
	"hutong/gateway/weapp"
)

// openMixer makes what mixes live rooms for their audience. It starts nothing
// before there is a room to mix.
func (g *Gateway) openMixer() {
	c := g.cfg.Mix
	g.mixing = mix.New(mix.Options{
		Streams: g.streams, FFmpeg: c.FFmpeg, MaxPictures: c.MaxMixes, MaxCPU: float64(c.MaxCPU) / 100,
		Encoder:    mix.EncoderOptions{Preset: c.Preset, Bitrate: c.VideoBitrate, MaxRate: c.MaxFrameRate, Threads: c.Threads},
		Limits:     mix.Limits{Memory: c.Memory.Bytes(), Nice: c.Nice},
		AACBitrate: g.cfg.Audio.AACBitrate, Log: g.log,
	})
	g.mixer = mixer{g.mixing}
	g.metrics.WatchMixes(g.mixing.Stats)
	if err := mix.Find(c.FFmpeg); err != nil && g.cfg.Weapp.Enabled {
		g.log.Warn(mixWarning(err))
	}
}

// mixer lets the mini-program API mix.
type mixer struct{ *mix.Mixer }

// mixCodes is what is added to the codes of a mix, so that clients' logs tell them
// from the API's own.
const mixCodes = 20

// Mix implements weapp.Mixer.
func (m mixer) Mix(ctx context.Context, output string, inputs []weapp.MixInput) (weapp.MixResult, error) {
	all := make([]mix.Input, len(inputs))
	for i, in := range inputs {
		all[i] = mix.Input(in)
	}
	r, err := m.Mixer.Mix(ctx, output, all)
	result := weapp.MixResult{Code: r.Code, Message: r.Message, Going: err == nil && r.Code != mix.CodeRefused}
	if r.Code != mix.CodeMixed {
		result.Code += mixCodes
	}
	return result, err
}

// Warnings are what is no mistake in a configuration and yet not what its author
// wants, each on one line: programs that are not there.
func Warnings(c *config.Config) (warnings []string) {
	if !c.Weapp.Enabled {
		return nil // nobody can ask for a mix
	}
	if err := mix.Probe(context.Background(), c.Mix.FFmpeg); err != nil {
		warnings = append(warnings, mixWarning(err))
	}
	return warnings
}

func mixWarning(err error) string {
	return fmt.Sprintf("mix.ffmpeg: %v; until then the audience of a live room hears everyone and sees the anchor alone", err)
}
