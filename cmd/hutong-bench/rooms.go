package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/fasthttp/websocket"
)

// What the two members of a room send.
const (
	mediaNone  = "none"  // both sit in the room, with their WebSockets
	mediaVideo = "video" // pictures both ways
	mediaCall  = "call"  // pictures and sound both ways
)

const (
	roomJoinWait = 10 * time.Second
	roomSettle   = 2 * time.Second
	// roomsEmpty is how long after the last has left memory is read: crossings linger, rooms have a grace period, and an idle
	// process collects its garbage every two minutes.
	roomsEmpty = 200 * time.Second
	// roomsSpare is the least percentage of the machine that must be idle for a step to be followed by a larger one.
	roomsSpare = 8
)

// runRooms fills a gateway with rooms of two, a phone and a browser, step by step, and measures after each step what a room costs.
// It stops early, saying so, when the machine has nothing left.
func runRooms(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("rooms", flag.ContinueOnError)
	bin := fs.String("server", defaultServer(), "the gateway's binary")
	counts := steps{1, 10, 50, 100, 200}
	fs.Var(&counts, "steps", "numbers of rooms, which grow")
	media := fs.String("kind", mediaCall, "what the two send: none, video or call")
	dur := fs.Duration("dur", 8*time.Second, "measured time of each step")
	after := fs.Bool("after", false, "have all leave at the end, and measure what stays")
	cache := fs.String("media", "", "directory of the recordings (default: the user's cache directory)")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if *media != mediaNone && *media != mediaVideo && *media != mediaCall {
		return fmt.Errorf("%w: -kind %q, want none, video or call", errUsage, *media)
	}
	r, err := record(ctx, *cache)
	if err != nil {
		return err
	}
	srv, err := startServer(ctx, *bin)
	if err != nil {
		return err
	}
	l := &roomsLoad{server: srv, kind: *media, by: &sweeper{every: lazyDefault}, client: &http.Client{Timeout: 10 * time.Second}}
	err = l.load(r)
	if err == nil {
		err = l.grow(ctx, counts, *dur, *after)
	}
	return errors.Join(err, srv.stop())
}

// roomsLoad is the people of all rooms.
type roomsLoad struct {
	server *server
	kind   string
	tags   []tag
	page   whipSource
	by     *sweeper
	client *http.Client
	wg     sync.WaitGroup

	mu      sync.Mutex
	players []player
	joins   []float64 // ms until a browser shows the phone
	ended   error     // the first of those who should have stayed
}

func (l *roomsLoad) load(r recordings) (err error) {
	ogg := r.talkOgg
	if l.tags, err = readFLVFile(r.talkFLV); err != nil {
		return err
	}
	if l.kind == mediaVideo {
		ogg = ""
		kept := l.tags[:0]
		for _, t := range l.tags {
			if t.kind != tagAudio {
				kept = append(kept, t)
			}
		}
		l.tags = kept
	}
	l.page.fps = talkRate
	return l.page.load(r.talkH264, ogg)
}

func (l *roomsLoad) grow(ctx context.Context, steps []int, dur time.Duration, after bool) error {
	calls, leave := context.WithCancel(ctx)
	sweeping, stopSweeping := context.WithCancel(context.Background())
	var sweeper sync.WaitGroup
	sweeper.Go(func() { l.by.run(sweeping) })
	defer func() {
		leave()
		l.wg.Wait()
		stopSweeping()
		sweeper.Wait()
	}()
	atRest, err := readAccount(l.server.pid())
	if err != nil {
		return err
	}
	rooms := 0
	for _, step := range steps {
		var phones []roomSeat
		for n := rooms; n < step; n++ {
			phone, err := l.open(calls, n)
			if err != nil {
				return fmt.Errorf("room %d: %w", n, err)
			}
			phones = append(phones, phone)
		}
		if err := pause(ctx, roomSettle); err != nil {
			return err
		}
		for _, phone := range phones {
			if err := l.enter(calls, rooms, phone); err != nil {
				return fmt.Errorf("room %d: %w", rooms, err)
			}
			rooms++
		}
		idle, err := l.measure(ctx, rooms, dur, atRest)
		if err != nil {
			return err
		}
		if idle < roomsSpare && step != steps[len(steps)-1] {
			fmt.Fprintf(os.Stderr, "rooms: %.1f %% of the machine are idle with %d rooms; no more are tried\n", idle, rooms)
			break
		}
	}
	if !after {
		return nil
	}
	leave()
	l.wg.Wait()
	if err := pause(ctx, roomsEmpty); err != nil {
		return err
	}
	a, err := readAccount(l.server.pid())
	if err != nil {
		return err
	}
	goroutines, err := l.server.metric(ctx, "go_goroutines")
	if err != nil {
		return err
	}
	return line{"cmd": "rooms", "kind": l.kind, "rooms": 0, "after": rooms, "rss_mb_before": round(float64(atRest.rssKB)/1024, 1),
		"rss_mb": round(float64(a.rssKB)/1024, 1), "goroutines": goroutines}.print()
}

