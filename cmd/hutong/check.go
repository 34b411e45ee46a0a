package main

import (
	"flag"
	"fmt"
	"io"

	"hutong/gateway"
	"hutong/gateway/config"
)

var checkCommand = command{
	name:     "check",
	synopsis: "FILE",
	summary:  "say what is wrong with a configuration file",
	help: `Prints every problem of the file, one per line as file:line:column: option: what is wrong (value): the fix.
Exits with 0 when there is none and serve would accept the file, with 1 otherwise. Then it says what is no mistake and
may surprise, such as a program that is not there. Certificates and the data directory
are looked at, ports are not; the environment does not count.`,
	run: check,
}

func check(flags *flag.FlagSet, args []string, out, errs io.Writer) int {
	if code, done := parse(flags, args, 1, 1); done {
		return code
	}
	problems := config.Check(flags.Arg(0))
	for _, p := range problems {
		fmt.Fprintln(out, p)
	}
	if len(problems) > 0 {
		return exitFailure
	}
	if cfg, err := config.Load(flags.Arg(0), nil); err == nil {
		for _, w := range gateway.Warnings(cfg) {
			fmt.Fprintln(out, flags.Arg(0)+": warning: "+w)
		}
	}
	fmt.Fprintln(out, flags.Arg(0)+": ok")
	return exitOK
}
