// Package rooms is the service that rooms are used through: the pure values of
// gateway/room, kept by compare-and-set in gateway/store, told to everybody who
// is in them, and held against what is really published here.
//
// The store has the truth. A change is written first, then announced on a
// subject that every node hears. Announcements may be lost or overtake each
// other; revisions put them in order, and the watch of the store shows what was
// lost. Every node keeps an index of all rooms, fed by that watch. It says whose
// a stream is, who is to expire and what is behind; decisions are made on the
// store alone.
package rooms
