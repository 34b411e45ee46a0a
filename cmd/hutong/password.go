package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"hutong/gateway/auth"
)

var passwordCommand = command{
	name:    "password",
	summary: "hash a password for desk.agents",
	help: "Reads a password from standard input, up to the end of the line, and prints its argon2id hash, which is what\n" +
		"desk.agents has of it: printf %s PASSWORD | hutong password",
	run: func(flags *flag.FlagSet, args []string, out, errs io.Writer) int {
		if code, done := parse(flags, args, 0, 0); done {
			return code
		}
		return hashPassword(os.Stdin, out, errs)
	},
}

func hashPassword(in io.Reader, out, errs io.Writer) int {
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	switch {
	case err != nil && err != io.EOF:
		fmt.Fprintf(errs, "hutong password: %v\n", err)
		return exitFailure
	case len(line) < 8:
		fmt.Fprintf(errs, "hutong password: the password is %d bytes long; use at least 8\n", len(line))
		return exitFailure
	}
	fmt.Fprintln(out, auth.HashPassword(line))
	return exitOK
}
