package recording

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"hutong/gateway/config"
)

// plan is what a composite is to be: each side of a call has a place in the
// picture, each file its instant.
type plan struct {
	c      config.RecordingComposite
	layout string
	files  []File
	paths  map[string]string
	work   string // where texts for ffmpeg are written
}

// side is one who takes part.
type side struct {
	name  string
	files []int // in plan.files
	video bool
	tile
}

type tile struct{ x, y, w, h int }

// sides are in the order in which they came.
func (p *plan) sides() []*side {
	var all []*side
	for n, f := range p.files {
		key := f.UserID
		if key == "" {
			key = f.Stream
		}
		at := slices.IndexFunc(all, func(s *side) bool { return s.name == key })
		if at < 0 {
			all = append(all, &side{name: key})
			at = len(all) - 1
		}
		s := all[at]
		s.files = append(s.files, n)
		s.video = s.video || f.Video != nil
	}
	return all
}

// title is what is written below a side's picture.
func (p *plan) title(s *side) string {
	f := p.files[s.files[0]]
	if f.NickName != "" {
		return f.NickName
	}
	return s.name
}

// lay gives each side a place. All numbers are even, as encoders want them.
func (p *plan) lay(sides []*side) {
	w, h, n := p.c.Width&^1, p.c.Height&^1, len(sides)
	cols, rows := n, 1
	switch p.layout {
	case config.CompositeGrid:
		cols = int(math.Ceil(math.Sqrt(float64(n))))
		rows = (n + cols - 1) / cols
	case config.CompositePIP:
		sides[0].tile = tile{0, 0, w, h}
		small := tile{w: w / 4 &^ 1, h: h / 4 &^ 1}
		margin := w / 50 &^ 1
		for i, s := range sides[1:] {
			perColumn := max(1, (h-margin)/(small.h+margin))
			s.tile = tile{w - (small.w+margin)*(1+i/perColumn), h - (small.h+margin)*(1+i%perColumn), small.w, small.h}
		}
		return
	}
	tw, th := w/cols&^1, h/rows&^1
	for i, s := range sides {
		s.tile = tile{(i % cols) * tw, (i / cols) * th, tw, th}
	}
}

