package gateway

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"hutong/gateway/config"
)

// nodeName is this process's name among those that share the state: the
// configured one, or one made up once and kept in the data directory, so that
// after a restart the node knows what its former life held.
func nodeName(cfg *config.Config) (string, error) {
	if cfg.State.Node != "" {
		return cfg.State.Node, nil
	}
	file := filepath.Join(cfg.DataDir, "node")
	b, err := os.ReadFile(file)
	if name := strings.TrimSpace(string(b)); err == nil && name != "" {
		return name, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("data_dir: reading %s: %w", file, err)
	}
	name := "node-" + strings.ToLower(rand.Text()[:8])
	if err := os.WriteFile(file, []byte(name+"\n"), 0o644); err != nil {
		return "", fmt.Errorf("data_dir: %w; name a directory the gateway may write", err)
	}
	return name, nil
}
