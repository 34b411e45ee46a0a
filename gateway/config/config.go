// Package config turns a YAML file and the process environment into one checked Config.
//
// The life of a configuration has three steps: Default fills in every option, the file and then the environment
// override some of them, and validation refuses what could not work. Nothing here opens a listener or keeps a file
// open, and nothing is half accepted: Load either returns a Config that every other package may trust without looking
// again, or an *Error that lists every problem found, each with its place, its value and the fix.
package config

// Config holds every option of the gateway. The yaml tags are the option names; joined with dots they make an option's
// path (rtmp.tls.cert), from which the name of its environment variable follows (HUTONG_RTMP_TLS_CERT, see EnvName).
// The choice, min and max tags bound a value by itself; what values mean to each other is in validate.go. In an entry of
// a list the default tag is the default. No problem quotes a value whose tag says secret, or one within a list that does.
// configs/hutong.yaml explains each option and what it trades.
type Config struct {
	// DataDir is relative to the working directory, and created when needed.
	DataDir   string    `yaml:"data_dir"`
	Log       Log       `yaml:"log"`
	HTTP      HTTP      `yaml:"http"`
	RTMP      RTMP      `yaml:"rtmp"`
	WebRTC    WebRTC    `yaml:"webrtc"`
	Stream    Stream    `yaml:"stream"`
	Audio     Audio     `yaml:"audio"`
	Auth      Auth      `yaml:"auth"`
	Rooms     Rooms     `yaml:"rooms"`
	Weapp     Weapp     `yaml:"weapp"`
	Desk      Desk      `yaml:"desk"`
	Queues    []Queue   `yaml:"queues"`
	Mix       Mix       `yaml:"mix"`
	Recording Recording `yaml:"recording"`
	State     State     `yaml:"state"`
	Metrics   Metrics   `yaml:"metrics"`
	Pprof     Pprof     `yaml:"pprof"`
	Drain     Drain     `yaml:"drain"`
}

// Log says what is logged and in which shape.
type Log struct {
	// Level is LevelDebug, LevelInfo, LevelWarn or LevelError.
	Level string `yaml:"level" choice:"debug,info,warn,error"`
	// Format is FormatText or FormatJSON.
	Format string `yaml:"format" choice:"text,json"`
}

// HTTP is the page, the API, WHIP, WHEP, HTTP-FLV, health and metrics: everything on the one HTTP listener.
type HTTP struct {
	Address string `yaml:"address"`
	// PublicURL is how clients reach Address, without a trailing slash; "" derives it from each request.
	PublicURL string `yaml:"public_url"`
	TLS       TLS    `yaml:"tls"`
	// CORSOrigins is ["*"], or origins such as https://app.example.com.
	CORSOrigins    []string `yaml:"cors_origins"`
	MaxConnections int      `yaml:"max_connections" min:"1" max:"1000000"`
	ReadTimeout    Duration `yaml:"read_timeout" min:"1s" max:"10m"`
	WriteTimeout   Duration `yaml:"write_timeout" min:"1s" max:"10m"`
	MaxBody        Size     `yaml:"max_body" min:"4KiB" max:"16MiB"`
}

// TLS names a PEM certificate chain and its key. Both are empty (no TLS) or both name files that fit together.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// Enabled reports whether a certificate is configured.
func (t TLS) Enabled() bool { return t.Cert != "" }

// RTMP is the listener for phones, and optionally a second one for RTMPS.
type RTMP struct {
	Address string  `yaml:"address"`
	TLS     RTMPTLS `yaml:"tls"`
	// MaxConnections counts plain RTMP and RTMPS together.
	MaxConnections int `yaml:"max_connections" min:"1" max:"1000000"`
	// MaxConnectionsPerIP is generous, for the phones of one office or carrier share an address.
	MaxConnectionsPerIP int      `yaml:"max_connections_per_ip" min:"1" max:"1000000"`
	ReadTimeout         Duration `yaml:"read_timeout" min:"1s" max:"10m"`
	WriteTimeout        Duration `yaml:"write_timeout" min:"1s" max:"10m"`
	MaxMessage          Size     `yaml:"max_message" min:"64KiB" max:"64MiB"`
}

// RTMPTLS is the RTMPS listener. An empty Address means there is none.
type RTMPTLS struct {
	Address string `yaml:"address"`
	Cert    string `yaml:"cert"`
	Key     string `yaml:"key"`
}

// WebRTC is how browsers' media reaches the gateway: one UDP port and, when TCPAddress is not empty, one TCP port.
type WebRTC struct {
	UDPAddress string `yaml:"udp_address"`
	TCPAddress string `yaml:"tcp_address"`
	// ExternalIPs are announced beside the machine's own addresses, for instance behind NAT.
	ExternalIPs []string `yaml:"external_ips"`
	ICELite     bool     `yaml:"ice_lite"`
	// ICEServers are handed to browsers.
	ICEServers []ICEServer `yaml:"ice_servers"`
	// Simulcast has call pages send their picture in several sizes.
	Simulcast bool `yaml:"simulcast"`
	// Loopback is LoopbackAuto, LoopbackOn or LoopbackOff; see OfferLoopback.
	Loopback string `yaml:"loopback" choice:"auto,true,false"`
	MaxPeers int    `yaml:"max_peers" min:"1" max:"1000000"`
}

