package config

import (
	"fmt"
	"net/url"
	"strings"
)

// Rooms is where people meet.
type Rooms struct {
	// Grace is how long a member without a connection or a heartbeat keeps the place.
	Grace Duration `yaml:"grace" min:"5s" max:"10m"`
	// EmptyTimeout is how long a room stays that nobody is in.
	EmptyTimeout Duration `yaml:"empty_timeout" min:"10s" max:"168h"`
	MaxRooms     int      `yaml:"max_rooms" min:"1" max:"1000000"`
	// Webhooks is secret as a whole: a value written in the wrong place of it may be a secret.
	Webhooks []Webhook `yaml:"webhooks" secret:"true"`
}

// Webhook is a back end that is told what happens.
type Webhook struct {
	URL    string `yaml:"url"`
	Secret string `yaml:"secret" secret:"true"`
	// Events are the types to be told, or prefixes such as member_*; none means all.
	Events []string `yaml:"events"`
}

// State is the engine that keeps rooms.
type State struct {
	// Node is this process's name among those that share the state; "" makes one and keeps it in data_dir.
	Node string `yaml:"node"`
	// URL of an external NATS with JetStream; "" runs one inside this process.
	URL         string `yaml:"url" secret:"true"`
	Credentials string `yaml:"credentials"`
	Replicas    int    `yaml:"replicas" min:"1" max:"5"`
	// Sync writes each change through to the disk before it counts.
	Sync bool `yaml:"sync"`
}

func (l *loader) rooms() { l.hooks("rooms.webhooks", l.cfg.Rooms.Webhooks) }

func (l *loader) hooks(list string, hooks []Webhook) {
	for i, w := range hooks {
		path := fmt.Sprintf("%s[%d]", list, i)
		if l.broken[path] {
			continue
		}
		u, err := url.Parse(w.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
			l.fault(path+".url", "", "is not an http or https URL without user and fragment", "write it like https://backend.example.com/hutong/events")
		}
		l.strongKey(path+".secret", w.Secret)
	}
}

func (l *loader) state() {
	s := l.cfg.State
	if s.Node != "" && !isWord(s.Node) {
		l.fault("state.node", s.Node, "is not a name", "write up to 48 letters, digits, _ and -")
	}
	if s.URL == "" {
		if s.Credentials != "" {
			l.fault("state.credentials", s.Credentials, "is set, but state.url is empty", "set the URL, or remove the credentials")
		}
		if s.Replicas != 1 {
			l.fault("state.replicas", fmt.Sprint(s.Replicas), "needs an external NATS", "set state.url, or replicas to 1")
		}
		return
	}
	for _, one := range strings.Split(s.URL, ",") {
		u, err := url.Parse(strings.TrimSpace(one))
		if err != nil || u.Scheme != "nats" && u.Scheme != "tls" || u.Hostname() == "" {
			l.fault("state.url", "", "is not a NATS address", "write it like nats://nats.example.com:4222, several separated by commas")
			return
		}
	}
}
