// Package mix makes one stream of several: the pictures and voices of a live
// room's anchor and of those linked with the anchor, for the room's audience.
//
// A [Mixer] keeps one mix for each output, which is the anchor's stream. The
// mixed frames are that stream's composition (stream.Composition): its audience
// goes over to it and comes back without reconnecting, and everybody else gets
// the anchor's own frames as before.
//
// # Time
//
// A mix runs on its anchor's timeline. Each input has a clock (clock.go) that
// learns from arrivals when its media is due: late enough that jitter does no
// harm, at one delay for pictures and sound. What is due at the same instant is
// shown and heard together. Clocks that drift against the anchor's are followed
// slowly, and the voices stretched to fit.
//
// # Voices
//
// AAC is decoded here, put in place to the sample, summed, limited and encoded
// again (voice.go, limiter.go, sound.go). What is missing is silence with short
// fades. This needs no other program.
//
// # Pictures
//
// H.264 is decoded and encoded by ffmpeg: one process for each input that puts
// out pictures of the size of its tile, and one that encodes. They are laid over
// each other in between (picture.go), at a steady rate, from whatever is newest.
// So an input that stalls, leaves, or changes its size concerns its own tile
// alone. Processes have their limits (process.go), are started when there is
// somebody to mix and stopped when there is not. While none encodes, the anchor's
// own pictures are passed on, from the same timeline.
package mix
