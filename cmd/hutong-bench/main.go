// Command hutong-bench measures a media gateway from outside: how much CPU and memory its players cost it, how long a
// frame is under way, how soon a player sees a picture, and whether it stays flat for ten minutes.
//
// Every command but suite knows the gateway only by its URLs and its process id, and prints one JSON line for each run.
// docs/benchmarks.md says how the figures are made and what they mean.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
)

// command is one measure. run gets the arguments after its name and stops when ctx ends.
type command struct {
	name, help string
	run        func(ctx context.Context, args []string) error
}

func commands() []command {
	return []command{
		{"whep", "WebRTC players: CPU per packet, memory, join times, loss", runWHEP},
		{"flv", "HTTP-FLV players: CPU per player-second, memory, join times", runFLV},
		{"rtmp", "RTMP players: the same", runRTMP},
		{"push", "publish an FLV file by RTMP, looping", runPush},
		{"whip", "publish H.264 and Opus files by WHIP, looping", runWHIP},
		{"latency", "publish and play in one process: transit of every frame", runLatency},
		{"join", "publish, and join at unbiased phases: time to picture and to the live edge", runJoin},
		{"crossing", "CPU of AAC to Opus or Opus to AAC, watched across and not", runCrossing},
		{"weapp", "rooms of mini-programs with heartbeats: how long an API call takes", runWeapp},
		{"rooms", "rooms of two, a phone and a browser: what a room costs as they grow", runRooms},
		{"record", "what recording many streams costs", runRecord},
		{"startup", "time from exec to accepting, and idle memory", runStartup},
		{"soak", "players come and go for minutes: memory and goroutines must stay flat", runSoak},
		{"profiles", "where the gateway's time goes under load, and what it allocates, as text", runProfiles},
		{"suite", "start the gateway, run every measure, write raw lines and the table", runSuite},
	}
}

func main() {
	// One collection less often is one disturbance less of what is measured; the heap here is small.
	debug.SetGCPercent(400)
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	os.Exit(dispatch(ctx, os.Args[1:]))
}

// dispatch returns the exit code: 0, 1 for a measure that failed, 2 for a command line that makes no sense.
func dispatch(ctx context.Context, args []string) int {
	if len(args) == 0 {
		usage()
		return 2
	}
	for _, c := range commands() {
		if c.name != args[0] {
			continue
		}
		err := c.run(ctx, args[1:])
		switch {
		case err == nil || errors.Is(err, flag.ErrHelp):
			return 0
		case errors.Is(err, errUsage):
			fmt.Fprintf(os.Stderr, "hutong-bench %s: %v\n", c.name, err)
			return 2
		}
		fmt.Fprintf(os.Stderr, "hutong-bench %s: %v\n", c.name, err)
		return 1
	}
	fmt.Fprintf(os.Stderr, "hutong-bench: there is no command %q\n", args[0])
	usage()
	return 2
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: hutong-bench COMMAND [flags]        (COMMAND -h lists the flags)")
	for _, c := range commands() {
		fmt.Fprintf(os.Stderr, "  %-9s %s\n", c.name, c.help)
	}
}

// errUsage is wrapped by every complaint about the command line.
var errUsage = errors.New("bad command line")

// parseFlags parses args and refuses leftovers, which are nearly always a flag without its dash.
func parseFlags(fs *flag.FlagSet, args []string) error {
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("%w: unexpected argument %q", errUsage, fs.Arg(0))
	}
	return nil
}

// need refuses a required flag that was left empty.
func need(flagName, value string) error {
	if value == "" {
		return fmt.Errorf("%w: -%s is required", errUsage, flagName)
	}
	return nil
}
