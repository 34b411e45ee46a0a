package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"hutong/bridge/testmedia"
)

// Anna hangs up. Li says how it was, Anna what it was about.
func (o *office) ended(t *testing.T) {
	anna, li := o.anna, o.li
	anna.keys("E") // with Shift
	present(t, anna.page, "wrap-up")
	li.becomes(t, "call-ended", "reason", "completed")
	li.clicks(t, `[data-testid="star-5"]`)
	li.fill(t, "rating-comment", "很快，谢谢")
	o.show(t, li, "27-caller-ended", both)
	li.press(t, "rating-send")
	present(t, li.page, "rated")
	anna.press(t, "outcome")
	anna.becomes(t, "notes-saved", "saved", "saved")
	anna.press(t, "wrap-ready")
	anna.becomes(t, "my-state", "state", "ready")
}

// A phone calls by the back end's POST and RTMP. Ben, who is idle the longest, and
// the phone see and hear each other; Ben hangs up.
func (o *office) phone(t *testing.T) {
	wang := faceOf(5)
	var placed struct {
		Token string
		Call  struct{ CallID string }
		Room  struct{ Push struct{ RTMP string } }
	}
	o.gw.post(t, "/api/v1/queues/support/calls", `{"userID":"wang","nickName":"Wang","client":"rtmp","userData":{"order":1}}`, &placed)
	testmedia.Push(t, testmedia.Clip(t, wang.spec, testmedia.FLV), placed.Room.Push.RTMP)
	o.ben.press(t, "answer")
	o.ben.sees(t, "wang", wang)
	o.ben.hears(t, "wang", wang)
	o.phoneGets(t, o.ben, placed.Call.CallID, placed.Token)
	o.show(t, o.ben, "19-phone", wide)
	o.ben.press(t, "hangup")
	present(t, o.ben.page, "wrap-up")
	o.sam.press(t, "nav-history")
	o.sam.reading(t, "history-total", "2")
	o.sam.fill(t, "history-caller", "wang\r")
	o.sam.reading(t, "history-total", "1")
	o.sam.becomes(t, "history-row", "call", placed.Call.CallID)
}

// Sam finds the call in the history, with everything that happened to it.
func (o *office) lookedUp(t *testing.T) {
	sam := o.sam
	var callID string
	sam.fill(t, "history-caller", "li\r")
	sam.reading(t, "history-total", "1")
	sam.reading(t, "history-row", "李娜")
	sam.page.Eval(`document.querySelector('[data-testid="history-row"]').dataset.call`, &callID)
	o.show(t, sam, "30-history", wide)
	sam.clicks(t, `[data-testid="history-row"] .link`)
	sam.reading(t, "quality-chart", "王本") // measured before the gateway was killed
	for _, want := range []string{"★★★★★", "Anna", "王本", "已解决", "handed to Anna", "很快，谢谢"} {
		sam.reading(t, "record", want)
	}
	o.show(t, sam, "31-record", wide)
	sam.keys("\x1b")
	sam.without(t, "record")
	sam.press(t, "nav-live")
	sam.reading(t, "tile-calls", "2")
	o.show(t, sam, "32-live-quiet", wide)
	sam.press(t, "nav-admin")
	sam.press(t, "audit-show")
	o.show(t, sam, "33-gateway", wide)

	_, _, body := o.gw.get("/api/v1/history/" + callID)
	var record struct {
		Call     struct{ Reason, EndedBy, Notes string }
		Timeline []struct{ Event, AgentID string }
	}
	if err := json.Unmarshal(body, &record); err != nil {
		t.Fatal(err)
	}
	var events []string
	for _, e := range record.Timeline {
		events = append(events, e.Event+":"+e.AgentID)
	}
	all := strings.Join(events, " ")
	rest := all
	for _, want := range []string{"created:", "ringing:anna", "rejected:anna", "ringing:ben", "answered:ben", "held:ben", "resumed:ben",
		"supervised:sam", "supervisor_left:sam", "transferring:anna", "consulting:anna", "transferred:anna", "invited:ben", "guest_joined:ben",
		"guest_left:ben", "guest_joined:", "guest_removed:", "transferring:ben", "transferred:ben", "waiting:", "ringing:anna", "answered:anna",
		"caller_away:", "caller_back:", "ended:anna"} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("the record has no %q where it should be: %s", want, all)
		}
		rest = after
	}
	if record.Call.Reason != "completed" || record.Call.EndedBy != "agent" || !strings.Contains(record.Call.Notes, "handed to Anna") {
		t.Errorf("the record says %+v", record.Call)
	}
}
