package gateway

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFileThatIsBeingWrittenIsNotReadYet(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("auth: {mode: token}")
	f := watchFile(path)
	steps := []struct {
		what   string
		do     func()
		change bool
	}{
		{"as it was", func() {}, false},
		{"emptied", func() { write("") }, false},
		{"written", func() { write("auth: {mode: token} # new") }, false},
		{"as it was a look ago", func() {}, true},
		{"still", func() {}, false},
		{"touched", func() { write("auth: {mode: token} # new") }, false},
		{"still the same", func() {}, false},
		{"gone", func() { os.Remove(path) }, false},
		{"still gone", func() {}, true},
		{"told once", func() {}, false},
		{"back", func() { write("auth: {mode: token} # new") }, false},
		{"stays", func() {}, true},
		{"read because of a signal", func() { write("x"); f.settle() }, false},
		{"and not again", func() {}, false},
	}
	for _, s := range steps {
		s.do()
		if got := f.changed(); got != s.change {
			t.Fatalf("%s: changed is %v, want %v", s.what, got, s.change)
		}
	}
	if watchFile("").changed() {
		t.Error("no file has changed")
	}
}
