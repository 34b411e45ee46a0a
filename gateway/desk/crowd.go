package desk

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"hutong/gateway/config"
	"hutong/gateway/store"
)

// Account is somebody who may log in.
type Account struct {
	AgentID  string   `json:"agentID"`
	NickName string   `json:"nickName"`
	Role     string   `json:"role"`
	Queues   []string `json:"queues"`
	Skills   []string `json:"skills"`

	password string // hash; empty for those of a provider
}

// Supervises says whether the account sees and ends other agents' calls.
func (a Account) Supervises() bool {
	return a.Role == config.RoleSupervisor || a.Role == config.RoleAdmin
}

// Administers says whether the account sees the audit log and the gateway.
func (a Account) Administers() bool { return a.Role == config.RoleAdmin }

// crowd are the agents that a provider of OpenID Connect has sent.
type crowd struct {
	mu     sync.RWMutex
	people map[string]Account
}

// know files who has just been let in, before the store tells.
func (w *crowd) know(a Account) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.people[a.AgentID] = a
}

func (w *crowd) saw(e store.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var a Account
	if e.Deleted || json.Unmarshal(e.Value, &a) != nil || a.AgentID != e.Key {
		delete(w.people, e.Key)
		return
	}
	w.people[e.Key] = a
}

// Account returns an agent's account. One of the configuration hides one of the
// same name that a provider has sent.
func (s *Service) Account(agentID string) (Account, bool) {
	for _, a := range s.set.Load().Agents {
		if a.Name == agentID {
			return accountOf(a), true
		}
	}
	s.crowd.mu.RLock()
	defer s.crowd.mu.RUnlock()
	a, ok := s.crowd.people[agentID]
	return a, ok && s.set.Load().OIDC.Issuer != ""
}

func accountOf(a config.DeskAgent) Account {
	out := Account{AgentID: a.Name, NickName: a.NickName, Role: a.Role, Queues: a.Queues, Skills: a.Skills, password: a.Password}
	if out.NickName == "" {
		out.NickName = a.Name
	}
	if out.Role == "" {
		out.Role = config.RoleAgent
	}
	return out
}

// Accounts are all there are, by agentID.
func (s *Service) Accounts() []Account {
	var all []Account
	set := s.set.Load()
	for _, a := range set.Agents {
		all = append(all, accountOf(a))
	}
	if set.OIDC.Issuer != "" {
		s.crowd.mu.RLock()
		for id, a := range s.crowd.people {
			if !slices.ContainsFunc(set.Agents, func(x config.DeskAgent) bool { return x.Name == id }) {
				all = append(all, a)
			}
		}
		s.crowd.mu.RUnlock()
	}
	slices.SortFunc(all, func(a, b Account) int { return strings.Compare(a.AgentID, b.AgentID) })
	return all
}
