package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// Load reads the file at path ("" for none), lets the variables of environ (in os.Environ's form) that start with
// HUTONG_ override it, and checks the result, certificates and data directory included. Relative paths are relative to
// the working directory. The error is an *Error with every problem found.
func Load(path string, environ []string) (*Config, error) {
	l, err := read(path, environ)
	if err != nil {
		return nil, err
	}
	l.checkFiles()
	return l.result()
}

// Read is Load without a look at certificates and the data directory, for commands that use neither and may run as
// another user or on another machine.
func Read(path string, environ []string) (*Config, error) {
	l, err := read(path, environ)
	if err != nil {
		return nil, err
	}
	return l.result()
}

func read(path string, environ []string) (*loader, error) {
	l := newLoader(path)
	if path != "" {
		if p := l.readFile(); p != nil {
			return nil, &Error{Problems: []Problem{*p}}
		}
	}
	l.applyEnv(environ)
	l.validate()
	return l, nil
}

// Check returns every problem of the file at path by itself, without the environment; none means that it would load.
func Check(path string) []Problem {
	_, err := Load(path, nil)
	var e *Error
	if errors.As(err, &e) {
		return e.Problems
	}
	return nil
}

// parse is Load without the file system: text stands for the file's content.
func parse(name, text string, environ []string) (*Config, error) {
	l := newLoader(name)
	l.applyFile(text)
	l.applyEnv(environ)
	l.validate()
	return l.result()
}

// loader gathers one Config: the values, where each came from, and what is wrong.
type loader struct {
	file     string
	cfg      *Config
	origins  map[string]origin // by option path
	broken   map[string]bool   // elements of lists that have a problem already
	problems []Problem
}

// origin is where a value was set. Defaults have none.
type origin struct {
	line, column int
	env          string // the variable's name, "" for the file
	option       string // the path of the option that env sets, which may be above the one that this is of
}

// maxProblems bounds how many problems are listed; a file with more is not a configuration.
const maxProblems = 100

func newLoader(file string) *loader {
	return &loader{file: file, cfg: Default(), origins: map[string]origin{}, broken: map[string]bool{}}
}

func (l *loader) result() (*Config, error) {
	if len(l.problems) > 0 {
		sortProblems(l.problems)
		if more := len(l.problems) - maxProblems; more > 0 {
			l.problems = append(l.problems[:maxProblems], Problem{File: l.problems[maxProblems].File,
				What: fmt.Sprintf("%d more problems", more), Fix: "correct these first"})
		}
		return nil, &Error{Problems: l.problems}
	}
	return l.cfg, nil
}

func (l *loader) readFile() *Problem {
	f, err := os.Open(l.file)
	if err != nil {
		return &Problem{File: l.file, What: "cannot be read: " + reason(err), Fix: "check the path of the configuration file"}
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return &Problem{File: l.file, What: "cannot be read: " + reason(err), Fix: "check the path of the configuration file"}
	}
	if len(text) > maxFile {
		return &Problem{File: l.file, What: fmt.Sprintf("is larger than %v", Size(maxFile)), Fix: "this is no configuration file"}
	}
	l.applyFile(string(text))
	return nil
}

func (l *loader) applyFile(text string) {
	node, p := parseYAML(strings.TrimPrefix(text, "\uFEFF"))
	if p != nil {
		p.File = l.file
		l.problems = append(l.problems, *p)
		return
	}
	if node != nil {
		d := decoder{loader: l}
		d.section(node, l.root(), "")
	}
}

// fault reports a problem of the option at path, wherever its value came from. The value is left out when it is secret
// or "".
func (l *loader) fault(path, value, what, fix string) {
	p := Problem{Key: path, What: what, Fix: fix}
	if value != "" {
		p.Value = quote(value)
	}
	o, known := l.originOf(path)
	switch {
	case o.env != "":
		p.File, p.Key = Environment, o.env+strings.TrimPrefix(path, o.option)
	case known || l.file != "":
		p.File, p.Line, p.Column = l.file, o.line, o.column
	default:
		p.File = "default"
	}
	l.problems = append(l.problems, p)
}

// originOf finds where the option at path was set; for an element of a list that may be where the list was.
func (l *loader) originOf(path string) (o origin, known bool) {
	for {
		if o, known = l.origins[path]; known {
			return o, true
		}
		i := strings.LastIndexByte(path, '[')
		if i < 0 {
			return origin{}, false
		}
		path = path[:i]
	}
}

// isSet reports whether the option at path was set by the file or the environment.
func (l *loader) isSet(path string) bool {
	_, ok := l.origins[path]
	return ok
}

// reason is what went wrong with a file, without the path that the error repeats.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
