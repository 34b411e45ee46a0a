package gateway

import (
	"context"
	"time"

	"hutong/gateway/config"
)

const (
	// leastDrain is what everybody gets to say goodbye.
	leastDrain = time.Second
	// cutAfterFinish is how long connections may take that outlasted a drain that
	// let them finish.
	cutAfterFinish = 10 * time.Second
	// finishLook is how often a drain looks whether the last publisher has gone.
	finishLook = 100 * time.Millisecond
)

// drain ends what runs, as drain.mode says.
func (g *Gateway) drain() {
	d := g.running.Load().Drain
	timeout := max(d.Timeout.Std(), leastDrain)
	g.operation.Draining()
	g.log.Info("draining", "mode", d.Mode, "timeout", timeout)
	if d.Mode == config.DrainFinish {
		g.finish(timeout)
		timeout = cutAfterFinish
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	g.http.Drain()
	g.mixing.Close()
	g.streams.Close()
	if err := g.rtmp.Shutdown(ctx); err != nil {
		g.log.Warn("drain", "error", err)
	}
	if err := g.http.Shutdown(ctx); err != nil {
		g.log.Warn("drain", "error", err)
	}
	if err := g.sfu.Close(); err != nil {
		g.log.Warn("drain", "error", err)
	}
	g.closeRooms()
	g.auth.Close()
	g.log.Info("stopped")
}

// finish lets nobody new in and waits for the last publisher to go, one that may
// still come back included, but not longer than timeout.
func (g *Gateway) finish(timeout time.Duration) {
	g.http.Finish()
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	look := time.NewTicker(finishLook)
	defer look.Stop()
	last := -1
	for {
		n := len(g.streams.Streams())
		if n != last {
			g.log.Info("waiting for publishers to finish", "streams", n)
			last = n
		}
		if n == 0 {
			return
		}
		select {
		case <-look.C:
		case <-deadline.C:
			g.log.Warn("publishers did not finish in time and are cut", "streams", n, "timeout", timeout)
			return
		}
	}
}
