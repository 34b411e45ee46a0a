// Command hutong is the gateway: flags in, exit codes out, nothing else.
//
// It exits with 0 when it did what was asked, 1 when that failed, and 2 when it was asked wrongly.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// The exit codes.
const (
	exitOK      = 0
	exitFailure = 1
	exitUsage   = 2
)

// command is one word after hutong. Its run gets the flag set named after it, to define flags on, and the arguments to
// parse with it.
type command struct {
	name     string
	synopsis string // flags and arguments, as the usage line shows them
	summary  string // one line for the list
	help     string // what the command's own help says below the usage line
	run      func(flags *flag.FlagSet, args []string, out, errs io.Writer) int
}

// commands are in the order of the help text.
var commands = []command{serveCommand, checkCommand, signCommand, passwordCommand, certCommand, verifyCommand, demoCommand, versionCommand}

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, out, errs io.Writer) int {
	if len(args) == 0 {
		usage(errs)
		return exitUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "help", "-h", "-help", "--help":
		if len(args) == 0 {
			usage(out)
			return exitOK
		}
		name, args = args[0], []string{"-h"}
	case "-version", "--version":
		name = versionCommand.name
	}
	for _, c := range commands {
		if c.name == name {
			return c.run(c.flags(out, errs, args), args, out, errs)
		}
	}
	fmt.Fprintf(errs, "hutong: unknown command %q; run hutong help for the list\n", name)
	return exitUsage
}

func usage(w io.Writer) {
	fmt.Fprint(w, "hutong puts WeChat mini-program users (RTMP) and browsers (WebRTC) in one call.\n\nUsage: hutong COMMAND\n\n")
	for _, c := range commands {
		fmt.Fprintf(w, "  %-26s %s\n", strings.TrimSpace(c.name+" "+c.synopsis), c.summary)
	}
	fmt.Fprint(w, "\nhutong help COMMAND says more about one.\n")
}

// flags makes the command's flag set. Help that was asked for goes to out, help after a mistake to errs.
func (c command) flags(out, errs io.Writer, args []string) *flag.FlagSet {
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	flags.SetOutput(errs)
	for _, a := range args {
		if a == "-h" || a == "-help" || a == "--help" {
			flags.SetOutput(out)
		}
	}
	flags.Usage = func() {
		w := flags.Output()
		fmt.Fprintf(w, "Usage: hutong %s\n\n%s\n", strings.TrimSpace(c.name+" "+c.synopsis), c.help)
		flags.VisitAll(func(f *flag.Flag) { fmt.Fprintf(w, "\n  --%s  %s\n", f.Name, f.Usage) })
	}
	return flags
}

// parse reads the arguments and checks how many remain beside the flags. When done is true the command ends with code.
func parse(flags *flag.FlagSet, args []string, least, most int) (code int, done bool) {
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return exitOK, true
	case err != nil:
		return exitUsage, true
	}
	switch n := flags.NArg(); {
	case n < least:
		fmt.Fprintf(flags.Output(), "hutong %s: an argument is missing\n", flags.Name())
	case n > most:
		fmt.Fprintf(flags.Output(), "hutong %s: unexpected argument %q\n", flags.Name(), flags.Arg(most))
	default:
		return exitOK, false
	}
	flags.Usage()
	return exitUsage, true
}
