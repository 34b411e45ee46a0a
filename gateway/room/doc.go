// Package room is what a room is: who is in it, what they may change, what they
// said, and what everyone is told. It is pure: no network, no goroutine, and no
// clock but the instant handed in.
//
// A [Room] is one value that encodes to JSON. Operations leave it as it is and
// return the next one with the events that lead there, so that a caller can
// compare and set it in a store and announce the events once the store agreed.
// The revision grows by exactly one per event. Whoever holds the [View] of
// revision N and gets the events N+1 onwards, holds the current view: [Apply]
// is that step, and what a client does.
//
// Messages have an order of their own, [Message.Seq], and no revision: a private
// one would leave a gap in everybody else's.
package room
