package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"hutong/gateway"
	"hutong/gateway/config"
)

var serveCommand = command{
	name:     "serve",
	synopsis: "[--config FILE]",
	summary:  "run the gateway",
	help: `Runs the gateway until SIGTERM or SIGINT, then drains as drain.mode says and exits with 0; a second signal ends it
at once. SIGHUP, or a change of the file, takes over what can change while it runs, and the log names what needs a
restart; a file with a mistake changes nothing. Certificates are taken over when their files change. The addresses to
open go to standard output, the log to standard error. Without --config it listens on loopback only, with open access.
Any option can be set by the environment: rtmp.tls.cert is HUTONG_RTMP_TLS_CERT. configs/hutong.yaml explains every
option.`,
	run: serve,
}

func serve(flags *flag.FlagSet, args []string, out, errs io.Writer) int {
	file := flags.String("config", "", "the YAML configuration file; without it every option has its default")
	if code, done := parse(flags, args, 0, 0); done {
		return code
	}
	ctx, stop := untilSignal(errs)
	defer stop()
	if err := runGateway(ctx, *file, out, errs); err != nil {
		fail(errs, err)
		return exitFailure
	}
	return exitOK
}

func runGateway(ctx context.Context, file string, out, errs io.Writer) error {
	cfg, err := config.Load(file, os.Environ())
	if err != nil {
		return err
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	log := &heldWriter{to: errs}
	logger, level := newLogger(cfg.Log, log)
	g, err := gateway.New(cfg, logger, versionNumber())
	if err != nil {
		return err
	}
	g.Follow(gateway.Source{File: file, Level: level, Now: hangup,
		Load: func() (*config.Config, error) { return config.Load(file, os.Environ()) }})
	for _, line := range g.Addresses() {
		fmt.Fprintln(out, line)
	}
	log.release()
	if err := notify("READY=1"); err != nil {
		logger.Warn("the service manager was not told that the gateway is up", "error", err)
	}
	defer context.AfterFunc(ctx, func() { notify("STOPPING=1") })()
	return g.Run(ctx)
}

// fail says why the command failed: every problem of a configuration on a line of its own, anything else on one line.
func fail(errs io.Writer, err error) {
	var problems *config.Error
	if errors.As(err, &problems) {
		fmt.Fprintln(errs, problems)
		return
	}
	fmt.Fprintln(errs, "hutong: "+strings.Join(strings.Split(strings.TrimSpace(err.Error()), "\n"), "; "))
}

// untilSignal is a context that the first SIGTERM or SIGINT ends. The second ends the process there and then. It is
// handled rather than left to its default, which does nothing for the first process of a container.
func untilSignal(errs io.Writer) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		select {
		case <-signals:
			cancel()
		case <-ctx.Done():
			return
		}
		if s, ok := <-signals; ok {
			fmt.Fprintf(errs, "hutong: %v again, exiting without draining\n", s)
			os.Exit(exitFailure)
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}
