package stream

// End ends a stream whose publisher has to go, at once. A name that nobody
// publishes is passed over.
func (r *Registry) End(name string, reason error) {
	r.mu.Lock()
	s := r.streams[name]
	if s == nil {
		r.mu.Unlock()
		return
	}
	s.mu.Lock()
	if p := s.pub; p != nil {
		s.pub = nil
		if p.turn != nil {
			p.turn.end()
		}
		s.log.forget()
		r.kick(p, reason)
	}
	if s.grace != nil {
		s.grace.Stop()
		s.grace = nil
	}
	r.end(s)
	s.mu.Unlock()
	r.mu.Unlock()
	r.opts.OnChange(name)
}
