package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// checkFiles checks what the options say about the file system: certificates load, and the data directory exists or
// can be made.
func (l *loader) checkFiles() {
	l.certificate("http.tls", l.cfg.HTTP.TLS)
	l.certificate("rtmp.tls", TLS{l.cfg.RTMP.TLS.Cert, l.cfg.RTMP.TLS.Key})
	l.weappFiles()
	if dir := l.cfg.DataDir; dir != "" {
		if err := writable(dir); err != nil {
			l.fault("data_dir", dir, "cannot be used: "+err.Error(), "write the path of a directory that the gateway may create and write to")
		}
	}
}

func (l *loader) certificate(section string, t TLS) {
	missing := false
	for _, f := range []struct{ key, path, what string }{
		{".cert", t.Cert, "certificate chain"},
		{".key", t.Key, "private key"},
	} {
		if f.path == "" {
			missing = true
			continue
		}
		file, err := os.Open(f.path)
		if err != nil {
			l.fault(section+f.key, f.path, "cannot be read: "+reason(err), "write the path of the PEM file with the "+f.what)
			missing = true
			continue
		}
		file.Close()
	}
	if missing {
		return
	}
	if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		l.fault(section+".cert", t.Cert, fmt.Sprintf("is no pair with %s.key (%s): %s", section, t.Key, firstLine(reason(err))),
			"name a PEM certificate chain and the private key that belongs to it")
	}
}

// writable finds out whether dir, or the nearest directory above it that exists, can be written to, by making a file
// there for a moment: permission bits alone do not tell of read-only file systems.
func writable(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && !info.IsDir():
			return fmt.Errorf("%s is not a directory", dir)
		case err == nil:
			f, err := os.CreateTemp(dir, ".hutong-check-*")
			if err != nil {
				return fmt.Errorf("%s: %s", dir, reason(err))
			}
			f.Close()
			return os.Remove(f.Name())
		case !errors.Is(err, fs.ErrNotExist):
			return fmt.Errorf("%s: %s", dir, reason(err))
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return fs.ErrNotExist
		}
		dir = parent
	}
}
