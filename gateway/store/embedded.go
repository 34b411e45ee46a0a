package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	engineMemory = 32 << 20 // bytes for buckets in memory, of which we have none
	engineFiles  = 1 << 30  // bytes of state on disk
	syncEvery    = time.Second
)

// engine is a NATS server inside this process, which listens nowhere.
type engine struct {
	server *server.Server
	lock   *os.File
}

func startEngine(dir string, sync bool, log *slog.Logger) (*engine, error) {
	if dir == "" {
		return nil, errors.New("state directory: none is given; set data_dir")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory %s: %w; name a directory the gateway may write", dir, err)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	l := &serverLog{log: log}
	s, err := server.NewServer(&server.Options{
		ServerName: namespace,
		DontListen: true,
		NoSigs:     true,
		NoLog:      true,
		JetStream:  true,
		StoreDir:   dir,
		// A change is with the operating system before it is acknowledged, so it
		// survives the death of this process; on the disk it is within syncEvery.
		SyncAlways:             sync,
		SyncInterval:           syncEvery,
		JetStreamMaxMemory:     engineMemory,
		JetStreamMaxStore:      engineFiles,
		MaxClosedClients:       16,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		lock.Close()
		return nil, fmt.Errorf("state directory %s: %w", dir, err)
	}
	s.SetLoggerV2(l, false, false, false)
	e := &engine{server: s, lock: lock}
	s.Start() // returns once the state has been recovered
	if reason := l.reason(); reason != "" {
		e.stop()
		return nil, fmt.Errorf("state directory %s: the engine did not start: %s; see that it is writable and has space", dir, reason)
	}
	return e, nil
}

func (e *engine) stop() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
	e.lock.Close()
}

// serverLog passes on what the embedded server says. Its notices are about a
// server nobody can see, so they are for debugging only.
type serverLog struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal string
}

func (l *serverLog) say(level slog.Level, format string, v []any) {
	l.log.Log(context.Background(), level, "state store: "+fmt.Sprintf(format, v...))
}

// reason is why the server gave up, empty if it did not.
func (l *serverLog) reason() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l *serverLog) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Tracef(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }

// Fatalf is the server's way to say that it cannot go on. It must not end the
// process: startEngine asks for the reason.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	l.fatal = fmt.Sprintf(format, v...)
	l.mu.Unlock()
	l.say(slog.LevelError, format, v)
}
