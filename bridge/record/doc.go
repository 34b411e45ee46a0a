// Package record writes streams to disk so that nothing is lost and everything
// can be proved.
//
// A [Recording] is a directory: one fragmented MP4 after another for each stream
// (H.264 and AAC as they came), a journal of what happened, and in the end a
// signed [Manifest]. A fragment of half a second is written and synced as a whole,
// so that a file plays up to its last fragment whatever happens to the process or
// the power. [Recover] mends what a crash has left.
//
// All streams of a recording are placed on one clock: the wall clock read once,
// continued by the monotonic one. See [Clock].
package record
