package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder walks YAML nodes beside the Config they describe. It goes on after a problem, so that all are found at once;
// an option with a problem keeps its default.
type decoder struct {
	*loader
	env    string // the variable being read, "" for the file
	option string // the option that env sets
	secret bool   // values are not to be quoted
}

func (l *loader) root() reflect.Value { return reflect.ValueOf(l.cfg).Elem() }

// section reads a mapping into a struct. An empty section keeps its defaults.
func (d *decoder) section(node ast.Node, into reflect.Value, path string) {
	entries, ok := entriesOf(node)
	if !ok {
		if node.Type() != ast.NullType {
			what := "is a section with options of its own"
			if path == "" {
				what = "holds no options"
			}
			d.mark(node, path)
			d.problem(node, path, what, "write NAME: VALUE lines for "+strings.Join(keysOf(into.Type()), ", "))
		}
		return
	}
	seen := map[string]int{}
	for _, e := range entries {
		key, isText := text(e.Key)
		at := join(path, printableKey(key, isText))
		field, tag, ok := fieldOf(into, key)
		if !ok || !isText {
			d.unknown(e, at, key, into.Type())
			continue
		}
		line, _ := place(e.Key)
		if first, twice := seen[key]; twice {
			d.again(e, at, tag, first)
			continue
		}
		seen[key] = line
		d.value(e, field, tag, at)
	}
}

func (d *decoder) again(e *ast.MappingValueNode, path string, tag reflect.StructTag, first int) {
	p := d.at(e.Key, path)
	p.What, p.Fix = "is set twice", fmt.Sprintf("keep one of them; the first is on line %d", first)
	if s, ok := text(e.Value); ok && tag.Get("secret") == "" && !d.secret {
		p.Value = quote(s)
	}
	d.problems = append(d.problems, p)
}

func (d *decoder) unknown(e *ast.MappingValueNode, path, key string, in reflect.Type) {
	fix := suggestKey(key, in)
	p := d.at(e.Key, path)
	p.What, p.Fix = "unknown option", fix
	if s, ok := text(e.Value); ok && !mayBeSecret(key, in) {
		p.Value = quote(s)
	}
	d.problems = append(d.problems, p)
}

// mayBeSecret reports whether an unknown key could be a misspelt secret, whose value nobody wants in a log.
func mayBeSecret(key string, in reflect.Type) bool {
	for i := range in.NumField() {
		if in.Field(i).Tag.Get("secret") != "" {
			return true
		}
	}
	return strings.ContainsAny(key, " :=") || slices.ContainsFunc([]string{"key", "secret", "pass", "token", "cred", "auth"},
		func(word string) bool { return strings.Contains(strings.ToLower(key), word) })
}

// value reads the value of one key: a section, a list or a scalar.
func (d *decoder) value(e *ast.MappingValueNode, field reflect.Value, tag reflect.StructTag, path string) {
	if tag.Get("secret") != "" {
		within := d.secret
		d.secret = true
		defer func() { d.secret = within }()
	}
	switch field.Kind() {
	case reflect.Struct:
		d.section(e.Value, field, path)
	case reflect.Slice:
		d.list(e.Value, field, path)
	default:
		d.scalar(e.Value, e.Key, field, tag, path)
	}
}

func (d *decoder) list(node ast.Node, into reflect.Value, path string) {
	d.mark(node, path)
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		fix := "write it in brackets: [a, b], or [] for none"
		if into.Type().Elem().Kind() == reflect.Struct {
			fix = "write a list of sections: - " + strings.Join(keysOf(into.Type().Elem()), ": ..., ") + ": ..."
		}
		d.problem(node, path, "is not a list", fix)
		return
	}
	list := reflect.MakeSlice(into.Type(), 0, len(sequence.Values))
	for i, item := range sequence.Values {
		element := newElement(into.Type().Elem())
		at := fmt.Sprintf("%s[%d]", path, i)
		before := len(d.problems)
		if element.Kind() == reflect.Struct {
			if item.Type() == ast.NullType {
				d.problem(item, at, "has no value", "remove the entry or fill it in")
			} else {
				d.mark(item, at)
				d.section(item, element, at)
			}
		} else {
			d.scalar(item, item, element, "", at)
		}
		d.broken[at] = len(d.problems) > before
		list = reflect.Append(list, element)
	}
	into.Set(list)
}

