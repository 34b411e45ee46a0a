package room

// What a room's members are told of being recorded: nothing, that they are, or
// that it is paused.
const (
	RecordingOff    = ""
	RecordingOn     = "on"
	RecordingPaused = "paused"
)

// Events of a recording.
const (
	RecordingStarted  EventType = "recording_started" // or goes on after a pause
	RecordingHeld     EventType = "recording_paused"
	RecordingFinished EventType = "recording_stopped"
)

var recordingOf = map[EventType]string{RecordingStarted: RecordingOn, RecordingHeld: RecordingPaused, RecordingFinished: RecordingOff}

// Record notes whether the room is being recorded.
func (r Room) Record(state string) (Room, []Event, error) {
	c, err := r.change()
	if err != nil {
		return r, nil, err
	}
	if r.Recording == state {
		return r, nil, nil
	}
	c.room.Recording = state
	for t, s := range recordingOf {
		if s == state {
			c.emit(Event{Type: t})
		}
	}
	return c.room, c.events, nil
}
