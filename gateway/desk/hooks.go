package desk

import (
	"hutong/gateway/call"
	"hutong/gateway/config"
	"hutong/gateway/rooms/webhook"
)

func hooksOf(d config.Desk) []webhook.Hook {
	hooks := []webhook.Hook{}
	for _, h := range d.Webhooks {
		hooks = append(hooks, webhook.Hook{URL: h.URL, Secret: h.Secret, Events: h.Events})
	}
	return hooks
}

// eventOf names what led from one state of a call to the next.
func eventOf(before, after call.Call) string {
	if before.State == after.State && (after.State != call.Transferring || before.Move.AgentID == after.Move.AgentID) {
		return "call_changed"
	}
	switch after.State {
	case call.Waiting:
		return "call_waiting"
	case call.Ringing:
		return "call_ringing"
	case call.Held:
		return "call_held"
	case call.Transferring:
		return "call_transferring"
	case call.Answered:
		if before.State == call.Held {
			return "call_resumed"
		}
		return "call_answered"
	}
	return "call_ended"
}

// reportAll tells back ends of a change.
func (s *Service) reportAll(before, after call.Call) { s.report(eventOf(before, after), after) }

func (s *Service) report(event string, c call.Call) {
	s.hooks.Send(webhook.Event{Event: event, At: s.o.Now().UTC(), CallID: c.CallID, RoomID: c.CallID, UserID: c.Caller.UserID,
		Revision: c.Revision, Reason: string(c.Reason), Call: s.View(c)})
}