// newElement is an entry of a list with its defaults.
func newElement(t reflect.Type) reflect.Value {
	element := reflect.New(t).Elem()
	if t.Kind() == reflect.Struct {
		for i := range t.NumField() {
			if s := t.Field(i).Tag.Get("default"); s != "" {
				element.Field(i).SetString(s)
			}
		}
	}
	return element
}

func (d *decoder) scalar(node, key ast.Node, into reflect.Value, tag reflect.StructTag, path string) {
	if node.Type() == ast.NullType {
		node = key // an absent value has no place of its own
		d.mark(node, path)
		p := d.at(node, path)
		p.What, p.Fix = "has no value", "write "+want(into, tag)+", or remove the line for the default"
		d.problems = append(d.problems, p)
		return
	}
	d.mark(node, path)
	s, ok := text(node)
	if !ok {
		fix := "write " + want(into, tag)
		if _, mapping := entriesOf(node); mapping && into.Kind() == reflect.String {
			fix += " in quotes" // the parser takes the colon of [stun:a] for a mapping's
		}
		d.problem(node, path, "is not a single value", fix)
		return
	}
	switch into.Kind() {
	case reflect.String:
		isText := node.Type() == ast.StringType || node.Type() == ast.LiteralType
		if !isText && tag.Get("choice") == "" {
			d.problem(node, path, "is not text", "put it in quotes")
			return
		}
	case reflect.Bool, reflect.Int:
		if quoted(node) {
			d.problem(node, path, "is text", "write "+want(into, tag)+", without quotes")
			return
		}
	}
	d.store(path, s, into, tag)
}

// store keeps a scalar given as text, when its type and its bounds allow it.
func (d *decoder) store(path, s string, into reflect.Value, tag reflect.StructTag) {
	if what := parseScalar(s, into, tag); what != "" {
		if d.secret {
			s = ""
		}
		d.fault(path, s, what, "write "+want(into, tag))
	}
}

// problem reports what is wrong with the value that node is.
func (d *decoder) problem(node ast.Node, path, what, fix string) {
	p := d.at(node, path)
	p.What, p.Fix = what, fix
	if s, ok := text(node); ok && !d.secret && s != p.Key && node.Type() != ast.NullType {
		p.Value = quote(s)
	}
	d.problems = append(d.problems, p)
}

func (d *decoder) at(node ast.Node, path string) Problem {
	if d.env != "" {
		return Problem{File: Environment, Key: d.env + strings.TrimPrefix(path, d.option)}
	}
	line, column := place(node)
	return Problem{File: d.file, Line: line, Column: column, Key: path}
}

func (d *decoder) mark(node ast.Node, path string) {
	line, column := place(node)
	d.origins[path] = origin{line: line, column: column, env: d.env, option: d.option}
}

func place(node ast.Node) (line, column int) { return at(node.GetToken()) }

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func entriesOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// text is a scalar as it was written; false for anything else.
func text(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	}
	return "", false
}

func quoted(node ast.Node) bool {
	t := node.GetToken().Type
	return t == token.SingleQuoteType || t == token.DoubleQuoteType
}

func printableKey(key string, isText bool) string {
	if !isText {
		return `"?"`
	}
	return printable(key)
}

// keysOf are the option names of a section, in the order of the struct.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		keys = append(keys, t.Field(i).Tag.Get("yaml"))
	}
	return keys
}

func fieldOf(section reflect.Value, key string) (reflect.Value, reflect.StructTag, bool) {
	i := slices.Index(keysOf(section.Type()), key)
	if i < 0 {
		return reflect.Value{}, "", false
	}
	return section.Field(i), section.Type().Field(i).Tag, true
}