// args are ffmpeg's, and how long the composite will be.
func (p *plan) args(out string) ([]string, time.Duration, error) {
	if len(p.files) == 0 {
		return nil, 0, errors.New("the recording has no files")
	}
	first, last := p.files[0].StartedAt, p.files[0].End()
	for _, f := range p.files {
		if f.StartedAt.Before(first) {
			first = f.StartedAt
		}
		if f.End().After(last) {
			last = f.End()
		}
	}
	length := last.Sub(first)
	sides := p.sides()
	var shown []*side
	for _, s := range sides {
		if s.video {
			shown = append(shown, s)
		}
	}
	args := []string{"-hide_banner", "-nostdin", "-nostats", "-loglevel", "error", "-y", "-progress", "pipe:1", "-filter_complex_threads", fmt.Sprint(p.c.Threads)}
	for _, f := range p.files {
		args = append(args, "-threads", fmt.Sprint(p.c.Threads), "-i", p.paths[f.Name])
	}
	var graph []string
	video, err := p.video(shown, first, length)
	if err != nil {
		return nil, 0, err
	}
	graph = append(graph, video...)
	sound := p.sound(first)
	graph = append(graph, sound...)
	args = append(args, "-filter_complex", strings.Join(graph, ";"))
	if len(video) > 0 {
		args = append(args, "-map", "[picture]", "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-threads", fmt.Sprint(p.c.Threads),
			"-b:v", fmt.Sprint(p.c.Bitrate), "-maxrate", fmt.Sprint(p.c.Bitrate*3/2), "-bufsize", fmt.Sprint(p.c.Bitrate*3))
	}
	if len(sound) > 0 {
		args = append(args, "-map", "[sound]", "-c:a", "aac", "-b:a", "128k")
	}
	if len(video) == 0 && len(sound) == 0 {
		return nil, 0, errors.New("the recording has neither pictures nor sound")
	}
	args = append(args, "-t", seconds(length), "-metadata", "creation_time="+first.UTC().Format(time.RFC3339Nano), "-movflags", "+faststart", out)
	return args, length, nil
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// video lays every file on a black picture at its place and its time.
func (p *plan) video(sides []*side, first time.Time, length time.Duration) ([]string, error) {
	if len(sides) == 0 {
		return nil, nil
	}
	p.lay(sides)
	graph := []string{fmt.Sprintf("color=black:s=%dx%d:r=%d:d=%s[p0]", p.c.Width&^1, p.c.Height&^1, p.c.FPS, seconds(length))}
	n := 0
	for _, s := range sides {
		for _, i := range s.files {
			f := p.files[i]
			if f.Video == nil {
				continue
			}
			from := f.StartedAt.Sub(first)
			graph = append(graph,
				fmt.Sprintf("[%d:v]setpts=PTS+%s/TB,fps=%d,scale=%d:%d:force_original_aspect_ratio=decrease:force_divisible_by=2,pad=%d:%d:(ow-iw)/2:(oh-ih)/2,setsar=1[v%d]",
					i, seconds(from), p.c.FPS, s.w, s.h, s.w, s.h, i),
				fmt.Sprintf("[p%d][v%d]overlay=%d:%d:eof_action=pass:enable='between(t,%s,%s)'[p%d]", n, i, s.x, s.y,
					seconds(from), seconds(from+time.Duration(f.DurationMS)*time.Millisecond), n+1))
			n++
		}
	}
	if !p.c.Burn {
		return append(graph, fmt.Sprintf("[p%d]null[picture]", n)), nil
	}
	texts, err := p.texts(sides, first)
	if err != nil {
		return nil, err
	}
	return append(graph, fmt.Sprintf("[p%d]%s[picture]", n, strings.Join(texts, ","))), nil
}

// texts writes the time at the top and names below the pictures. What people are
// called is in files, so that no character of it means anything to ffmpeg.
func (p *plan) texts(sides []*side, first time.Time) ([]string, error) {
	font := "font='Noto Sans CJK SC'"
	if p.c.Font != "" {
		font = "fontfile=" + quoteFilter(p.c.Font)
	}
	size := max(p.c.Height/36, 12)
	draw := func(file, expansion, x, y string) string {
		return fmt.Sprintf("drawtext=%s:fontsize=%d:fontcolor=white:box=1:boxcolor=black@0.5:boxborderw=%d:textfile=%s:expansion=%s:x=%s:y=%s",
			font, size, size/4, quoteFilter(file), expansion, x, y)
	}
	clock := filepath.Join(p.work, "clock.txt")
	// localtime is in the machine's zone, as clocks on its walls.
	text := fmt.Sprintf(`%%{pts:localtime:%d:%%Y-%%m-%%d %%H\:%%M\:%%S}`, first.Unix())
	if err := os.WriteFile(clock, []byte(text), 0o600); err != nil {
		return nil, err
	}
	all := []string{draw(clock, "normal", fmt.Sprint(size/2), fmt.Sprint(size/2))}
	for n, s := range sides {
		name := filepath.Join(p.work, fmt.Sprintf("name%d.txt", n))
		if err := os.WriteFile(name, []byte(p.title(s)), 0o600); err != nil {
			return nil, err
		}
		all = append(all, draw(name, "none", fmt.Sprint(s.x+size/2), fmt.Sprint(s.y+s.h-size*2)))
	}
	return all, nil
}

// quoteFilter writes a path so that neither the filter's options nor the graph see
// a special character in it.
func quoteFilter(path string) string {
	inner := strings.NewReplacer(`\`, `\\`, `:`, `\:`, `'`, `\'`).Replace(path)
	return strings.NewReplacer(`\`, `\\`, `'`, `\'`, `[`, `\[`, `]`, `\]`, `,`, `\,`, `;`, `\;`).Replace(inner)
}

// sound mixes every file from its instant on.
func (p *plan) sound(first time.Time) []string {
	var graph, mixed []string
	for i, f := range p.files {
		if f.Audio == nil {
			continue
		}
		graph = append(graph, fmt.Sprintf("[%d:a]aresample=48000:async=1:first_pts=0,aformat=channel_layouts=stereo,adelay=%d:all=1[a%d]",
			i, f.StartedAt.Sub(first).Milliseconds(), i))
		mixed = append(mixed, fmt.Sprintf("[a%d]", i))
	}
	if len(mixed) == 0 {
		return nil
	}
	return append(graph, fmt.Sprintf("%samix=inputs=%d:normalize=0:dropout_transition=0,alimiter=limit=0.95:level=disabled[sound]", strings.Join(mixed, ""), len(mixed)))
}
