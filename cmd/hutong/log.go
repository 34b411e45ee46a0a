package main

import (
	"bytes"
	"io"
	"log/slog"
	"sync"

	"hutong/gateway/config"
)

// newLogger writes one line per thing that happened, in the shape that cfg asks for and from a level that may change
// later.
func newLogger(cfg config.Log, w io.Writer) (*slog.Logger, *slog.LevelVar) {
	levels := map[string]slog.Level{
		config.LevelDebug: slog.LevelDebug, config.LevelInfo: slog.LevelInfo,
		config.LevelWarn: slog.LevelWarn, config.LevelError: slog.LevelError,
	}
	level := &slog.LevelVar{}
	level.Set(levels[cfg.Level])
	options := &slog.HandlerOptions{Level: level}
	if cfg.Format == config.FormatJSON {
		return slog.New(slog.NewJSONHandler(w, options)), level
	}
	return slog.New(slog.NewTextHandler(w, options)), level
}

// heldWriter keeps what is logged while the gateway starts until release, so that a start that fails says one thing
// only: why.
type heldWriter struct {
	mu       sync.Mutex
	to       io.Writer
	held     bytes.Buffer
	released bool
}

// maxHeld bounds what is kept; lines beyond it are lost.
const maxHeld = 64 << 10

func (h *heldWriter) Write(line []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.released {
		return h.to.Write(line)
	}
	if h.held.Len()+len(line) <= maxHeld {
		h.held.Write(line)
	}
	return len(line), nil
}

func (h *heldWriter) release() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.released = true
	h.to.Write(h.held.Bytes())
	h.held = bytes.Buffer{}
}
