package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"hutong/gateway/call"
)

// Desk is the customer-service desk: what all queues share, and the agents.
type Desk struct {
	// RingTimeout is how long a call rings at one agent; RetryAfter how long it does not ring there again.
	RingTimeout Duration `yaml:"ring_timeout" min:"3s" max:"5m"`
	RetryAfter  Duration `yaml:"retry_after" max:"1h"`
	// MaxWait and MaxWaiting bound a line; 0 is no bound.
	MaxWait    Duration `yaml:"max_wait" max:"24h"`
	MaxWaiting int      `yaml:"max_waiting" min:"0" max:"100000"`
	// CallerGrace and AgentGrace are how long a lost connection is awaited back.
	CallerGrace     Duration `yaml:"caller_grace" max:"10m"`
	AgentGrace      Duration `yaml:"agent_grace" min:"5s" max:"10m"`
	TransferTimeout Duration `yaml:"transfer_timeout" min:"5s" max:"10m"`
	WrapUp          Duration `yaml:"wrap_up" max:"1h"`
	// MissedBreak is after how many calls that an agent let ring in a row the agent is taken to be on a break; 0 is never.
	MissedBreak  int      `yaml:"missed_break" min:"0" max:"100"`
	QualityEvery Duration `yaml:"quality_every" min:"1s" max:"1m"`
	ServiceLevel Duration `yaml:"service_level" min:"1s" max:"1h"`
	// Timezone is that of hours and of the day in statistics.
	Timezone     string   `yaml:"timezone"`
	HistoryDays  int      `yaml:"history_days" min:"0" max:"36500"`
	Outcomes     []string `yaml:"outcomes"`
	QuickReplies []string `yaml:"quick_replies"`
	// SessionTTL is how long a log-in lasts.
	SessionTTL Duration `yaml:"session_ttl" min:"5m" max:"168h"`
	// Agents is secret as a whole, as other lists with secrets are.
	Agents   []DeskAgent `yaml:"agents" secret:"true"`
	OIDC     OIDC        `yaml:"oidc"`
	Webhooks []Webhook   `yaml:"webhooks" secret:"true"`
}

// DeskAgent is somebody who may log in to the desk. Name is the agentID too.
type DeskAgent struct {
	Name string `yaml:"name"`
	// Password is a hash, of bcrypt or argon2id.
	Password string   `yaml:"password" secret:"true"`
	NickName string   `yaml:"nick_name"`
	Role     string   `yaml:"role" choice:"agent,supervisor,admin" default:"agent"`
	Queues   []string `yaml:"queues"`
	Skills   []string `yaml:"skills"`
}

// OIDC is a provider of OpenID Connect by which agents log in; an empty Issuer means that there is none.
type OIDC struct {
	Issuer       string   `yaml:"issuer"`
	ClientID     string   `yaml:"client_id"`
	ClientSecret string   `yaml:"client_secret" secret:"true"`
	Scopes       []string `yaml:"scopes"`
	// The claims of the ID token that say who it is. Role holds agent, supervisor or admin, queues and skills lists.
	NameClaim   string `yaml:"name_claim"`
	RoleClaim   string `yaml:"role_claim"`
	QueuesClaim string `yaml:"queues_claim"`
	SkillsClaim string `yaml:"skills_claim"`
}

// Queue is where users call. What is empty is as the desk says.
type Queue struct {
	ID          string   `yaml:"id"`
	Name        string   `yaml:"name"`
	Priority    int      `yaml:"priority" min:"-1000" max:"1000"`
	Skills      []string `yaml:"skills"`
	RingTimeout Duration `yaml:"ring_timeout" max:"5m"`
	MaxWait     Duration `yaml:"max_wait" max:"24h"`
	MaxWaiting  int      `yaml:"max_waiting" min:"0" max:"100000"`
	// OnReject is OnRejectNext or OnRejectEnd.
	OnReject string `yaml:"on_reject" choice:"next,end" default:"next"`
	// Hours are spans such as Mon-Fri 09:00-18:00; none means always.
	Hours      []string `yaml:"hours"`
	ClosedDays []string `yaml:"closed_days"`
	Timezone   string   `yaml:"timezone"`
	// Overflow takes calls while the queue is closed or full, and those that have waited for OverflowAfter.
	Overflow      string   `yaml:"overflow"`
	OverflowAfter Duration `yaml:"overflow_after" max:"24h"`
	// Callback lets users ask to be called back.
	Callback      bool   `yaml:"callback"`
	WaitMessage   string `yaml:"wait_message"`
	HoldMessage   string `yaml:"hold_message"`
	ClosedMessage string `yaml:"closed_message"`
	FullMessage   string `yaml:"full_message"`
}

