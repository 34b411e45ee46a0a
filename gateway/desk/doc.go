// Package desk is the customer-service desk: the pure values of gateway/call,
// kept by compare-and-set in gateway/store, routed to agents, given rooms, and
// written down when they end. It knows no media: who is in a call's room and who
// gets whose media is what it decides, gateway/rooms and gateway/session do it.
//
// The store has the truth. Each node keeps an index of calls and agents, fed by a
// watch, which is what lists, events and routing are made from; decisions are
// made on the store alone, and every node may make them. flow.go has the one
// thing that needs two records.
package desk
