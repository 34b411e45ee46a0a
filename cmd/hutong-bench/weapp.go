package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// The mini-program API as the bench's gateway serves it.
const (
	weappApp      = "1400000001"
	weappBeat     = 7 * time.Second // between heartbeats, as clients send them
	weappPage     = 20
	weappSettle   = 3 * time.Second
	weappParallel = 32 // calls under way while the rooms are made
)

// runWeapp fills a gateway with rooms whose members send heartbeats, and times them and what clients ask meanwhile.
func runWeapp(ctx context.Context, args []string) error {
	fs := flag.NewFlagSet("weapp", flag.ContinueOnError)
	bin := fs.String("server", defaultServer(), "the gateway's binary")
	rooms := fs.Int("rooms", 1000, "rooms")
	members := fs.Int("members", 2, "members of each, at most 4")
	asked := fs.Int("asks", 40, "other calls a second: members of a room, and pages of the list")
	span := fs.Duration("span", 30*time.Second, "how long to measure")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if *rooms < 1 || *members < 1 || *members > 4 || *asked < 0 {
		return fmt.Errorf("%w: at least one room of 1 to 4 members", errUsage)
	}
	s, err := startServer(ctx, *bin, "HUTONG_WEAPP_ENABLED=true", "HUTONG_WEAPP_SDK_APP_ID="+weappApp, "HUTONG_WEAPP_ANY_USER=true",
		"HUTONG_WEAPP_KEY=hutong-bench-hutong-bench", "HUTONG_WEAPP_CALLS_PER_SECOND=0")
	if err != nil {
		return err
	}
	l, err := measureWeapp(ctx, s, *rooms, *members, *asked, *span)
	if serr := s.stop(); err == nil {
		err = serr
	}
	if err != nil {
		return err
	}
	return l.print()
}

