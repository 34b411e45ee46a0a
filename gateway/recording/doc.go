// Package recording decides what is recorded, and looks after recordings: it
// begins and ends them by rule and on demand, keeps their index in the store,
// brings files to where they are to be kept, makes composites, and deletes what
// nobody has to keep any more. What is in a recording, and that it is true, is
// bridge/record's.
//
// A recording is of one room, and so of a call, or of one stream. It belongs to
// the node whose publishers it has and on whose disk it is written.
package recording
