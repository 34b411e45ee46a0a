package config

import (
	"slices"
	"time"
)

// Default returns a Config with every option at its default. Access is open, so every listener is on loopback: whoever
// opens the gateway to a network does it knowingly.
func Default() *Config {
	return &Config{
		DataDir: "data",
		Log:     Log{Level: LevelInfo, Format: FormatText},
		HTTP: HTTP{
			Address:        "127.0.0.1:8080",
			CORSOrigins:    []string{"*"},
			MaxConnections: 10_000,
			ReadTimeout:    seconds(10),
			WriteTimeout:   seconds(10),
			MaxBody:        64 * KiB,
		},
		RTMP: RTMP{
			Address:             "127.0.0.1:1935",
			MaxConnections:      10_000,
			MaxConnectionsPerIP: 1000,
			ReadTimeout:         seconds(30),
			WriteTimeout:        seconds(10),
			MaxMessage:          4 * MiB,
		},
		WebRTC: WebRTC{
			UDPAddress:  "127.0.0.1:8189",
			TCPAddress:  "127.0.0.1:8189",
			ExternalIPs: []string{},
			ICEServers:  []ICEServer{},
			Simulcast:   true,
			Loopback:    LoopbackAuto,
			MaxPeers:    5000,
		},
		Stream: Stream{
			Takeover:       TakeoverReplace,
			PublisherGrace: seconds(10),
			PlayWait:       seconds(10),
			CrossingLinger: seconds(5),
			MaxLag:         seconds(3),
			GOPMaxBytes:    16 * MiB,
			GOPMaxDuration: seconds(15),
			MaxStreams:     5000,
			MaxPlayers:     10_000,
			Path:           PathLive,
			StandardMerge:  Duration(350 * time.Millisecond),
		},
		Audio: Audio{OpusBitrate: 48_000, AACBitrate: 128_000},
		Auth: Auth{
			Mode:       AuthOpen,
			APIKeys:    []APIKey{},
			TokenTTL:   Duration(6 * time.Hour),
			SignedURLs: []SignedURL{},
			Callout:    Callout{Timeout: seconds(3)},
			Rate:       Rate{PerSecond: 200, Burst: 1000},
		},
		Rooms: Rooms{Grace: seconds(20), EmptyTimeout: seconds(300), MaxRooms: 10_000, Webhooks: []Webhook{}},
		Weapp: Weapp{
			Path:        "/weapp",
			Services:    slices.Clone(WeappServices),
			AccountType: "36862",
			PublicKeys:  []string{},
			LoginInfo:   true,
			UserSigTTL:  hours(30 * 24),
			MapKeyTTL:   hours(1),
			MapKey:      MapKeyRequired,
			TokenTTL:    hours(30 * 24),
			BizID:       "hutong",
			URLTTL:      hours(7 * 24),
			Expiry:      seconds(20),
			IdleRoom:    seconds(120),
			MaxDouble:   2,
			MaxMulti:    4,
			MaxLive:     4,
			MaxWebRTC:   4,
			MaxAudience: 30,
			MaxRoomInfo: 1024,
			History:     20,
			Messages:    Rate{PerSecond: 20, Burst: 60},
			Calls:       Rate{PerSecond: 500, Burst: 2000},
			MaxSockets:  10_000,
		},
		Desk: Desk{
			RingTimeout: seconds(20), RetryAfter: seconds(30), MaxWait: seconds(600), MaxWaiting: 100,
			CallerGrace: seconds(10), AgentGrace: seconds(30), TransferTimeout: seconds(30), WrapUp: seconds(30), MissedBreak: 3,
			QualityEvery: seconds(5), ServiceLevel: seconds(20), Timezone: "UTC",
			Outcomes: []string{}, QuickReplies: []string{}, SessionTTL: Duration(12 * time.Hour), Agents: []DeskAgent{},
			OIDC:     OIDC{Scopes: []string{}, NameClaim: "preferred_username", RoleClaim: "hutong_role", QueuesClaim: "hutong_queues", SkillsClaim: "hutong_skills"},
			Webhooks: []Webhook{},
		},
		Queues: []Queue{},
		Mix: Mix{
			FFmpeg: "ffmpeg", MaxMixes: 8, Preset: "veryfast", MaxFrameRate: 25, Threads: 1, MaxCPU: 100, Nice: 10, Memory: 512 * MiB,
		},
		Recording: Recording{
			Rules: []RecordingRule{}, Linger: seconds(30), SplitAfter: seconds(1800), SplitBytes: GiB, MaxLag: seconds(10),
			LinkTTL: seconds(600), Notice: true,
			Disk:      RecordingDisk{AlarmFree: 10 * GiB, MinFree: GiB, WhenFull: DiskRefuse},
			Store:     RecordingStore{Uploads: 2, Timeout: seconds(30)},
			Composite: RecordingComposite{FFmpeg: "ffmpeg", Threads: 1, Jobs: 1, Nice: 15, Width: 1280, Height: 720, FPS: 25, Bitrate: 1_500_000, Burn: true},
			Webhooks:  []Webhook{},
		},
		State:   State{Replicas: 1},
		Metrics: Metrics{Enabled: true},
		Pprof:   Pprof{Enabled: false},
		Drain:   Drain{Mode: DrainCut, Timeout: seconds(10)},
	}
}

func hours(n int) Duration { return Duration(time.Duration(n) * time.Hour) }

func seconds(n int) Duration { return Duration(time.Duration(n) * time.Second) }
