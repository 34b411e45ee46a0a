package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Environment is the File of a problem that an environment variable causes.
const Environment = "environment"

// Problem is one thing wrong with a configuration: where, which option, what its value is, and how to put it right.
type Problem struct {
	File   string // the file's path as given, or Environment
	Line   int    // from 1; 0 where a line makes no sense: the environment, a file that cannot be read, a default
	Column int    // from 1, in characters; 0 like Line
	Key    string // the option's path such as rtmp.tls.cert, or the variable's name; "" for the file as a whole
	Value  string // as written, shortened, and never a credential; "" where there is none
	What   string // what is wrong
	Fix    string // what to do about it
}

// String writes the problem on one line: file:line:col: key: what is wrong (value): the fix.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Key != "" {
		b.WriteString(p.Key + ": ")
	}
	b.WriteString(p.What)
	if p.Value != "" {
		b.WriteString(" (value " + p.Value + ")")
	}
	if p.Fix != "" {
		b.WriteString(": " + p.Fix)
	}
	return b.String()
}

// Error is the error of Load: all problems, in the order of the file, then those of the environment.
type Error struct {
	Problems []Problem
}

// Error writes one problem per line.
func (e *Error) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		if (a.File == Environment) != (b.File == Environment) {
			if a.File == Environment {
				return 1
			}
			return -1
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}

// maxShown bounds how much of a value a problem quotes.
const maxShown = 64

func quote(value string) string {
	if runes := []rune(value); len(runes) > maxShown {
		value = string(runes[:maxShown]) + "..."
	}
	return strconv.Quote(value)
}

// printable keeps a key readable on one line: as it is when it is plain, quoted when it is not.
func printable(key string) string {
	plain := strings.IndexFunc(key, func(r rune) bool {
		return r <= ' ' || r == ':' || r == '"' || r > '~'
	}) < 0
	if plain && key != "" && len(key) <= maxShown {
		return key
	}
	return quote(key)
}
