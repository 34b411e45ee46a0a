package call

import "time"

// Summary is what lists and searches have of a call that has ended. Durations
// are in milliseconds.
type Summary struct {
	CallID     string    `json:"callID"`
	Queue      string    `json:"queue"`
	CallerID   string    `json:"callerID"`
	CallerName string    `json:"callerName"`
	Client     string    `json:"client"`
	CreatedAt  time.Time `json:"createdAt"`
	AnsweredAt time.Time `json:"answeredAt,omitzero"`
	EndedAt    time.Time `json:"endedAt"`
	Reason     Reason    `json:"reason"`
	Outcome    string    `json:"outcome"`
	Durations
	Transfers int      `json:"transfers"`
	Agents    []string `json:"agents"`
	Stars     int      `json:"stars"`
	Light     Light    `json:"light,omitempty"`
}

// Summary is what lists have of the call.
func (c Call) Summary() Summary {
	s := Summary{CallID: c.CallID, Queue: c.Queue, CallerID: c.Caller.UserID, CallerName: c.Caller.NickName, Client: string(c.Caller.Client),
		CreatedAt: c.CreatedAt, AnsweredAt: c.AnsweredAt, EndedAt: c.EndedAt, Reason: c.Reason, Outcome: c.Outcome,
		Durations: c.Spent, Transfers: c.Transfers, Agents: c.Served}
	if s.Agents == nil {
		s.Agents = []string{}
	}
	if c.Rating != nil {
		s.Stars = c.Rating.Stars
	}
	return s
}
