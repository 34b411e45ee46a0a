package session

import (
	"math"
	"time"
)

const (
	speakEvery = 250 * time.Millisecond
	// speakLevel is how loud, in dBov, somebody is who speaks; one goes on
	// speaking until below quietLevel for hangover.
	speakLevel = -42
	quietLevel = -50
	hangover   = 700 * time.Millisecond
)

// listen tells sessions who speaks in their rooms.
func (h *Hub) listen() {
	defer h.wg.Done()
	t := time.NewTicker(speakEvery)
	defer t.Stop()
	looking := true                // stopped while there are no sessions
	loud := map[string]time.Time{} // stream to the last instant it was loud
	told := map[string]string{}    // room to what was last told
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-h.came:
			if !looking {
				looking = true
				t.Reset(speakEvery)
			}
		case now := <-t.C:
			rooms := h.byRoom()
			if looking = len(rooms) > 0; !looking {
				t.Stop()
				clear(loud)
			}
			for id, sessions := range rooms {
				h.tell(now, sessions, loud, told, id)
			}
			for id := range told {
				if rooms[id] == nil {
					delete(told, id)
				}
			}
			for name := range loud {
				if h.o.Streams.Get(name) == nil {
					delete(loud, name)
				}
			}
		}
	}
}

func (h *Hub) tell(now time.Time, sessions []*Session, loud map[string]time.Time, told map[string]string, id string) {
	s := sessions[0]
	s.mu.Lock()
	members := s.view.Members
	s.mu.Unlock()
	users := []speaker{}
	voices := []voice{}
	who := ""
	for _, m := range members {
		if !m.Publishing || m.AudioMuted {
			continue
		}
		st := h.o.Streams.Get(m.Stream)
		if st == nil {
			continue
		}
		level, ok := st.Source().AudioLevel()
		if ok && (level > speakLevel || level > quietLevel && now.Sub(loud[m.Stream]) < hangover) {
			loud[m.Stream] = now
		}
		voices = append(voices, voice{userID: m.UserID, loud: loud[m.Stream], level: level})
		if ok && now.Sub(loud[m.Stream]) < hangover {
			who += m.UserID + " "
			users = append(users, speaker{UserID: m.UserID, Level: math.Round(level), Speaking: true})
		}
	}
	for _, s := range sessions {
		s.hear(voices, now)
	}
	// Levels are told while somebody speaks, silence once.
	if who == "" && told[id] == "" {
		return
	}
	told[id] = who
	for _, s := range sessions {
		s.send(speaking{Type: "speaking", Users: s.speakersFor(users)})
	}
}
