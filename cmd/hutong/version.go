package main

import (
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// version is set by the linker: -ldflags "-X main.version=v1.2.3".
var version string

var versionCommand = command{
	name:    "version",
	summary: "print the version",
	help:    "Prints the version of hutong, the Go release that built it, and the platform.",
	run: func(flags *flag.FlagSet, args []string, out, errs io.Writer) int {
		if code, done := parse(flags, args, 0, 0); done {
			return code
		}
		fmt.Fprintf(out, "hutong %s %s %s/%s\n", versionNumber(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
		return exitOK
	},
}

// versionNumber is the version given to the linker, or else what the build recorded about its source.
func versionNumber() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "-modified"
		}
	}
	if revision == "" {
		return "devel"
	}
	return revision + modified
}
