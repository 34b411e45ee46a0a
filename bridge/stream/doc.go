// Package stream is the frame world's hub: it names streams, decides who
// publishes them, and hands every player the same immutable frames.
//
// A [Registry] maps names (`app/name`) to [Stream]s. A stream has two faces. Its
// frame face is a [Log] of frames that RTMP and HTTP-FLV players, the recorder
// and the ingress read through a [Reader] each. Its WebRTC face is an
// sfu.Source. Whichever side the publisher is on feeds its own face; the other
// face is fed by a [Crossing], which exists only while somebody wants it.
//
// A stream has one timeline. Its zero is the stream's creation, and media times
// are durations since then; they go on across publishers.
package stream
