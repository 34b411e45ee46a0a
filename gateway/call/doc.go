// Package call is what a call to a queue is: its states, who takes part, who
// gets whose media, and which agent it rings at. It is pure: no network, no
// goroutine, and no clock but the instant handed in.
//
// A [Call] and an [Agent] are values that encode to JSON, kept apart so that a
// busy desk does not write one large record. Operations leave a value as it is
// and return the next one. Two rules keep the records in step without a lock
// over both. An agent is first reserved, then the call names the agent; the call
// first lets go, then the agent is released. And a reservation is for one
// revision of the call: naming an agent demands that revision, so that whoever
// sees a later revision without the agent knows that it will never come.
package call
