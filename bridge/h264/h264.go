// Package h264 carries H.264 access units between RTMP, where they travel as
// length-prefixed NAL units behind an AVCDecoderConfigurationRecord (AVCC, ISO/IEC
// 14496-15), and WebRTC, where they travel as RTP payloads (RFC 6184).
//
// Towards browsers: SplitAVCC, ReorderFilter, Packetizer. From browsers: Unwrapper,
// JitterBuffer, Assembler, AppendAVCC. Config is what both sides know of the stream.
// Nothing here transcodes, starts a goroutine or reads a clock; no type is safe for
// use by several goroutines at once, except a Config, which nobody changes once made.
package h264

import "errors"

// Limits that keep hostile input from costing more than a real stream does.
const (
	// MaxAccessUnitSize bounds one access unit, in bytes.
	MaxAccessUnitSize = 4 << 20
	// MaxNALs bounds the NAL units of one access unit.
	MaxNALs = 2048
	// DefaultMaxPayload is the RTP payload size, in bytes, that leaves room for the
	// RTP header with extensions, SRTP, UDP and IPv6 in a 1280-byte packet.
	DefaultMaxPayload = 1188
)

// Errors that callers tell apart. The errors returned wrap these and say which thing, which
// value and what to do.
var (
	ErrRecord    = errors.New("h264: invalid AVCDecoderConfigurationRecord")
	ErrParameter = errors.New("h264: invalid parameter set")
	ErrNoSPS     = errors.New("h264: no sequence parameter set")
	ErrNoPPS     = errors.New("h264: no picture parameter set")
	ErrAVCC      = errors.New("h264: invalid AVCC access unit")
	ErrSlice     = errors.New("h264: invalid slice header")
)

// NAL unit types, ITU-T H.264 table 7-1, and the RTP ones of RFC 6184 section 5.2.
const (
	nalSlice      = 1
	nalPartitionA = 2
	nalPartitionC = 4
	nalIDR        = 5
	nalSEI        = 6
	nalSPS        = 7
	nalPPS        = 8
	nalAUD        = 9
	nalEndOfSeq   = 10
	nalEndOfStrm  = 11
	nalFiller     = 12
	nalSTAPA      = 24
	nalFUA        = 28
)

func nalType(nal []byte) byte {
	if len(nal) == 0 {
		return 0
	}
	return nal[0] & 0x1f
}

// nalRef is nal_ref_idc: 0 says that no later picture refers to this one.
func nalRef(nal []byte) byte { return nal[0] >> 5 & 3 }

// isVCL tells NAL units that hold picture data.
func isVCL(t byte) bool { return t >= nalSlice && t <= nalIDR }
