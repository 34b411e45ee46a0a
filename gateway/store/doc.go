// Package store keeps the gateway's durable and shared state, and carries short
// events between its nodes. There is one engine, NATS JetStream: inside this
// process with files under a directory and no listening socket, or elsewhere,
// alone or clustered. What is above this package sees no difference: one node
// is a cluster of one.
//
// State is key-values in buckets, and every change of one is a compare-and-set
// on its revision: [Change] is the loop that most callers want. Events are
// published on subjects, reach the nodes that subscribe at that moment, and are
// kept nowhere.
//
// Keys and subjects are paths such as rooms/r42. Every call ends within a few
// seconds, whatever the network does.
package store
