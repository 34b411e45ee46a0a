// Package rtmp speaks RTMP to publishers and players: phones, ffmpeg, OBS,
// GStreamer, librtmp. A publisher feeds a [stream.Turn], a player is fed by a
// [stream.Reader].
//
// The handshake, the message syntax and AMF0 are go-rtmp's. The chunk layer, the
// session and the writing of media are ours, because a peer must not be able to
// cost more than its own connection and a bounded amount of memory.
//
//   - server.go listens, conn.go is one peer, session.go answers its commands;
//   - to_stream.go and from_stream.go are the only places that convert;
//   - chunk_reader.go and amf.go stand between the network and everything else;
//   - client.go is the other end, for relays, the demo and tests.
package rtmp
