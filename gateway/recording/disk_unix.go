//go:build linux || darwin || freebsd

package recording

import "golang.org/x/sys/unix"

// space is what is free for us on the disk of a directory, and all of it, in
// bytes.
func space(dir string) (free, total uint64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, err
	}
	return uint64(st.Bavail) * uint64(st.Bsize), uint64(st.Blocks) * uint64(st.Bsize), nil
}
