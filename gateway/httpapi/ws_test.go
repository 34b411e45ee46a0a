package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

// member is a room member's browser, without the browser.
type member struct {
	t    *testing.T
	c    *websocket.Conn
	id   string
	sub  *webrtc.PeerConnection
	pub  *webrtc.PeerConnection
	vid  *webrtc.TrackLocalStaticRTP
	mids sync.Map // mid to userID and kind

	mu       sync.Mutex
	got      []map[string]any
	received map[string]int // packets by "userID kind"
}

// join makes a member by REST and connects its WebSocket.
func join(t *testing.T, base, roomID, userID, client string) (*member, map[string]any) {
	t.Helper()
	resp, body := request(t, http.MethodPost, base+"/api/v1/rooms/"+roomID+"/members",
		fmt.Sprintf(`{"userID":%q,"client":%q}`, userID, client), "Content-Type", "application/json")
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("join: %s %s", resp.Status, body)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	return connect(t, got["ws"].(string), userID), got
}

func connect(t *testing.T, url, userID string) *member {
	t.Helper()
	c, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := &member{t: t, c: c, id: userID, received: map[string]int{}}
	m.sub = newPeer(t)
	m.sub.OnTrack(func(tr *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		mid := ""
		for _, x := range m.sub.GetTransceivers() {
			if x.Receiver() == r {
				mid = x.Mid()
			}
		}
		for {
			if _, _, err := tr.ReadRTP(); err != nil {
				return
			}
			who, _ := m.mids.Load(mid)
			m.mu.Lock()
			m.received[fmt.Sprint(who)]++
			m.mu.Unlock()
		}
	})
	done := make(chan struct{})
	go m.read(done)
	t.Cleanup(func() { m.c.Close(); <-done })
	return m
}

func newPeer(t *testing.T) *webrtc.PeerConnection {
	t.Helper()
	var m webrtc.MediaEngine
	m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}, PayloadType: 102}, webrtc.RTPCodecTypeVideo)
	m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2}, PayloadType: 111}, webrtc.RTPCodecTypeAudio)
	var se webrtc.SettingEngine
	se.SetIncludeLoopbackCandidate(true)
	pc, err := webrtc.NewAPI(webrtc.WithMediaEngine(&m), webrtc.WithSettingEngine(se)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pc.GracefulClose() })
	return pc
}

func (m *member) read(done chan struct{}) {
	defer close(done)
	for {
		_, text, err := m.c.ReadMessage()
		if err != nil {
			return
		}
		var v map[string]any
		if err := json.Unmarshal(text, &v); err != nil {
			m.t.Errorf("%s got %q: %v", m.id, text, err)
			return
		}
		switch {
		case v["type"] == "offer":
			m.answer(v)
		case v["type"] == "answer":
			if err := m.pub.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: v["sdp"].(string)}); err != nil {
				m.t.Errorf("%s: %v", m.id, err)
			}
		}
		m.mu.Lock()
		m.got = append(m.got, v)
		m.mu.Unlock()
	}
}

func (m *member) answer(offer map[string]any) {
	for _, tr := range offer["tracks"].([]any) {
		x := tr.(map[string]any)
		m.mids.Store(x["mid"], fmt.Sprint(x["userID"], " ", x["kind"]))
	}
	if err := m.sub.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer["sdp"].(string)}); err != nil {
		m.complain(err)
		return
	}
	answer, err := m.sub.CreateAnswer(nil)
	if err != nil {
		m.complain(err)
		return
	}
	gathered := webrtc.GatheringCompletePromise(m.sub)
	if err := m.sub.SetLocalDescription(answer); err != nil {
		m.complain(err)
		return
	}
	<-gathered
	m.say(map[string]any{"type": "answer", "pc": "sub", "sdp": m.sub.LocalDescription().SDP})
}

// complain fails the test, unless the gateway has closed the connection since.
func (m *member) complain(err error) {
	if !errors.Is(err, webrtc.ErrConnectionClosed) {
		m.t.Errorf("%s: %v", m.id, err)
	}
}

func (m *member) say(v map[string]any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.c.WriteJSON(v); err != nil {
		m.t.Logf("%s: %v", m.id, err)
	}
}

// publish sends a keyframe every few packets until the test ends.
func (m *member) publish() {
	m.t.Helper()
	m.pub = newPeer(m.t)
	var err error
	m.vid, err = webrtc.NewTrackLocalStaticRTP(webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000,
		SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f"}, "v", m.id)
	if err != nil {
		m.t.Fatal(err)
	}
	if _, err := m.pub.AddTransceiverFromTrack(m.vid, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendonly}); err != nil {
		m.t.Fatal(err)
	}
	offer, err := m.pub.CreateOffer(nil)
	if err != nil {
		m.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(m.pub)
	if err := m.pub.SetLocalDescription(offer); err != nil {
		m.t.Fatal(err)
	}
	<-gathered
	m.say(map[string]any{"type": "publish", "id": 7, "sdp": m.pub.LocalDescription().SDP})
	stop, done := make(chan struct{}), make(chan struct{})
	m.t.Cleanup(func() { close(stop); <-done })
	go func() {
		defer close(done)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for seq := uint16(0); ; seq++ {
			select {
			case <-stop:
				return
			case <-tick.C:
			}
			payload := []byte{0x41, 0x9a, 1, 2}
			if seq%10 == 0 {
				payload = []byte{0x65, 0x88, 1, 2}
			}
			m.vid.WriteRTP(&rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: seq, Timestamp: uint32(seq) * 1800, Marker: true}, Payload: payload})
		}
	}()
}

