package main

import (
	"strconv"
)

// measure is one of the suite's runs of this binary.
type measure struct {
	name      string
	alone     bool
	publisher func(*server) []string
	args      func(*server) []string
}

const (
	benchStream = "bench"
	standard    = "?path=standard"
)

func (s *suite) measures() []measure {
	r := s.recordings
	players := func(full, quick int) string {
		if s.quick {
			return strconv.Itoa(quick)
		}
		return strconv.Itoa(full)
	}
	by := func(full, quick string) string {
		if s.quick {
			return quick
		}
		return full
	}
	seconds := func(full, quick int) string { return players(full, quick) + "s" }
	push := func(srv *server) []string { return []string{"push", "-url", srv.rtmpURL(benchStream), "-file", r.flv} }
	whip := func(srv *server) []string {
		return []string{"whip", "-url", srv.whipURL(benchStream), "-file", r.h264, "-ogg", r.ogg}
	}
	load := func(cmd, n string, url func(*server) string) func(*server) []string {
		return func(srv *server) []string {
			return []string{cmd, "-n", n, "-url", url(srv), "-pid", strconv.Itoa(srv.pid()), "-dur", "4s",
				"-settle", "1500ms", "-ramp", "6"}
		}
	}
	whep := func(srv *server) string { return srv.whepURL(benchStream) }
	flv := func(srv *server) string { return srv.flvURL(benchStream) }
	rtmp := func(srv *server) string { return srv.rtmpURL(benchStream) }
	merged := func(url func(*server) string) func(*server) string {
		return func(srv *server) string { return url(srv) + standard }
	}
	latency := func(in func(*server) string, file, ogg string) func(*server) []string {
		return func(srv *server) []string {
			args := []string{"latency", "-in", in(srv), "-file", file, "-out", whep(srv), "-out", flv(srv), "-out", rtmp(srv),
				"-warm", seconds(3, 2), "-settle", seconds(4, 2), "-dur", seconds(10, 5)}
			if ogg != "" {
				args = append(args, "-ogg", ogg)
			}
			return args
		}
	}
	in := func(srv *server) string { return srv.whipURL(benchStream) }
	// A WebRTC player is watched until it has caught up with the live edge; the others are there at once.
	join := func(from, out func(*server) string, watch, file, ogg string) func(*server) []string {
		return func(srv *server) []string {
			args := []string{"join", "-in", from(srv), "-out", out(srv), "-file", file, "-n", players(10, 3), "-watch", watch,
				"-warm", seconds(5, 3)}
			if ogg != "" {
				args = append(args, "-ogg", ogg)
			}
			return args
		}
	}
	crossing := func(in, near, far func(*server, string) string, file, ogg string) func(*server) []string {
		return func(srv *server) []string {
			args := []string{"crossing", "-in", in(srv, "x{i}"), "-near", near(srv, "x{i}"), "-far", far(srv, "x{i}"),
				"-pid", strconv.Itoa(srv.pid()), "-file", file, "-settle", seconds(4, 2), "-dur", seconds(8, 3),
				"-streams", players(4, 2)}
			if ogg != "" {
				args = append(args, "-ogg", ogg)
			}
			return args
		}
	}
	rooms := func(kind, steps string) func(*server) []string {
		return func(*server) []string {
			return []string{"rooms", "-server", s.server, "-kind", kind, "-steps", steps, "-dur", "4s"}
		}
	}
	return []measure{
		{name: "startup", alone: true, args: func(*server) []string {
			return []string{"startup", "-server", s.server, "-runs", players(5, 2)}
		}},
		{name: "latency-rtmp", args: latency(rtmp, r.flv, "")},
		{name: "latency-whip", args: latency(in, r.h264, r.ogg)},
		{name: "onset-rtmp", args: latency(rtmp, r.burstFLV, "")},
		{name: "onset-whip", args: latency(in, r.burstH264, r.burst)},
		{name: "join-whep-rtmp", args: join(rtmp, whep, "2500ms", r.flv, "")},
		{name: "join-whep-whip", args: join(in, whep, "2500ms", r.h264, r.ogg)},
		{name: "join-flv-rtmp", args: join(rtmp, flv, "1s", r.flv, "")},
		{name: "join-rtmp-rtmp", args: join(rtmp, rtmp, "1s", r.flv, "")},
		{name: "crossing-rtmp", args: crossing((*server).rtmpURL, (*server).flvURL, (*server).whepURL, r.flv, "")},
		{name: "crossing-whip", args: crossing((*server).whipURL, (*server).whepURL, (*server).flvURL, r.h264, r.ogg)},
		{name: "whep-rtmp", publisher: push, args: load("whep", by("1,10,100,150,500,1000,1500", "1,30"), whep)},
		{name: "whep-whip", publisher: whip, args: load("whep", by("1,10,100,300,500,1000", "1,40"), whep)},
		{name: "flv-live", publisher: push, args: load("flv", by("1,10,100,500,1000,4000", "100"), flv)},
		{name: "flv-standard", publisher: push, args: load("flv", by("500", "100"), merged(flv))},
		{name: "rtmp-live", publisher: push, args: load("rtmp", by("1,10,100,500,1000", "100"), rtmp)},
		{name: "rtmp-standard", publisher: push, args: load("rtmp", by("500", "100"), merged(rtmp))},
		{name: "rooms-call", alone: true, args: rooms(mediaCall, by("1,10,20,30", "1,3"))},
		{name: "rooms-video", alone: true, args: rooms(mediaVideo, by("1,10,50,200", "5"))},
		{name: "rooms-none", alone: true, args: rooms(mediaNone, by("1,200", "20"))},
	}
}
