package auth

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

func TestSecretFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token_secret")
	var group sync.WaitGroup
	got := make([]string, 8)
	for i := range got {
		group.Go(func() {
			var err error
			if got[i], err = SecretFile(path); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, s := range got {
		if s != got[0] || len(s) < 32 {
			t.Fatalf("secrets are %q: want the same for everybody", got)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("left %v behind", files)
	}
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := SecretFile(path); err == nil {
		t.Errorf("a short secret was taken: %q", s)
	}
	if s, err := SecretFile(filepath.Join(path, "no", "folder")); err == nil {
		t.Errorf("without a folder: %q", s)
	}
}