// has waits for a message of which all the fields given are as given.
func (m *member) has(fields ...any) map[string]any {
	m.t.Helper()
	var found map[string]any
	waitFor(m.t, fmt.Sprintf("%s never got %v", m.id, fields), func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, v := range m.got {
			ok := true
			for i := 0; i+1 < len(fields); i += 2 {
				ok = ok && fmt.Sprint(v[fields[i].(string)]) == fmt.Sprint(fields[i+1])
			}
			if ok {
				found = v
				return true
			}
		}
		return false
	})
	return found
}

func (m *member) count(what string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.received[what]
}

func (m *member) receives(what string) {
	m.t.Helper()
	before := m.count(what)
	waitFor(m.t, m.id+" does not receive "+what, func() bool { return m.count(what) > before+3 })
}

// misses waits for half a second in which nothing of it comes.
func (m *member) misses(what string) {
	m.t.Helper()
	last, since := m.count(what), time.Now()
	waitFor(m.t, m.id+" still receives "+what, func() bool {
		if n := m.count(what); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > 500*time.Millisecond
	})
}

func createRoom(t *testing.T, base, roomID string) {
	t.Helper()
	if resp, body := request(t, http.MethodPost, base+"/api/v1/rooms", `{"roomID":"`+roomID+`"}`, "Content-Type", "application/json"); resp.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s", resp.Status, body)
	}
}

func TestRoomOverWebSocket(t *testing.T) {
	_, base := serve(t, nil)
	createRoom(t, base, "r1")
	alice, _ := join(t, base, "r1", "alice", "webrtc")
	welcome := alice.has("type", "welcome")
	if me := welcome["me"].(map[string]any); me["userID"] != "alice" || me["stream"] != "live/r1_alice" {
		t.Errorf("welcome %v", welcome)
	}
	bob, joined := join(t, base, "r1", "bob", "webrtc")
	bob.has("type", "welcome")
	alice.has("type", "event", "event", "member_joined", "userID", "bob")

	alice.publish()
	alice.has("type", "ack", "id", 7)
	bob.has("type", "event", "event", "publish_started", "userID", "alice")
	bob.receives("alice video")

	bob.publish()
	alice.receives("bob video")

	alice.say(map[string]any{"type": "message", "kind": "text", "text": "hello"})
	bob.has("type", "message", "from", "alice", "text", "hello")
	bob.say(map[string]any{"type": "mute", "audio": true})
	alice.has("type", "event", "event", "muted", "userID", "bob")

	// Pictures that are not shown are not sent.
	bob.say(map[string]any{"type": "view", "tiles": []any{}})
	bob.misses("alice video")
	bob.say(map[string]any{"type": "view", "tiles": []any{map[string]any{"userID": "alice", "width": 640, "height": 360}}})
	bob.receives("alice video")

	// A cut WebSocket resumes, and media has not stopped.
	session := bob.has("type", "welcome")["session"].(string)
	bob.c.Close()
	back, _, err := websocket.DefaultDialer.Dial(joined["ws"].(string)+"&resume="+session, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer back.Close()
	var again map[string]any
	if err := back.ReadJSON(&again); err != nil || again["session"] != session || again["resumed"] != true {
		t.Errorf("after the cut: %v, %v", again, err)
	}
	bob.receives("alice video")
	alice.receives("bob video")

	alice.say(map[string]any{"type": "leave"})
	for {
		var v map[string]any
		if err := back.ReadJSON(&v); err != nil {
			t.Fatalf("bob was not told that alice left: %v", err)
		}
		if v["event"] == "member_left" && v["userID"] == "alice" {
			break
		}
	}
	if resp, _ := request(t, http.MethodDelete, base+"/api/v1/rooms/r1", ""); resp.StatusCode != http.StatusNoContent {
		t.Errorf("%s", resp.Status)
	}
}

func TestWebSocketRefusals(t *testing.T) {
	_, base := serve(t, nil)
	createRoom(t, base, "r1")
	ws := "ws" + strings.TrimPrefix(base, "http") + "/api/v1/ws"
	for _, tc := range []struct {
		name, url, origin string
		want              int
	}{
		{"no token", ws, "", http.StatusUnauthorized},
		{"a forged token", ws + "?token=abc.def.ghi", "", http.StatusUnauthorized},
	} {
		_, resp, err := websocket.DefaultDialer.Dial(tc.url, http.Header{"Origin": {tc.origin}})
		if err == nil || resp == nil || resp.StatusCode != tc.want {
			t.Errorf("%s: %v, %v", tc.name, resp, err)
		}
	}
	if resp, _ := request(t, http.MethodGet, base+"/api/v1/ws", ""); resp.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("plain GET: %s", resp.Status)
	}
	alice, _ := join(t, base, "r1", "alice", "webrtc")
	for _, tc := range []struct{ send, code string }{
		{"nonsense", "bad_message"},
		{`{"type":"dance","id":1}`, "bad_message"},
		{`{"type":"publish","id":2,"sdp":"v=0"}`, "bad_sdp"},
		{`{"type":"message","id":4,"kind":"text","text":"` + strings.Repeat("x", 5000) + `"}`, "message_too_long"},
		{`{"type":"message","id":5,"kind":"text","text":"hi","to":"nobody"}`, "not_a_member"},
	} {
		alice.mu.Lock()
		alice.got = nil
		alice.c.WriteMessage(websocket.TextMessage, []byte(tc.send))
		alice.mu.Unlock()
		if got := alice.has("type", "error"); tc.code != "" && got["code"] != tc.code {
			t.Errorf("%.40s: %v, want %s", tc.send, got, tc.code)
		}
	}
}