func measureWeapp(ctx context.Context, s *server, rooms, members, asked int, span time.Duration) (line, error) {
	w := &weappLoad{base: "http://" + s.http + "/weapp/multi_room/", utils: "http://" + s.http + "/weapp/utils/", took: map[string][]float64{},
		client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	began := time.Now()
	if err := w.fill(ctx, rooms, members); err != nil {
		return nil, fmt.Errorf("filling the rooms: %w", err)
	}
	l := line{"cmd": "weapp", "rooms": rooms, "members": rooms * members, "fill_s": round(time.Since(began).Seconds(), 1)}
	if err := pause(ctx, weappSettle); err != nil {
		return nil, err
	}
	a, err := readAccount(s.pid())
	if err != nil {
		return nil, err
	}
	w.load(ctx, asked, span)
	b, err := readAccount(s.pid())
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	calls, all := 0, []float64{}
	for name, took := range w.took {
		l.spread(name+"_ms", took)
		l[name+"_ms_p99"] = round(percentile(took, 99), 3)
		calls += len(took)
		all = append(all, took...)
	}
	l["call_ms_p50"], l["call_ms_p99"], l["call_ms_max"] = round(percentile(all, 50), 3), round(percentile(all, 99), 3), round(percentile(all, 100), 3)
	l["calls_per_s"], l["failed"] = round(float64(calls)/span.Seconds(), 0), w.failed
	l["cpu_ms_s"] = round(millis(b.cpu()-a.cpu())/b.at.Sub(a.at).Seconds(), 1)
	l["rss_mb"] = round(float64(b.rssKB)/1024, 0)
	if w.failed > 0 {
		return l, errors.Join(fmt.Errorf("%d calls failed, the first: %w", w.failed, w.first), l.print())
	}
	return l, nil
}

// weappLoad is the clients of all rooms.
type weappLoad struct {
	base, utils string
	client      *http.Client
	members     []weappMember

	mu     sync.Mutex
	took   map[string][]float64 // milliseconds, by command
	failed int
	first  error
}

type weappMember struct{ room, query string }

// fill logs users in and has them enter, the way clients do.
func (w *weappLoad) fill(ctx context.Context, rooms, members int) error {
	w.members = make([]weappMember, rooms*members)
	jobs := make(chan int)
	errs := make(chan error, weappParallel)
	var wg sync.WaitGroup
	for range weappParallel {
		wg.Go(func() {
			for n := range jobs {
				m, err := w.enter(ctx, fmt.Sprintf("user%d", n), fmt.Sprintf("room%d", n/members))
				if err != nil {
					errs <- err
					return
				}
				w.members[n] = m
			}
		})
	}
	err := func() error {
		defer close(jobs)
		for n := range w.members {
			select {
			case jobs <- n:
			case err := <-errs:
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}()
	wg.Wait()
	if err == nil && len(errs) > 0 {
		err = <-errs
	}
	return err
}

func (w *weappLoad) enter(ctx context.Context, user, room string) (weappMember, error) {
	info, err := w.call(ctx, http.MethodGet, w.utils+"get_login_info?code=x&userID="+user, nil)
	if err != nil {
		return weappMember{}, err
	}
	in, err := w.call(ctx, http.MethodPost, w.base+"login?accountType=36862&sdkAppID="+weappApp+"&userID="+user+"&userSig="+info.UserSig, struct{}{})
	if err != nil {
		return weappMember{}, err
	}
	m := weappMember{room, "?userID=" + user + "&token=" + in.Token}
	push, err := w.call(ctx, http.MethodPost, w.base+"get_push_url"+m.query, struct{}{})
	if err != nil {
		return weappMember{}, err
	}
	_, err = w.call(ctx, http.MethodPost, w.base+"add_pusher"+m.query,
		map[string]string{"roomID": room, "userName": user, "userAvatar": "", "pushURL": push.PushURL})
	return m, err
}

type weappAnswer struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	UserSig string `json:"userSig"`
	Token   string `json:"token"`
	PushURL string `json:"pushURL"`
}

func (w *weappLoad) call(ctx context.Context, method, url string, body any) (weappAnswer, error) {
	var a weappAnswer
	text, err := json.Marshal(body)
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(text))
	if err != nil {
		return a, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.client.Do(req)
	if err != nil {
		return a, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	if err != nil {
		return a, err
	}
	if err := json.Unmarshal(data, &a); err != nil {
		return a, err
	}
	if a.Code != 0 {
		return a, fmt.Errorf("code %d: %s", a.Code, a.Message)
	}
	return a, nil
}

// load sends heartbeats of every member and the other calls, each when it is due, whatever the calls before take; a call's time
// counts from then.
func (w *weappLoad) load(ctx context.Context, asked int, span time.Duration) {
	began := time.Now()
	var wg sync.WaitGroup
	for n, m := range w.members {
		wg.Go(func() {
			for at := time.Duration(n) * weappBeat / time.Duration(len(w.members)); at < span; at += weappBeat {
				w.due(ctx, began.Add(at), "heartbeat", "pusher_heartbeat"+m.query, map[string]string{"roomID": m.room})
			}
		})
	}
	for n := range int(span.Seconds()) * asked {
		wg.Go(func() {
			at := began.Add(time.Duration(n) * time.Second / time.Duration(asked))
			m := w.members[rand.IntN(len(w.members))]
			if n%2 == 0 {
				w.due(ctx, at, "get_pushers", "get_pushers"+m.query, map[string]string{"roomID": m.room})
				return
			}
			w.due(ctx, at, "get_room_list", "get_room_list"+m.query, map[string]int{"index": rand.IntN(len(w.members)), "cnt": weappPage})
		})
	}
	wg.Wait()
}

func (w *weappLoad) due(ctx context.Context, at time.Time, name, path string, body any) {
	if pause(ctx, time.Until(at)) != nil {
		return
	}
	_, err := w.call(ctx, http.MethodPost, w.base+path, body)
	took := millis(time.Since(at))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.took[name] = append(w.took[name], took)
	if err != nil {
		w.failed++
		if w.first == nil {
			w.first = err
		}
	}
}