// The values of on_reject, and of an agent's role.
const (
	OnRejectNext = "next"
	OnRejectEnd  = "end"

	RoleAgent      = "agent"
	RoleSupervisor = "supervisor"
	RoleAdmin      = "admin"
)

// ZoneOf is the time zone of a queue.
func (d Desk) ZoneOf(q Queue) string {
	if q.Timezone != "" {
		return q.Timezone
	}
	return d.Timezone
}

func (l *loader) desk() {
	d := l.cfg.Desk
	if _, err := call.ParseHours(d.Timezone, nil, nil); err != nil {
		l.fault("desk.timezone", d.Timezone, "is not a time zone", "write one like Asia/Shanghai")
	}
	ids := l.queues()
	names := map[string]string{}
	for i, a := range d.Agents {
		path := fmt.Sprintf("desk.agents[%d]", i)
		if l.broken[path] {
			continue
		}
		if !isWord(a.Name) || len(a.Name) > call.MaxAgentID {
			l.fault(path+".name", "", "is not a name", fmt.Sprintf("write up to %d letters, digits, _ and -", call.MaxAgentID))
		} else if first, twice := names[a.Name]; twice {
			l.fault(path+".name", "", "is the name of "+first+" too", "give each agent a name of their own")
		}
		names[a.Name] = path
		if !isPasswordHash(a.Password) {
			l.fault(path+".password", "", "is not a hash of a password", "write what hutong password prints")
		}
		for j, q := range a.Queues {
			if !slices.Contains(ids, q) {
				l.fault(fmt.Sprintf("%s.queues[%d]", path, j), "", "is not one of queues", "write the id of a queue")
			}
		}
		l.words(path+".skills", a.Skills)
	}
	l.hooks("desk.webhooks", d.Webhooks)
	l.oidc()
}

// isPasswordHash tells the two kinds of hashes by how they begin.
func isPasswordHash(s string) bool {
	for _, prefix := range []string{"$2a$", "$2b$", "$2y$", "$argon2id$v=19$"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

func (l *loader) queues() (ids []string) {
	for _, q := range l.cfg.Queues {
		ids = append(ids, q.ID)
	}
	for i, q := range l.cfg.Queues {
		path := fmt.Sprintf("queues[%d]", i)
		if l.broken[path] {
			continue
		}
		if !isWord(q.ID) {
			l.fault(path+".id", q.ID, "is not an id", "write up to 48 letters, digits, _ and -")
		} else if slices.Index(ids, q.ID) != i {
			l.fault(path+".id", q.ID, "is the id of another queue too", "give each queue an id of its own")
		}
		if _, err := call.ParseHours(l.cfg.Desk.ZoneOf(q), q.Hours, q.ClosedDays); err != nil {
			l.fault(path+".hours", "", err.Error(), "write spans like Mon-Fri 09:00-18:00, days like 2027-01-01, and a zone like Asia/Shanghai")
		}
		if q.Overflow != "" && (q.Overflow == q.ID || !slices.Contains(ids, q.Overflow)) {
			l.fault(path+".overflow", q.Overflow, "is not another one of queues", "write the id of a queue, or clear it")
		}
		if q.OverflowAfter > 0 && q.Overflow == "" {
			l.fault(path+".overflow_after", "", "is set, but overflow is empty", "set overflow to the id of a queue, or remove it")
		}
		if q.RingTimeout != 0 && q.RingTimeout < seconds(3) {
			l.fault(path+".ring_timeout", q.RingTimeout.String(), "is too short to answer", "write at least 3s, or remove it")
		}
		l.words(path+".skills", q.Skills)
	}
	return ids
}

func (l *loader) words(path string, all []string) {
	for i, s := range all {
		if !isWord(s) {
			l.fault(fmt.Sprintf("%s[%d]", path, i), "", "is not a word", "write up to 48 letters, digits, _ and -")
		}
	}
}

func (l *loader) oidc() {
	o := l.cfg.Desk.OIDC
	if o.Issuer == "" {
		return
	}
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Scheme != "https" && !strings.HasPrefix(u.Host, "127.0.0.1") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		l.fault("desk.oidc.issuer", "", "is not an https URL", "write the provider's issuer, like https://login.example.com/realms/company")
	}
	if o.ClientID == "" {
		l.fault("desk.oidc.client_id", "", "is empty", "write the client's id at the provider")
	}
	if l.cfg.HTTP.PublicURL == "" {
		l.fault("desk.oidc.issuer", "", "is set, but http.public_url is empty", "set it: the provider sends agents back there")
	}
}
