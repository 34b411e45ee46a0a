// Package rawtcp reads and writes TCP connections by system calls that do not
// wait and of which Go's scheduler takes no notice.
//
// The scheduler prepares each ordinary system call for the case that it blocks;
// on a machine that is not busy this starts its monitor thread anew for every
// packet, which costs more than a small packet does. Where there is nothing to
// read, the goroutine waits as with an ordinary read. On other systems than Linux
// everything is done in the ordinary way.
package rawtcp

// MaxBlocks is how many blocks one TryWritev takes.
const MaxBlocks = 64
