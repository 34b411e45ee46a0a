package gateway

import (
	"crypto/sha256"
	"io"
	"os"
)

// watchedFile tells when a file has got other content and has kept it for a
// moment: an editor may empty a file before it writes it, and an empty
// configuration is a valid one, with open access.
type watchedFile struct {
	path    string
	settled [sha256.Size]byte // what was last told of
	seen    [sha256.Size]byte // what the last look found
}

// watchFile begins with the content of now. An empty path never changes.
func watchFile(path string) *watchedFile {
	f := &watchedFile{path: path}
	f.settle()
	return f
}

// settle takes the content of now for known.
func (f *watchedFile) settle() {
	f.settled = f.sum()
	f.seen = f.settled
}

// changed is true once for each new content, when two looks have found it.
func (f *watchedFile) changed() bool {
	if f.path == "" {
		return false
	}
	now := f.sum()
	still := now == f.seen
	f.seen = now
	if !still || now == f.settled {
		return false
	}
	f.settled = now
	return true
}

// maxWatched is past what a configuration may be.
const maxWatched = 2 << 20

// sum is zero for a file that cannot be read.
func (f *watchedFile) sum() (sum [sha256.Size]byte) {
	if f.path == "" {
		return sum
	}
	file, err := os.Open(f.path)
	if err != nil {
		return sum
	}
	defer file.Close()
	h := sha256.New()
	if _, err := io.Copy(h, io.LimitReader(file, maxWatched)); err != nil {
		return sum
	}
	h.Sum(sum[:0])
	return sum
}
