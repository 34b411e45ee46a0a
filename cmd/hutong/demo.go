package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"hutong/cmd/hutong/demo"
)

var demoCommand = command{
	name:     "demo",
	synopsis: "[--stream NAME] [--play NAME]",
	summary:  "be a simulated phone",
	help: `Pushes a clip to the gateway over RTMP, as a phone's <live-pusher> does, and plays another stream back, as its
<live-player> does, with a line every two seconds on what it receives. It dials again when a connection ends, and stops at
SIGINT.`,
	run: runDemo,
}

func runDemo(flags *flag.FlagSet, args []string, out, errs io.Writer) int {
	push := flags.String("stream", "phone", "the stream to publish; a bare name is put under live/")
	play := flags.String("play", "", "the stream to watch, for example the browser's")
	server := flags.String("server", "rtmp://127.0.0.1:1935", "the gateway's RTMP address")
	period := flags.Duration("for", 0, "stop after this long, for example 30s; 0 goes on until SIGINT")
	if code, done := parse(flags, args, 0, 0); done {
		return code
	}
	ctx, stop := untilSignal(errs)
	defer stop()
	if *period > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *period)
		defer cancel()
	}
	p := demo.Phone{
		Push: streamURL(*server, *push), Play: streamURL(*server, *play),
		Say: func(line string) { fmt.Fprintln(out, time.Now().Format("15:04:05"), line) },
	}
	p.Run(ctx)
	return exitOK
}

// streamURL is the address of a stream under a server's, "" for no stream.
func streamURL(server, name string) string {
	if name == "" {
		return ""
	}
	if !strings.Contains(name, "/") {
		name = "live/" + name
	}
	return strings.TrimSuffix(server, "/") + "/" + name
}
