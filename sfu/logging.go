package sfu

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"

	"github.com/pion/logging"
)

func itoa(n int) string { return strconv.Itoa(n) }

// logFactory passes pion's logs on. What pion calls an error is mostly a peer
// that went away, so nothing of it is above debug.
type logFactory struct{ log *slog.Logger }

func (f logFactory) NewLogger(scope string) logging.LeveledLogger {
	return pionLog{f.log.With("scope", scope)}
}

type pionLog struct{ log *slog.Logger }

func (l pionLog) write(f string, args ...any) {
	if l.log.Enabled(context.Background(), slog.LevelDebug) {
		l.log.Debug(fmt.Sprintf(f, args...))
	}
}

func (pionLog) Trace(string)                   {}
func (pionLog) Tracef(string, ...any)          {}
func (pionLog) Debug(string)                   {}
func (pionLog) Debugf(string, ...any)          {}
func (pionLog) Info(string)                    {}
func (pionLog) Infof(string, ...any)           {}
func (l pionLog) Warn(msg string)              { l.write("%s", msg) }
func (l pionLog) Warnf(f string, args ...any)  { l.write(f, args...) }
func (l pionLog) Error(msg string)             { l.write("%s", msg) }
func (l pionLog) Errorf(f string, args ...any) { l.write(f, args...) }
