package gateway

import "hutong/gateway/weapp"

// openWeapp opens the mini-program API, if the configuration wants it.
func (g *Gateway) openWeapp() error {
	if !g.cfg.Weapp.Enabled {
		return nil
	}
	var err error
	g.weapp, err = weapp.New(weapp.Options{Config: g.cfg, Rooms: g.rooms, Store: g.store, Signer: &g.auth, Mixer: g.mixer, Log: g.log,
		Refused: func(reason string) { g.metrics.Refused.WithLabelValues("weapp", reason).Inc() }})
	if err == nil {
		g.auth.Public = g.weapp.Mixed
	}
	return err
}