// measure prints what so many rooms cost.
func (l *roomsLoad) measure(ctx context.Context, rooms int, dur time.Duration, atRest account) (idle float64, err error) {
	if err := pause(ctx, roomSettle); err != nil {
		return 0, err
	}
	sum := func() (t totals, live int) {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, p := range l.players {
			if _, _, end := p.counts().firsts(); end == nil {
				live++
			}
			t = t.plus(p.counts().totalsNow())
		}
		return t, live
	}
	a, err := readAccount(l.server.pid())
	if err != nil {
		return 0, err
	}
	before, _ := sum()
	if err := pause(ctx, dur); err != nil {
		return 0, err
	}
	b, err := readAccount(l.server.pid())
	if err != nil {
		return 0, err
	}
	now, live := sum()
	l.mu.Lock()
	ended, joins := l.ended, l.joins
	l.joins = nil
	l.mu.Unlock()
	if ended != nil {
		return 0, ended
	}
	got := now.minus(before)
	sec := b.at.Sub(a.at).Seconds()
	cpu := millis(b.cpu() - a.cpu())
	idle = idlePercent(a, b)
	out := line{"cmd": "rooms", "kind": l.kind, "rooms": rooms, "dur_s": round(sec, 1), "cpu_pct": round(cpu/sec/10, 2),
		"cpu_ms_room_s": round(cpu/sec/float64(rooms), 3), "rss_mb": round(float64(b.rssKB)/1024, 1),
		"rss_kb_room": round(float64(b.rssKB-atRest.rssKB)/float64(rooms), 0), "machine_idle_pct": round(idle, 1), "players": live}
	if live > 0 {
		out["frames_s_player"] = round(float64(got.frames)/sec/float64(live), 2)
		out["audio_s_player"] = round(float64(got.audio)/sec/float64(live), 2)
		out.spread("join_ms", joins)
	}
	return idle, out.print()
}

// roomSeat is what a member is given.
type roomSeat struct {
	Token, Stream, WS string
	Push              struct{ RTMP, WHIP string }
}

// open makes a room, and a phone comes in and pushes.
func (l *roomsLoad) open(ctx context.Context, n int) (phone roomSeat, err error) {
	if err := l.post(ctx, "/api/v1/rooms", map[string]string{"roomID": roomName(n)}, nil); err != nil {
		return phone, err
	}
	if phone, err = l.join(ctx, n, "phone", "rtmp"); err != nil || l.kind == mediaNone {
		return phone, err
	}
	src := &rtmpSource{url: phone.Push.RTMP, tags: l.tags}
	l.stays(ctx, "a phone's push", func() error { return src.publish(ctx, nil) })
	return phone, nil
}

func roomName(n int) string { return fmt.Sprint("bench", n) }

func (l *roomsLoad) join(ctx context.Context, n int, user, client string) (seat roomSeat, err error) {
	err = l.post(ctx, "/api/v1/rooms/"+roomName(n)+"/members", map[string]string{"userID": user, "client": client}, &seat)
	if err == nil {
		err = l.sit(ctx, seat.WS)
	}
	return seat, err
}

// enter has a browser come into a room, and returns when it shows the phone.
func (l *roomsLoad) enter(ctx context.Context, n int, phone roomSeat) error {
	began := time.Now()
	browser, err := l.join(ctx, n, "browser", "webrtc")
	if err != nil || l.kind == mediaNone {
		return err
	}
	page := l.page
	page.url = browser.Push.WHIP
	l.stays(ctx, "a browser's WHIP", func() error { return page.publish(ctx, nil) })
	seen := l.play(ctx, &whepPlayer{url: "http://" + l.server.http + "/whep/" + phone.Stream + "?token=" + browser.Token, by: l.by})
	l.play(ctx, &tcpPlayer{url: "rtmp://" + l.server.rtmp + "/" + browser.Stream + "?token=" + phone.Token, by: l.by})
	ok := eventually(ctx, roomJoinWait, func() bool {
		_, key, end := seen.counts().firsts()
		return key > 0 || end != nil
	})
	_, key, end := seen.counts().firsts()
	if !ok || key == 0 {
		return fmt.Errorf("the browser shows no picture of the phone (%v)", end)
	}
	l.mu.Lock()
	l.joins = append(l.joins, millis(time.Since(began)))
	l.mu.Unlock()
	return nil
}

func (l *roomsLoad) play(ctx context.Context, p player) player {
	l.mu.Lock()
	l.players = append(l.players, p)
	l.mu.Unlock()
	l.stays(ctx, "a player", func() error {
		err := p.play(ctx)
		p.counts().stopped(err)
		return err
	})
	return p
}

// stays runs what must not end before ctx does.
func (l *roomsLoad) stays(ctx context.Context, what string, run func() error) {
	l.wg.Go(func() {
		err := run()
		if ctx.Err() != nil {
			return
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.ended == nil {
			l.ended = fmt.Errorf("%s ended: %v", what, err)
		}
	})
}

// sit holds a member's WebSocket.
func (l *roomsLoad) sit(ctx context.Context, url string) error {
	c, _, err := websocket.DefaultDialer.DialContext(ctx, url, nil)
	if err != nil {
		return fmt.Errorf("the WebSocket of a member: %w", err)
	}
	close := context.AfterFunc(ctx, func() { c.Close() })
	l.stays(ctx, "a WebSocket", func() error {
		defer close()
		defer c.Close()
		for {
			if _, _, err := c.ReadMessage(); err != nil {
				return err
			}
		}
	})
	return nil
}

func (l *roomsLoad) post(ctx context.Context, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.server.http+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := l.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusCreated {
		return fmt.Errorf("POST %s: %s: %.200s", path, resp.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}
