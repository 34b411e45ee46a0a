package main

import (
	"fmt"
	"strings"
)

// growth is what follows the table: how costs change as players and rooms are added.
func growth(lines []line, plots []string) string {
	var b strings.Builder
	b.WriteString("\n### Growth\n\nEach row is one gateway with more and more players of one stream, or more and more rooms; `bin/hutong-bench suite -from` draws the plots anew.\n\n")
	for _, file := range plots {
		for _, c := range charts {
			if c.file == file {
				fmt.Fprintf(&b, "![%s](bench/%s)\n", c.title, file)
			}
		}
	}
	for _, part := range []struct {
		title, measure string
		columns        [][2]string
	}{
		{"WHEP players, from RTMP", "whep-rtmp", playerColumns},
		{"WHEP players, from WHIP", "whep-whip", playerColumns},
		{"HTTP-FLV players, live path", "flv-live", playerColumns},
		{"RTMP players, live path", "rtmp-live", playerColumns},
		{"Rooms of two: a phone by RTMP, a browser; pictures and sound", "rooms-call", roomColumns},
		{"The same, pictures only", "rooms-video", roomColumns},
		{"The same, nobody sends", "rooms-none", roomColumns[:4]},
	} {
		rows := 0
		for _, l := range lines {
			if l["measure"] != part.measure || l["error"] != nil {
				continue
			}
			if rows++; rows == 1 {
				fmt.Fprintf(&b, "\n**%s**\n\n", part.title)
				for _, c := range part.columns {
					fmt.Fprintf(&b, "| %s ", c[0])
				}
				b.WriteString("|\n" + strings.Repeat("|---", len(part.columns)) + "|\n")
			}
			for _, c := range part.columns {
				if v, ok := l.number(c[1]); ok {
					fmt.Fprintf(&b, "| %s ", number(v))
				} else {
					b.WriteString("| ")
				}
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}

var (
	playerColumns = [][2]string{{"players", "n"}, {"us a packet", "cpu_us_packet"}, {"ms a player-second", "cpu_ms_player_s"},
		{"ms a Mbit", "cpu_ms_mbit"}, {"% of a core", "cpu_pct"}, {"KB a player", "rss_kb_player"}, {"loss %", "loss_pct"}, {"% of the machine idle", "machine_idle_pct"}}
	roomColumns = [][2]string{{"rooms", "rooms"}, {"ms a room and second", "cpu_ms_room_s"}, {"% of a core", "cpu_pct"}, {"MB of memory", "rss_mb"},
		{"join p50, ms", "join_ms_p50"}, {"p95", "join_ms_p95"}, {"frames a second", "frames_s_player"}, {"% of the machine idle", "machine_idle_pct"}}
)
