package sfu

import (
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"
)

// chooseCodec picks the one codec of a section: constrained baseline H.264 in
// packetization mode 1 first, Opus for audio.
func chooseCodec(m *sdp.MediaDescription, kind Kind, publishing bool) (webrtc.RTPCodecParameters, uint8, bool) {
	fmtp := map[string]string{}
	for _, a := range m.Attributes {
		if a.Key == "fmtp" {
			if pt, params, ok := strings.Cut(a.Value, " "); ok {
				fmtp[pt] = params
			}
		}
	}
	var best, bestPT string
	bestRank := -1
	rtx := map[string]string{} // media payload type to its retransmission's
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" {
			continue
		}
		pt, encoding, _ := strings.Cut(a.Value, " ")
		name, _, _ := strings.Cut(encoding, "/")
		if !slices.Contains(m.MediaName.Formats, pt) {
			continue
		}
		rank := -1
		switch {
		case strings.EqualFold(name, "rtx"):
			rtx[parameter(fmtp[pt], "apt")] = pt
		case kind == Video && strings.EqualFold(encoding, "H264/90000"):
			rank = rankH264(fmtp[pt], publishing)
		case kind == Audio && strings.EqualFold(encoding, "opus/48000/2"):
			rank = 0
		}
		if rank > bestRank {
			best, bestPT, bestRank = fmtp[pt], pt, rank
		}
	}
	pt, err := strconv.ParseUint(bestPT, 10, 7)
	if err != nil {
		return webrtc.RTPCodecParameters{}, 0, false
	}
	codec := webrtc.RTPCodecParameters{PayloadType: webrtc.PayloadType(pt)}
	codec.SDPFmtpLine = best
	codec.ClockRate = kind.clockRate()
	if kind == Audio {
		codec.MimeType, codec.Channels = webrtc.MimeTypeOpus, 2

		return codec, 0, true
	}
	codec.MimeType = webrtc.MimeTypeH264
	apt, err := strconv.ParseUint(rtx[bestPT], 10, 7)
	if err != nil {
		apt = 0
	}

	return codec, uint8(apt), true
}

// rankH264 orders H.264 formats by how widely they are decoded; -1 is unusable.
// A player must take packetization mode 1, since that is what streams are in.
func rankH264(fmtp string, publishing bool) int {
	rank := 0
	switch profile := strings.ToLower(parameter(fmtp, "profile-level-id")); {
	case strings.HasPrefix(profile, "42e0"), strings.HasPrefix(profile, "42c0"):
		rank = 4
	case profile == "", strings.HasPrefix(profile, "42"):
		rank = 3
	case strings.HasPrefix(profile, "4d"):
		rank = 2
	case strings.HasPrefix(profile, "64"):
		rank = 1
	}
	if parameter(fmtp, "packetization-mode") == "1" {
		return rank + 10
	}
	if publishing {
		return rank
	}

	return -1
}

// parameter finds one value in an a=fmtp parameter list.
func parameter(fmtp, name string) string {
	for _, item := range strings.Split(fmtp, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(item), "=")
		if strings.EqualFold(key, name) {
			return strings.TrimSpace(value)
		}
	}

	return ""
}
