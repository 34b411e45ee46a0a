// Package flv writes and reads FLV, the container of HTTP-FLV: the tags of
// Annex E of the Video File Format Specification 10.1. [ServeConn] plays a stream
// to one HTTP-FLV player.
package flv
