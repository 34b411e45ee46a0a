// Package testmedia is the kit with which tests prove that media crossed the
// gateway unharmed. It is imported by tests alone and knows nothing of hutong.
//
// Every picture it makes carries a machine-readable strip (a frame counter with
// a checksum) and a field of blocks derived from that counter, so that a reader
// at the far end can tell which picture it sees, that none is missing, and that
// no part of it is damaged or concealed. Every sound is a known tone, or a beep
// that starts together with a flash in the picture.
//
// The tools are real: ffmpeg, ffprobe, rtmpdump, gst-launch-1.0 and chromium are
// expected on the PATH, and a test fails when one is missing.
package testmedia
