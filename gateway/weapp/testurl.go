package weapp

// The debug pages push to one address and play from others. All are of one
// stream, a new one for each page that pushes; whoever plays gets the newest.

func (s *Service) testPushURL(k *call) (answer, error) {
	if !s.c.LoginInfo {
		return nil, deny("test addresses are off with get_login_info (weapp.login_info)")
	}
	h := s.hostsOf(k.c.BaseURL())
	stream := app + "/" + s.newStream("test")
	s.tested.Store(&stream)
	play := s.play(h, stream)
	return answer{"url_push": s.push(h, stream), "url_play_flv": h.mixed(stream), "url_play_rtmp": play,
		"url_play_hls": "", "url_play_acc": play}, nil
}

func (s *Service) testPlayURL(k *call) (answer, error) {
	if !s.c.LoginInfo {
		return nil, deny("test addresses are off with get_login_info (weapp.login_info)")
	}
	stream := app + "/" + s.c.BizID + "_test"
	if newest := s.tested.Load(); newest != nil {
		stream = *newest
	}
	return answer{"url_rtmpacc": s.play(s.hostsOf(k.c.BaseURL()), stream)}, nil
}
