package desk

import (
	"sync"
	"testing"

	"hutong/gateway/call"
	"hutong/gateway/session"
)

// An agent's page that is loaded again and again, also while it is coming in, has
// one console, and the agent none when that is closed.
func TestConsolesThatReplaceEachOther(t *testing.T) {
	h := newHouse(t, nil)
	before := h.listeners()
	for range 30 {
		var mu sync.Mutex
		var open []*Console
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				c, err := h.OpenConsole(t.Context(), Login{Account: h.account("anna")}, session.NewOutbox())
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				open = append(open, c)
			})
		}
		wg.Wait()
		h.consolesMu.Lock()
		last := h.consoles["anna"]
		h.consolesMu.Unlock()
		eventually(t, "the others' end", func() bool {
			for _, c := range open {
				c.mu.Lock()
				closed := c.closed
				c.mu.Unlock()
				if closed == (c == last) {
					return false
				}
			}
			return true
		})
		eventually(t, "the last console to be Anna's", func() bool {
			a, _ := h.index.agent("anna")
			return last != nil && a.Console.ID == last.id
		})
		last.Close()
		eventually(t, "Anna to have no console", func() bool {
			a, _ := h.index.agent("anna")
			return a.Console == call.Console{}
		})
	}
	eventually(t, "nobody to be told any more", func() bool { return h.listeners() == before })
}

// listeners are those who are told what happens.
func (h *house) listeners() int {
	h.index.telling.Lock()
	defer h.index.telling.Unlock()
	return len(h.index.subs)
}
