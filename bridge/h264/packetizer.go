package h264

// Packetizer turns access units into RTP payloads (RFC 6184, packetization-mode 1). It is called once per
// stream, whatever the number of players. The zero value is ready.
type Packetizer struct {
	MaxPayload int // bytes per RTP payload; DefaultMaxPayload if 0
}

// minPayload keeps a fragment able to carry something behind its two header bytes.
const minPayload = 16

// Packetize returns the RTP payloads of one access unit, in order; the last one's packet gets the marker.
// They lie back to back in one fresh block and are nobody's to change, so any number of players
// may share them. A key access unit starts with SPS and PPS in a STAP-A: those of cfg, which then
// replace any among nals, or with a nil cfg those among nals. Delimiters, end markers and filler
// are left out. No picture data gives no payloads of it; nothing at all gives nil.
func (p *Packetizer) Packetize(nals [][]byte, cfg *Config, key bool) (payloads [][]byte) {
	limit := max(p.MaxPayload, minPayload)
	if p.MaxPayload == 0 {
		limit = DefaultMaxPayload
	}
	w := payloadWriter{limit: limit}
	w.unit(nals, cfg, key)
	if w.count == 0 {
		return nil
	}
	w.arena = make([]byte, 0, w.size)
	w.payloads = make([][]byte, 0, w.count)
	w.unit(nals, cfg, key)
	return w.payloads
}

// payloadWriter runs twice over an access unit: without an arena it measures, with one it writes.
type payloadWriter struct {
	limit       int
	size, count int
	arena       []byte
	payloads    [][]byte
}

func (w *payloadWriter) unit(nals [][]byte, cfg *Config, key bool) {
	if key {
		if cfg != nil {
			w.sets(cfg.SPS, cfg.PPS)
		} else {
			w.sets(nals, nil)
		}
	}
	for _, nal := range nals {
		switch t := nalType(nal); {
		case t == 0, t >= nalSTAPA, t >= nalAUD && t <= nalFiller:
		case key && (t == nalSPS || t == nalPPS):
		default:
			w.nal(nal)
		}
	}
}

// sets writes the parameter sets among both lists as one STAP-A (section 5.7.1), or one by one where
// they do not fit or there is only one.
func (w *payloadWriter) sets(a, b [][]byte) {
	total, n, ref := 1, 0, byte(0)
	each := func(do func([]byte)) {
		for _, want := range [...]byte{nalSPS, nalPPS} {
			for _, list := range [...][][]byte{a, b} {
				for _, nal := range list {
					if nalType(nal) == want {
						do(nal)
					}
				}
			}
		}
	}
	each(func(nal []byte) { total += 2 + len(nal); n++; ref = max(ref, nal[0]&0x60) })
	if n < 2 || total > w.limit {
		each(w.nal)
		return
	}
	w.size += total
	w.count++
	if w.arena == nil {
		return
	}
	start := len(w.arena)
	w.arena = append(w.arena, ref|nalSTAPA)
	each(func(nal []byte) {
		w.arena = append(w.arena, byte(len(nal)>>8), byte(len(nal)))
		w.arena = append(w.arena, nal...)
	})
	w.cut(start)
}

// nal writes one NAL unit: alone (section 5.6) or in fragments (FU-A, section 5.8), full-sized but the last,
// which suits UDP segmentation.
func (w *payloadWriter) nal(nal []byte) {
	if len(nal) <= w.limit {
		w.size += len(nal)
		w.count++
		if w.arena != nil {
			start := len(w.arena)
			w.arena = append(w.arena, nal...)
			w.cut(start)
		}
		return
	}
	head, body := nal[0], nal[1:]
	room := w.limit - 2
	n := (len(body) + room - 1) / room
	w.size += len(body) + 2*n
	w.count += n
	if w.arena == nil {
		return
	}
	for i := range n {
		part := body[i*room : min((i+1)*room, len(body))]
		fu := head & 0x1f
		if i == 0 {
			fu |= 0x80
		}
		if i == n-1 {
			fu |= 0x40
		}
		start := len(w.arena)
		w.arena = append(w.arena, head&0xe0|nalFUA, fu)
		w.arena = append(w.arena, part...)
		w.cut(start)
	}
}

func (w *payloadWriter) cut(start int) {
	w.payloads = append(w.payloads, w.arena[start:len(w.arena):len(w.arena)])
}
