package call

import "fmt"

// State of a call.
type State string

const (
	Waiting      State = "waiting"      // in line
	Ringing      State = "ringing"      // at one agent
	Answered     State = "answered"     // agent and caller talk
	Held         State = "held"         // the caller gets no media and gives none
	Transferring State = "transferring" // on its way to another agent; the caller is held
	Ended        State = "ended"
)

// States are all there are.
var States = []State{Waiting, Ringing, Answered, Held, Transferring, Ended}

// Reason for which a call has ended.
type Reason string

const (
	Completed Reason = "completed" // somebody hung up after it had been answered
	Abandoned Reason = "abandoned" // the caller went before
	Rejected  Reason = "rejected"  // by an agent, where the queue ends such calls
	Timeout   Reason = "timeout"   // it waited too long
	NoAgent   Reason = "no_agent"  // so it did, and nobody was on duty
	Failed    Reason = "failed"    // the caller was lost, or the gateway cannot go on
)

// Reasons are all there are.
var Reasons = []Reason{Completed, Abandoned, Rejected, Timeout, NoAgent, Failed}

// Trigger is what moves a call.
type Trigger string

const (
	Offer    Trigger = "offer"     // to one agent
	Accept   Trigger = "accept"    // by that agent
	Decline  Trigger = "decline"   // by that agent, by silence too
	Hold     Trigger = "hold"      //
	Resume   Trigger = "resume"    //
	Transfer Trigger = "transfer"  // begins
	TakeOver Trigger = "take_over" // by the other agent
	Return   Trigger = "return"    // to the agent who began the transfer
	Requeue  Trigger = "requeue"   // into the line, of the same queue or another
	End      Trigger = "end"       //
)

// Triggers are all there are.
var Triggers = []Trigger{Offer, Accept, Decline, Hold, Resume, Transfer, TakeOver, Return, Requeue, End}

// transitions are all that is legal. During a transfer, offers and answers are
// those of the other agent, and leave the caller where he is.
var transitions = map[State]map[Trigger]State{
	Waiting:      {Offer: Ringing, Requeue: Waiting, End: Ended},
	Ringing:      {Accept: Answered, Decline: Waiting, End: Ended},
	Answered:     {Hold: Held, Transfer: Transferring, Requeue: Waiting, End: Ended},
	Held:         {Resume: Answered, Transfer: Transferring, Requeue: Waiting, End: Ended},
	Transferring: {Offer: Transferring, Accept: Transferring, Decline: Transferring, TakeOver: Answered, Return: Answered, Requeue: Waiting, End: Ended},
	Ended:        {},
}

// Next returns the state that a trigger leads to, or [ErrWrongState].
func Next(s State, t Trigger) (State, error) {
	to, ok := transitions[s][t]
	if !ok {
		return s, fmt.Errorf("%w: %s does nothing to a call that is %s", ErrWrongState, t, s)
	}
	return to, nil
}
