package config

import (
	"fmt"
	"net/url"
	"path"
	"slices"
	"strings"
)

// Recording is what is recorded, and where it goes.
type Recording struct {
	// Directory is where recordings are written; "" is data_dir/recordings.
	Directory string          `yaml:"directory"`
	Rules     []RecordingRule `yaml:"rules"`
	// Keep is how long a recording is kept that no rule says otherwise of; 0 is for ever.
	Keep Duration `yaml:"keep" max:"876000h"`
	// Linger is how long a recording waits for a publisher before it ends.
	Linger     Duration `yaml:"linger" min:"1s" max:"1h"`
	SplitAfter Duration `yaml:"split_after" min:"10s" max:"24h"`
	SplitBytes Size     `yaml:"split_bytes" min:"1MiB" max:"1024GiB"`
	// MaxLag is how much media may wait for the disk.
	MaxLag Duration `yaml:"max_lag" min:"1s" max:"1m"`
	// SigningKey is an Ed25519 key in PKCS #8 PEM; "" makes one in data_dir.
	SigningKey string             `yaml:"signing_key"`
	LinkTTL    Duration           `yaml:"link_ttl" min:"10s" max:"168h"`
	Notice     bool               `yaml:"notice"`
	Disk       RecordingDisk      `yaml:"disk"`
	Store      RecordingStore     `yaml:"store"`
	Composite  RecordingComposite `yaml:"composite"`
	Webhooks   []Webhook          `yaml:"webhooks" secret:"true"`
}

// RecordingRule says what is recorded without being asked for. An entry matches by exactly one of All, Queue, Room and
// Stream; the last two are patterns as path.Match has them.
type RecordingRule struct {
	Name   string `yaml:"name"`
	All    bool   `yaml:"all"`
	Queue  string `yaml:"queue"`
	Room   string `yaml:"room"`
	Stream string `yaml:"stream"`
	// Keep is how long what the rule records is kept; 0 is as recording.keep says.
	Keep Duration `yaml:"keep" max:"876000h"`
	// Composite is the layout of a composite made afterwards.
	Composite string `yaml:"composite" choice:"none,side_by_side,grid,pip" default:"none"`
}

// RecordingDisk is what happens when the disk gets full.
type RecordingDisk struct {
	// AlarmFree raises the alarm, MinFree is never used up.
	AlarmFree Size `yaml:"alarm_free"`
	MinFree   Size `yaml:"min_free" min:"1MiB" max:"1024GiB"`
	// WhenFull is DiskRefuse or DiskOldest.
	WhenFull string `yaml:"when_full" choice:"refuse,oldest"`
}

// RecordingStore is where recordings go once they are whole; an empty URL keeps them on the disk.
type RecordingStore struct {
	URL string `yaml:"url"`
	// AccessKey and SecretKey are of an S3 store; empty takes them from where the AWS tools do.
	AccessKey string   `yaml:"access_key"`
	SecretKey string   `yaml:"secret_key" secret:"true"`
	Prefix    string   `yaml:"prefix"`
	KeepLocal Duration `yaml:"keep_local" max:"8760h"`
	Uploads   int      `yaml:"uploads" min:"1" max:"32"`
	// Timeout is how long the store may be silent before an upload begins anew.
	Timeout Duration `yaml:"timeout" min:"1s" max:"10m"`
}

// RecordingComposite is how the sides of a call become one file.
type RecordingComposite struct {
	FFmpeg  string `yaml:"ffmpeg"`
	Threads int    `yaml:"threads" min:"1" max:"64"`
	Jobs    int    `yaml:"jobs" min:"1" max:"16"`
	Nice    int    `yaml:"nice" min:"0" max:"19"`
	Width   int    `yaml:"width" min:"160" max:"3840"`
	Height  int    `yaml:"height" min:"120" max:"2160"`
	FPS     int    `yaml:"fps" min:"1" max:"60"`
	Bitrate int    `yaml:"bitrate" min:"100000" max:"50000000"`
	// Burn is whether time and names are written into the picture. Font is a file with the names' characters.
	Burn bool   `yaml:"burn"`
	Font string `yaml:"font"`
}

// The values of when_full, and of composite.
const (
	DiskRefuse = "refuse"
	DiskOldest = "oldest"

	CompositeNone       = "none"
	CompositeSideBySide = "side_by_side"
	CompositeGrid       = "grid"
	CompositePIP        = "pip"
)

// RecordingLayouts are the layouts of a composite.
var RecordingLayouts = []string{CompositeSideBySide, CompositeGrid, CompositePIP}

func (l *loader) recording() {
	r := l.cfg.Recording
	var queues []string
	for _, q := range l.cfg.Queues {
		queues = append(queues, q.ID)
	}
	for i, rule := range r.Rules {
		at := fmt.Sprintf("recording.rules[%d]", i)
		if l.broken[at] {
			continue
		}
		n := 0
		for _, set := range []bool{rule.All, rule.Queue != "", rule.Room != "", rule.Stream != ""} {
			if set {
				n++
			}
		}
		if n != 1 {
			l.fault(at, "", "does not say what to record by exactly one of all, queue, room and stream", "write all: true, queue: ID, room: PATTERN or stream: PATTERN")
			continue
		}
		if rule.Queue != "" && !slices.Contains(queues, rule.Queue) {
			l.fault(at+".queue", rule.Queue, "is not one of queues", "write the id of a queue")
		}
		for key, pattern := range map[string]string{"room": rule.Room, "stream": rule.Stream} {
			if _, err := path.Match(pattern, ""); err != nil {
				l.fault(at+"."+key, pattern, "is not a pattern", "write a name in which * stands for any characters")
			}
		}
	}
	if r.Disk.AlarmFree < r.Disk.MinFree {
		where := "recording.disk.alarm_free"
		if !l.isSet(where) && l.isSet("recording.disk.min_free") {
			where = "recording.disk.min_free"
		}
		l.fault(where, "", "the alarm would come after the disk is taken for full", "set alarm_free above min_free")
	}
	l.recordingStore(r.Store)
	l.hooks("recording.webhooks", r.Webhooks)
}

func (l *loader) recordingStore(s RecordingStore) {
	if s.URL == "" {
		if s.AccessKey != "" || s.SecretKey != "" {
			l.fault("recording.store.url", "", "is empty, but a key is set", "write it like s3://BUCKET?region=eu-west-1, or remove the keys")
		}
		return
	}
	u, err := url.Parse(s.URL)
	if err != nil || u.Scheme != "s3" && u.Scheme != "file" || u.User != nil || u.Scheme == "s3" && u.Host == "" || u.Scheme == "file" && !strings.HasPrefix(u.Path, "/") {
		l.fault("recording.store.url", s.URL, "is not the address of a store", "write s3://BUCKET?region=...&endpoint=https://HOST&use_path_style=true, or file:///DIRECTORY")
		return
	}
	if (s.AccessKey == "") != (s.SecretKey == "") {
		l.fault("recording.store.access_key", "", "one of access_key and secret_key is empty", "set both, or neither to take them from the environment")
	}
	if strings.HasPrefix(s.Prefix, "/") || strings.Contains(s.Prefix, "..") {
		l.fault("recording.store.prefix", s.Prefix, "is not a prefix", "write it like hutong/")
	}
}
