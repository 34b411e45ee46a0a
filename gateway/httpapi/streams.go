package httpapi

import (
	"math"
	"net"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"hutong/bridge/stream"
)

// streamJSON is one stream in GET /api/v1/streams. Bitrates are bits per second.
type streamJSON struct {
	Name      string         `json:"name"`
	State     string         `json:"state"` // live, interrupted
	Since     time.Time      `json:"since"`
	Publisher *publisherJSON `json:"publisher"`
	Video     *videoJSON     `json:"video"`
	Audio     *audioJSON     `json:"audio"`
	Players   map[string]int `json:"players"`
	BytesIn   int64          `json:"bytesIn"`
	BytesOut  int64          `json:"bytesOut"`
	Dropped   int64          `json:"framesDropped"`
}

type publisherJSON struct {
	Protocol string    `json:"protocol"`
	Remote   string    `json:"remote"`
	Since    time.Time `json:"since"`
}

type videoJSON struct {
	Codec   string  `json:"codec"`
	Profile string  `json:"profile"`
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	FPS     float64 `json:"fps"`
	Bitrate int64   `json:"bitrate"`
	BFrames string  `json:"bFrames"`
}

type audioJSON struct {
	Codec      string `json:"codec"`
	SampleRate int    `json:"sampleRate"`
	Channels   int    `json:"channels"`
	Bitrate    int64  `json:"bitrate"`
}

func (s *Server) listStreams(c *fiber.Ctx) error {
	if err := s.admin(c); err != nil {
		return s.refuseRoomCall(c, err)
	}
	list := []streamJSON{}
	for _, st := range s.Streams.Streams() {
		list = append(list, describe(st))
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(fiber.Map{"streams": list})
}

func describe(s *stream.Stream) streamJSON {
	st := s.Stats()
	out := streamJSON{Name: st.Name, State: "interrupted", Since: st.Since.UTC(), BytesIn: st.BytesIn, BytesOut: st.BytesOut, Dropped: st.Dropped,
		Players: map[string]int{"rtmp": st.Players["rtmp"], "flv": st.Players["flv"], "whep": st.Players["whep"]}}
	if st.Live {
		out.State = "live"
		out.Publisher = &publisherJSON{Protocol: st.Protocol, Remote: st.Remote, Since: st.PublishedAt.UTC()}
	}
	if v := st.Video; v != nil {
		out.Video = &videoJSON{Codec: "H264", Profile: v.Profile, Width: v.Width, Height: v.Height,
			FPS: math.Round(v.FPS*10) / 10, Bitrate: int64(st.VideoBitrate), BFrames: v.BFrames}
	}
	if a := st.Audio; a != nil {
		out.Audio = &audioJSON{Codec: a.Codec, SampleRate: a.SampleRate, Channels: a.Channels, Bitrate: int64(st.AudioBitrate)}
	}
	return out
}

// settings is what the page needs to know before it does anything.
func (s *Server) settings(c *fiber.Ctx) error {
	base := s.Config.HTTP.PublicURL
	if base == "" {
		base = c.BaseURL()
	}
	c.Set(fiber.HeaderCacheControl, "no-store")
	return c.JSON(fiber.Map{"version": s.Version, "auth": s.live().Auth.Mode, "rooms": s.Members != nil, "simulcast": s.live().WebRTC.Simulcast,
		"iceServers": s.iceServers(), "http": base,
		"rtmp": rtmpURL(hostOf(base), s.Config.RTMP.Address)})
}

// hostOf returns the host of a base URL, without its port.
func hostOf(base string) string {
	_, host, _ := strings.Cut(base, "://")
	if h, _, err := net.SplitHostPort(host); err == nil {
		return h
	}
	return strings.Trim(host, "[]")
}

// rtmpURL is where phones find the RTMP listener: at the host the page came
// from, with the listener's port unless it is the protocol's own.
func rtmpURL(host, listen string) string {
	_, port, err := net.SplitHostPort(listen)
	if err != nil || port == "1935" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return "rtmp://" + host
	}
	return "rtmp://" + net.JoinHostPort(host, port)
}
