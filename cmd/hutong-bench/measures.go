package main

import (
	"strconv"
)

// measure is one of the suite's runs of this binary.
type measure struct {
	name      string
	rounds    int // with -full; one with -quick
	alone     bool
	publisher func(*server) []string
	args      func(*server) []string
}

func (m measure) repeats(quick bool) int {
	if quick {
		return 1
	}
	return max(m.rounds, 1)
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
	seconds := func(full, quick int) string { return players(full, quick) + "s" }
	push := func(srv *server) []string { return []string{"push", "-url", srv.rtmpURL(benchStream), "-file", r.flv} }
	whip := func(srv *server) []string {
		return []string{"whip", "-url", srv.whipURL(benchStream), "-file", r.h264, "-ogg", r.ogg}
	}
	load := func(cmd, n string, url func(*server) string) func(*server) []string {
		return func(srv *server) []string {
			return []string{cmd, "-n", n, "-url", url(srv), "-pid", strconv.Itoa(srv.pid()), "-dur", seconds(20, 6),
				"-ramp", "6"}
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
				"-dur", seconds(30, 8)}
			if ogg != "" {
				args = append(args, "-ogg", ogg)
			}
			return args
		}
	}
	in := func(srv *server) string { return srv.whipURL(benchStream) }
	join := func(from, out func(*server) string, file, ogg string) func(*server) []string {
		return func(srv *server) []string {
			args := []string{"join", "-in", from(srv), "-out", out(srv), "-file", file, "-n", players(20, 6)}
			if ogg != "" {
				args = append(args, "-ogg", ogg)
			}
			return args
		}
	}
	crossing := func(in, near, far func(*server, string) string, file, ogg string) func(*server) []string {
		return func(srv *server) []string {
			args := []string{"crossing", "-in", in(srv, "x{i}"), "-near", near(srv, "x{i}"), "-far", far(srv, "x{i}"),
				"-pid", strconv.Itoa(srv.pid()), "-file", file, "-dur", seconds(15, 5), "-streams", players(4, 2)}
			if ogg != "" {
				args = append(args, "-ogg", ogg)
			}
			return args
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
		{name: "join-whep-rtmp", args: join(rtmp, whep, r.flv, "")},
		{name: "join-whep-whip", args: join(in, whep, r.h264, r.ogg)},
		{name: "join-flv-rtmp", args: join(rtmp, flv, r.flv, "")},
		{name: "join-rtmp-rtmp", args: join(rtmp, rtmp, r.flv, "")},
		{name: "crossing-rtmp", args: crossing((*server).rtmpURL, (*server).flvURL, (*server).whepURL, r.flv, "")},
		{name: "crossing-whip", args: crossing((*server).whipURL, (*server).whepURL, (*server).flvURL, r.h264, r.ogg)},
		{name: "whep-rtmp", rounds: 3, publisher: push, args: load("whep", players(150, 30), whep)},
		{name: "whep-whip", rounds: 3, publisher: whip, args: load("whep", players(300, 40), whep)},
		{name: "flv-live", rounds: 3, publisher: push, args: load("flv", players(500, 100), flv)},
		{name: "flv-standard", rounds: 3, publisher: push, args: load("flv", players(500, 100), merged(flv))},
		{name: "rtmp-live", rounds: 3, publisher: push, args: load("rtmp", players(500, 100), rtmp)},
		{name: "rtmp-standard", rounds: 3, publisher: push, args: load("rtmp", players(500, 100), merged(rtmp))},
	}
}