// ICEServer is a STUN or TURN server for browsers. TURN needs a user name and a credential.
type ICEServer struct {
	// URLs are stun:HOST[:PORT], turn:HOST[:PORT][?transport=udp|tcp], or stuns:, turns:.
	URLs       []string `yaml:"urls"`
	Username   string   `yaml:"username"`
	Credential string   `yaml:"credential" secret:"true"`
}

// OfferLoopback reports whether 127.0.0.1 and ::1 are among the ICE candidates offered. LoopbackAuto offers them where
// media listens on a loopback address only, since nothing else could be offered there.
func (w WebRTC) OfferLoopback() bool {
	if w.Loopback == LoopbackAuto {
		return isLoopback(w.UDPAddress)
	}
	return w.Loopback == LoopbackOn
}

// Stream is the behaviour of streams, whichever protocol carries them.
type Stream struct {
	// Takeover is TakeoverReplace or TakeoverRefuse.
	Takeover string `yaml:"takeover" choice:"replace,refuse"`
	// PublisherGrace is how long a stream waits for a publisher whose connection broke; 0 ends it at once.
	PublisherGrace Duration `yaml:"publisher_grace" max:"10m"`
	// PlayWait is how long a player waits for a stream that is not there; 0 is not at all.
	PlayWait Duration `yaml:"play_wait" max:"10m"`
	// CrossingLinger is how long an ingress or egress without users lives on.
	CrossingLinger Duration `yaml:"crossing_linger" max:"10m"`
	// MaxLag is the media time that a slow player may queue before it loses frames.
	MaxLag Duration `yaml:"max_lag" min:"100ms" max:"1m"`
	// GOPMaxBytes and GOPMaxDuration bound the cached group of pictures of each stream.
	GOPMaxBytes    Size     `yaml:"gop_max_bytes" min:"64KiB" max:"1GiB"`
	GOPMaxDuration Duration `yaml:"gop_max_duration" min:"1s" max:"5m"`
	MaxStreams     int      `yaml:"max_streams" min:"1" max:"1000000"`
	// MaxPlayers is per stream.
	MaxPlayers int `yaml:"max_players" min:"1" max:"1000000"`
	// Path is PathLive or PathStandard, for RTMP and HTTP-FLV players.
	Path string `yaml:"path" choice:"live,standard"`
	// StandardMerge is how much media PathStandard gathers into one write.
	StandardMerge Duration `yaml:"standard_merge" min:"10ms" max:"5s"`
}

// Audio is the quality of transcoded audio, in bits per second. Audio that stays in its world is never transcoded.
type Audio struct {
	OpusBitrate int `yaml:"opus_bitrate" min:"32000" max:"255000"` // for each channel
	AACBitrate  int `yaml:"aac_bitrate" min:"16000" max:"320000"`
}

// Metrics switches GET /metrics.
type Metrics struct {
	Enabled bool `yaml:"enabled"`
}

// Pprof switches GET /debug/pprof/.
type Pprof struct {
	Enabled bool `yaml:"enabled"`
}

// Drain is the end, after SIGTERM.
type Drain struct {
	// Mode is DrainCut or DrainFinish.
	Mode string `yaml:"mode" choice:"cut,finish"`
	// Timeout is how long what is open may take; more than maxCut only with DrainFinish.
	Timeout Duration `yaml:"timeout" max:"24h"`
}

// The values of options that are a choice.
const (
	LevelDebug = "debug"
	LevelInfo  = "info"
	LevelWarn  = "warn"
	LevelError = "error"

	FormatText = "text"
	FormatJSON = "json"

	LoopbackAuto = "auto"
	LoopbackOn   = "true"
	LoopbackOff  = "false"

	// TakeoverReplace lets a newcomer with the same right take over a stream's name; TakeoverRefuse keeps the first.
	TakeoverReplace = "replace"
	TakeoverRefuse  = "refuse"

	// PathLive writes every frame to RTMP and HTTP-FLV players as it comes; PathStandard gathers them to save CPU.
	PathLive     = "live"
	PathStandard = "standard"

	// AuthOpen lets everybody do everything; AuthToken wants a key, a token or a signature.
	AuthOpen  = "open"
	AuthToken = "token"

	// DrainCut tells everybody to go; DrainFinish lets those publish who do, and ends with the last of them.
	DrainCut    = "cut"
	DrainFinish = "finish"

	HashMD5    = "md5"
	HashSHA256 = "sha256"

	// SignRequired wants a signature or a token. SignOptional also lets unsigned players in, on the standard path.
	// SignOff takes no signature: only a token opens.
	SignRequired = "required"
	SignOptional = "optional"
	SignOff      = "off"
)
