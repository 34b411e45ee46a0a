package sfu

import "errors"

var (
	// ErrClosed says that the SFU, the Source, the peer or the Tap has been closed.
	ErrClosed = errors.New("sfu: closed")

	// ErrSourceClosed is what [Subscriber.Err] and [Publisher.Err] say when the
	// Source they belonged to was closed.
	ErrSourceClosed = errors.New("sfu: the stream has ended")

	// ErrBadOffer is wrapped by every error about an offer or an ICE fragment
	// that cannot be used; the text says what is wrong and what would do.
	ErrBadOffer = errors.New("sfu: unusable offer")

	// ErrOtherPeer says that an offer is not of the PeerConnection it was given
	// for: its session or its DTLS fingerprint is another.
	ErrOtherPeer = errors.New("sfu: the offer is of another PeerConnection; publish it anew")

	// ErrBadAnswer is wrapped by every error about an answer to a [Viewer]'s
	// offer that cannot be used.
	ErrBadAnswer = errors.New("sfu: unusable answer")

	// ErrTooManySources is wrapped when a [Viewer] is to show more than it can.
	ErrTooManySources = errors.New("sfu: the viewer has all the sources it can have")

	// ErrNoH264 is wrapped when an offer has video but no H.264 this SFU can
	// use (RFC 6184, packetization-mode=1).
	ErrNoH264 = errors.New("sfu: the offer has video without H.264")

	// ErrHandshakeTimeout says that ICE and DTLS did not finish in time.
	ErrHandshakeTimeout = errors.New("sfu: the peer did not connect in time")

	// ErrPeerLost says that the peer went away without saying so.
	ErrPeerLost = errors.New("sfu: connection to the peer was lost")
)
