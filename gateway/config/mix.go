package config

// Mix is how live rooms are mixed for their audience: voices here, pictures by ffmpeg.
type Mix struct {
	// FFmpeg is a program's path or name; "" mixes voices alone.
	FFmpeg string `yaml:"ffmpeg"`
	// MaxMixes bounds the mixes with pictures at once; what is beyond it has voices alone.
	MaxMixes int `yaml:"max_mixes" min:"1" max:"1000"`
	// Preset is x264's.
	Preset string `yaml:"preset" choice:"ultrafast,superfast,veryfast,faster,fast,medium"`
	// VideoBitrate is in bits per second; 0 goes by the size of the picture.
	VideoBitrate int `yaml:"video_bitrate" min:"0" max:"20000000"`
	// MaxFrameRate bounds the pictures per second, which are those of the input that has most.
	MaxFrameRate int `yaml:"max_frame_rate" min:"5" max:"60"`
	Threads      int `yaml:"threads" min:"1" max:"64"`
	// MaxCPU is in percent of one core, for all ffmpegs of one mix; 0 is no bound.
	MaxCPU int `yaml:"max_cpu" min:"0" max:"6400"`
	Nice   int `yaml:"nice" min:"0" max:"19"`
	// Memory is of each ffmpeg.
	Memory Size `yaml:"memory" min:"64MiB" max:"64GiB"`
}
