package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"hutong/bridge/testmedia"
)

// removed has somebody watch and push by every protocol and then removed: it all
// ends by itself, and nobody else notices.
func (a *guarded) removed(t *testing.T) {
	var mallory placed
	a.call(t, "POST", "/api/v1/rooms/bank/members", backendKey, `{"userID":"mallory","client":"webrtc"}`, 201, &mallory)
	clip := testmedia.Clip(t, faceOf(1).spec, testmedia.FLV)
	push := testmedia.Push(t, clip, mallory.Push.RTMP)
	watching := map[string]*testmedia.Process{}
	for protocol, address := range map[string]string{"RTMP": "rtmp://" + a.gw.rtmp + "/" + a.phone.Stream, "FLV": "http://" + a.gw.http + "/" + a.phone.Stream + ".flv"} {
		for who, token := range map[string]string{"mallory": mallory.Token, "bob": a.bob.Token} {
			tool := map[string]testmedia.Tool{"RTMP": testmedia.RTMPDump, "FLV": testmedia.Curl}[protocol]
			process, path := testmedia.Play(t, tool, address+"?token="+token)
			testmedia.WaitLength(t, process, path, time.Second)
			watching[who+" "+protocol] = process
		}
	}
	browser := faceOf(1).browser(t, testmedia.BrowserOptions{})
	page := browserPage(t, browser, a.gw)
	requireCreated(t, call(t, page, "play", "mallory", "/whep/"+a.phone.Stream+"?token="+mallory.Token, options{"audio": false}))
	seen := &player{t, page, "mallory"}
	requireAdvance(t, sampleStrips(seen.next(10)), faceOf(3).spec, maxStep)

	a.call(t, "DELETE", "/api/v1/rooms/bank/members/mallory", backendKey, "", 204, nil)
	for _, protocol := range []string{"RTMP", "FLV"} {
		if err := watching["mallory "+protocol].Wait(waitLong); err != nil {
			t.Logf("%s of the one removed: %v", protocol, err) // some call an early end an error
		}
		select {
		case <-watching["mallory "+protocol].Done():
		default:
			t.Errorf("the one removed still watches by %s", protocol)
		}
		select {
		case <-watching["bob "+protocol].Done():
			t.Errorf("bob no longer watches by %s", protocol)
		default:
			watching["bob "+protocol].Stop()
		}
	}
	var state string
	testmedia.Eventually(t, waitLong, "the WHEP player of the one removed to be closed", func() bool {
		page.Eval(`e2e.state("mallory")`, &state)
		return state != "connected"
	})
	_ = push.Wait(waitLong)
	select {
	case <-push.Done():
	default:
		t.Error("the one removed still pushes")
	}
	testmedia.Eventually(t, waitLong, "the stream of the one removed to be off the air", func() bool {
		_, _, streams := a.http1(t, "GET", "/api/v1/streams", http.Header{"Authorization": {"Bearer " + backendKey}}, "")
		return strings.Contains(streams, a.phone.Stream) && !strings.Contains(streams, mallory.Stream)
	})
}
