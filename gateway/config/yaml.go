package config

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// The bounds of a file. The parser's time grows with the square of the number of tokens and exponentially with the
// depth of brackets, so both are counted before it runs. The largest sensible configuration is far below them.
const (
	maxFile   = 1 << 20 // bytes
	maxTokens = 8192    // comments not counted
	maxDepth  = 8       // brackets within brackets
)

// parseYAML turns text into the one node it consists of, nil when it holds nothing but comments. The YAML understood is
// plain: mappings, lists and scalars. Anchors, aliases, tags and merge keys are refused: no configuration of this size
// needs them, and an alias can stand for a value a billion times its size. The problem has no File.
func parseYAML(text string) (node ast.Node, problem *Problem) {
	defer func() {
		// The parser is not ours; a file that makes it panic is a bad file and no more.
		if r := recover(); r != nil {
			node, problem = nil, &Problem{What: "is not YAML", Fix: "simplify the file: mappings, lists and plain values"}
		}
	}()
	if i := invalidUTF8(text); i >= 0 {
		line, column := position(text, i)
		return nil, &Problem{Line: line, Column: column, What: "is not UTF-8 text", Fix: "save the file as UTF-8"}
	}
	tokens := lexer.Tokenize(text)
	if p := refuse(tokens); p != nil {
		return nil, p
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxProblem(err)
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			return nil, problemAt(doc.Body.GetToken(), "a second YAML document", "keep one document in the file")
		}
		body = doc.Body
	}
	return body, nil
}

// refuse looks for what is beyond the bounds or the plain YAML understood here.
func refuse(tokens token.Tokens) *Problem {
	count, depth := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.CommentType:
			continue
		case token.AnchorType, token.AliasType, token.MergeKeyType:
			return problemAt(t, "YAML anchors, aliases and merge keys are not supported", "write the value out")
		case token.TagType, token.DirectiveType:
			return problemAt(t, "YAML tags and directives are not supported", "write the value without it")
		case token.SequenceStartType, token.MappingStartType:
			depth++
		case token.SequenceEndType, token.MappingEndType:
			depth--
		}
		count++
		if depth > maxDepth {
			return problemAt(t, fmt.Sprintf("brackets are nested deeper than %d", maxDepth), "no option needs that: close the brackets")
		}
		if count > maxTokens {
			return problemAt(t, fmt.Sprintf("the file has more than %d keys and values", maxTokens), "remove what is not configuration")
		}
	}
	return nil
}

func syntaxProblem(err error) *Problem {
	const fix = "correct the YAML syntax here or on the line before"
	var e yaml.Error
	if !errors.As(err, &e) || e.GetToken() == nil {
		return &Problem{What: "is not YAML: " + firstLine(err.Error()), Fix: fix}
	}
	return problemAt(e.GetToken(), "is not YAML: "+firstLine(e.GetMessage()), fix)
}

func problemAt(t *token.Token, what, fix string) *Problem {
	line, column := at(t)
	return &Problem{Line: line, Column: column, What: what, Fix: fix}
}

// at is the line and column of a token, zeros when it has none.
func at(t *token.Token) (line, column int) {
	if t == nil || t.Position == nil {
		return 0, 0
	}
	return t.Position.Line, t.Position.Column
}

// firstLine keeps a parser's message readable: it may quote as much of the file as it likes.
func firstLine(s string) string {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		s = s[:i]
	}
	const most = 200
	if runes := []rune(s); len(runes) > most {
		s = string(runes[:most]) + "..."
	}
	return s
}

func invalidUTF8(text string) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n <= 1 {
			return i
		}
		i += n
	}
	return -1
}

func position(text string, offset int) (line, column int) {
	before := text[:offset]
	line = 1 + strings.Count(before, "\n")
	return line, 1 + utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
}
