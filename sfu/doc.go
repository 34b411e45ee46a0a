// Package sfu forwards WebRTC media: it takes one publisher's H.264 video and
// Opus audio and sends them to every subscriber.
//
// A [Source] is the meeting point. Publishers take turns on it, each turn being
// a [Feed]; players subscribe to it and notice no more of a change of publisher
// than a keyframe. A Feed is written either by a [Publisher], which is one
// receiving PeerConnection, or by the caller with frames it already holds as
// RTP payloads ([Feed.WriteFrame]). A [Subscriber] is one sending
// PeerConnection that plays one Source and was offered by the player; a
// [Viewer] is one that plays many, which come and go, and makes the offers. A
// [Tap] reads the packets of a Source without WebRTC.
//
// The fan-out keeps every packet once, in a ring per track, and a subscriber is
// little more than a position in it, a sequence number offset and an SSRC.
// Subscribers are spread over a few goroutines (shards); within one subscriber
// packets keep their order. A new subscriber starts from the cached group of
// pictures where there is one, and a slow one loses its own frames up to the
// next keyframe without holding up another.
//
// A publisher may send its video in up to three layers (simulcast). Each has a
// ring of its own, all on one timeline, and the Source's own video is made of
// the best layer at the time. A Viewer's player follows the layer that suits
// its tile and its link; it changes at a keyframe, without a gap in its
// sequence numbers.
package sfu
