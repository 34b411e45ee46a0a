// Package seal encrypts outgoing RTP without pion's write path: what a fan-out
// sends to each player is sealed in the place from which the kernel takes it.
//
// A [Handshake] overhears the DTLS handshake of one connection and, where we are
// its server and AES-GCM was agreed (RFC 7714), gives the [Session] whose
// [Stream]s seal what pion would. Where it gives none, send through pion.
//
// AES-GCM loses all of its strength when one nonce seals two packets. The nonce
// is made of SSRC and packet index, so each SSRC has one owner for the life of
// the connection: pion must send no RTP on an SSRC that [Session.Stream] has
// given out. A Stream takes every index once; a retransmission leaves only if it
// is the very packet that was sent before.
package seal
