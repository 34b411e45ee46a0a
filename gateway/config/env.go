package config

import (
	"reflect"
	"slices"
	"strings"
)

const envPrefix = "HUTONG_"

// EnvName is the environment variable that sets the option at path: rtmp.tls.cert is HUTONG_RTMP_TLS_CERT. Lists are
// written as YAML ("[a, b]") or, when they are lists of text, with commas ("a,b").
func EnvName(path string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
}

// applyEnv overrides options by the variables of environ. A variable that starts with HUTONG_ and names no option is a
// problem: it is a misspelt option far more often than anything else.
func (l *loader) applyEnv(environ []string) {
	byName := map[string]option{}
	for _, o := range options(l.cfg) {
		byName[EnvName(o.path)] = o
	}
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, value, ok := strings.Cut(variable, "=")
		if !ok || !strings.HasPrefix(name, envPrefix) {
			continue
		}
		o, known := byName[name]
		if !known {
			l.problems = append(l.problems, Problem{
				File: Environment, Key: printable(name), What: "unknown variable", Fix: suggestVariable(name),
			})
			continue
		}
		d := decoder{loader: l, env: name, option: o.path, secret: o.tag.Get("secret") != ""}
		l.origins[o.path] = origin{env: name, option: o.path}
		if o.value.Kind() == reflect.Slice {
			d.envList(o, value)
		} else {
			d.store(o.path, value, o.value, o.tag)
		}
	}
}

func (d *decoder) envList(o option, value string) {
	value = strings.TrimSpace(value)
	ofText := o.value.Type().Elem().Kind() == reflect.String
	if value == "" {
		o.value.Set(reflect.MakeSlice(o.value.Type(), 0, 0))
		return
	}
	if ofText && !strings.HasPrefix(value, "[") && !strings.HasPrefix(value, "- ") {
		var list []string
		for item := range strings.SplitSeq(value, ",") {
			list = append(list, strings.TrimSpace(item))
		}
		o.value.Set(reflect.ValueOf(list))
		return
	}
	node, p := parseYAML(value)
	if p == nil && node != nil {
		d.list(node, o.value, o.path)
		return
	}
	what, fix := "is not a YAML list", "write it like [a, b]"
	if !ofText {
		fix = "write it like [{" + strings.Join(keysOf(o.value.Type().Elem()), ": ..., ") + ": ...}]"
	}
	if p != nil {
		what = p.What
	}
	d.problems = append(d.problems, Problem{File: Environment, Key: d.env, What: what, Fix: fix})
}
