package config

import (
	"fmt"
	"reflect"
	"strings"
)

// option is one leaf of Config: a scalar or a list.
type option struct {
	path  string
	value reflect.Value
	tag   reflect.StructTag
}

// options lists every option of cfg in the order of the struct.
func options(cfg *Config) []option {
	var all []option
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		for i := range v.NumField() {
			tag := v.Type().Field(i).Tag
			at := join(path, tag.Get("yaml"))
			if v.Field(i).Kind() == reflect.Struct {
				walk(v.Field(i), at)
			} else {
				all = append(all, option{at, v.Field(i), tag})
			}
		}
	}
	walk(reflect.ValueOf(cfg).Elem(), "")
	return all
}

// suggestKey is the advice for a key that the section does not have: a similar one, the same one elsewhere, or what
// there is.
func suggestKey(key string, section reflect.Type) string {
	keys := keysOf(section)
	if near := nearest(key, keys); near != "" {
		return "did you mean " + near + "?"
	}
	var elsewhere []string
	for _, o := range options(Default()) {
		if strings.HasSuffix(o.path, "."+key) || o.path == key {
			elsewhere = append(elsewhere, o.path)
		}
	}
	if len(elsewhere) > 0 {
		return "did you mean " + strings.Join(elsewhere, " or ") + "?"
	}
	return "remove it; the options here are " + strings.Join(keys, ", ")
}

// suggestVariable is the same for the name of a variable.
func suggestVariable(name string) string {
	for _, suffix := range []string{"_SERVICE_HOST", "_SERVICE_PORT", "_PORT", "_TCP", "_UDP", "_ADDR", "_PROTO"} {
		if strings.HasSuffix(name, suffix) {
			return "no option has this name; where Kubernetes sets it for a service called hutong, use enableServiceLinks: false"
		}
	}
	var names []string
	for _, o := range options(Default()) {
		names = append(names, EnvName(o.path))
	}
	if near := nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return "remove it; names are " + envPrefix + " and an option's path in upper case, such as " + EnvName("http.address")
}

// nearest is the candidate that a few typing errors turn into key, "" when none is near.
func nearest(key string, candidates []string) string {
	if len(key) > maxShown {
		return ""
	}
	best, bestAt := "", 1+max(1, len(key)/4)
	for _, c := range candidates {
		if d := distance(strings.ToLower(key), c); d < bestAt {
			best, bestAt = c, d
		}
		if d := distance(key, c); d < bestAt {
			best, bestAt = c, d
		}
	}
	return best
}

// distance is Levenshtein's: the single-character edits between two words.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
