package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// lockDir keeps a second process from writing the same files: the engine itself
// would let it, and both would lose. Windows does not remove a file that a
// process has open, so one that can be removed is nobody's.
func lockDir(dir string) (*os.File, error) {
	name := filepath.Join(dir, "lock")
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is locked by another gateway: %w; stop that one or set another data_dir", ErrInUse, dir, err)
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state directory %s: %w; name a directory the gateway may write", dir, err)
	}
	return f, nil
}
