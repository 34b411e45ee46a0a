package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Imports go down only: cmd -> gateway -> bridge -> sfu; web is the gateway's
// alone.
func TestFloors(t *testing.T) {
	may := map[string][]string{
		"sfu":     {"sfu"},
		"bridge":  {"sfu", "bridge"},
		"web":     {},
		"gateway": {"sfu", "bridge", "web", "docs", "gateway"},
		"cmd":     {"sfu", "bridge", "gateway", "cmd"},
	}
	root := filepath.Join("..", "..")
	files := 0
	for floor, allowed := range may {
		err := filepath.WalkDir(filepath.Join(root, floor), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.Contains(path, "node_modules") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			files++
			for _, i := range f.Imports {
				name, _ := strconv.Unquote(i.Path.Value)
				name, ours := strings.CutPrefix(name, "hutong/")
				if !ours {
					continue
				}
				target, _, _ := strings.Cut(name, "/")
				if !slices.Contains(allowed, target) {
					t.Errorf("%s imports hutong/%s; %s may import only %v", path, name, floor, allowed)
				}
				if strings.HasSuffix(name, "testmedia") && !strings.HasSuffix(path, "_test.go") && floor != "gateway" && !strings.Contains(path, "testmedia") {
					t.Errorf("%s imports hutong/%s, which is for tests", path, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 50 {
		t.Errorf("only %d Go files were looked at", files)
	}
}
