package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/pion/stun/v4"
)

// validate checks what single values cannot say: addresses, URLs, and options that contradict each other. It touches
// nothing outside the Config.
func (l *loader) validate() {
	c := l.cfg
	l.listeners()
	l.certificatePair("http.tls", c.HTTP.TLS)
	l.certificatePair("rtmp.tls", TLS{c.RTMP.TLS.Cert, c.RTMP.TLS.Key})
	switch tls := c.RTMP.TLS; {
	case tls.Address != "" && tls.Cert == "" && tls.Key == "":
		l.fault("rtmp.tls.address", tls.Address, "RTMPS needs a certificate",
			"set rtmp.tls.cert and rtmp.tls.key, or clear rtmp.tls.address")
	case tls.Address == "" && tls.Cert != "":
		l.fault("rtmp.tls.cert", tls.Cert, "is set, but RTMPS has no address",
			"set rtmp.tls.address, such as :1936, or clear rtmp.tls.cert and rtmp.tls.key")
	}
	if c.DataDir == "" {
		l.fault("data_dir", "", "is empty", "write the path of a directory, such as data")
	}
	l.publicURL()
	l.corsOrigins()
	l.externalIPs()
	l.iceServers()
	l.auth()
	l.rooms()
	l.desk()
	l.weapp()
	l.recording()
	l.state()
	l.drain()
	if s := c.Stream; s.Path == PathStandard && s.StandardMerge >= s.MaxLag {
		path := "stream.standard_merge"
		if !l.isSet(path) && l.isSet("stream.max_lag") {
			path = "stream.max_lag"
		}
		l.fault(path, "", fmt.Sprintf("stream.standard_merge (%v) is not below stream.max_lag (%v), so every player would lose frames",
			s.StandardMerge, s.MaxLag), "raise stream.max_lag or lower stream.standard_merge")
	}
}

func (l *loader) certificatePair(section string, t TLS) {
	switch {
	case t.Cert != "" && t.Key == "":
		l.fault(section+".cert", t.Cert, "is set without its key", "set "+section+".key to the PEM file of the private key")
	case t.Cert == "" && t.Key != "":
		l.fault(section+".key", t.Key, "is set without its certificate", "set "+section+".cert to the PEM file of the certificate")
	}
}

func (l *loader) publicURL() {
	s := l.cfg.HTTP.PublicURL
	if s == "" {
		return
	}
	u, err := url.Parse(s)
	wrong := ""
	switch {
	case err != nil, u.Scheme != "http" && u.Scheme != "https", u.Hostname() == "":
		wrong = "is not an http or https URL"
	case u.User != nil:
		s, wrong = "", "has a user name or password in it"
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		s, wrong = "", "has a query or fragment"
	case strings.HasSuffix(s, "/"):
		wrong = "ends in a slash"
	}
	if wrong != "" {
		l.fault("http.public_url", s, wrong, `write it like https://call.example.com, or "" to use what each request says`)
	}
}

func (l *loader) corsOrigins() {
	origins := l.cfg.HTTP.CORSOrigins
	for i, s := range origins {
		path := fmt.Sprintf("http.cors_origins[%d]", i)
		if l.broken[path] {
			continue
		}
		if s == "*" {
			if len(origins) > 1 {
				l.fault(path, s, "allows every origin, so the others mean nothing", "keep * alone, or remove it")
			}
			continue
		}
		u, err := url.Parse(s)
		if err != nil || u.Scheme == "" || u.Host == "" || u.User != nil || u.String() != u.Scheme+"://"+u.Host {
			l.fault(path, s, "is not an origin", `write scheme, host and port only, like https://app.example.com, or "*" for all`)
		}
	}
}

func (l *loader) externalIPs() {
	w := l.cfg.WebRTC
	for i, s := range w.ExternalIPs {
		path := fmt.Sprintf("webrtc.external_ips[%d]", i)
		if l.broken[path] {
			continue
		}
		ip, err := netip.ParseAddr(s)
		if err != nil || ip.Zone() != "" {
			l.fault(path, s, "is not an IP address", "write the public address, like 203.0.113.7; names are not looked up")
		} else if ip.IsUnspecified() || ip.IsMulticast() {
			l.fault(path, s, "is not an address that a peer can send to", "write the public address, like 203.0.113.7")
		}
	}
	if len(w.ExternalIPs) > 0 && isLoopback(w.UDPAddress) {
		l.fault("webrtc.external_ips", "", "is set, but webrtc.udp_address is "+w.UDPAddress+", where no other machine reaches it",
			"set webrtc.udp_address to :8189, or clear webrtc.external_ips")
	}
}

func (l *loader) iceServers() {
	for i, server := range l.cfg.WebRTC.ICEServers {
		path := fmt.Sprintf("webrtc.ice_servers[%d]", i)
		if l.broken[path] {
			continue
		}
		if len(server.URLs) == 0 {
			l.fault(path, "", "has no urls", "write urls: [stun:stun.example.com:3478]")
		}
		turn := false
		for j, s := range server.URLs {
			uri, err := stun.ParseURI(s)
			if err != nil || uri.Port < 1 || uri.Port > 65535 {
				if strings.Contains(s, "@") {
					s = "" // somebody wrote the credential into the address
				}
				l.fault(fmt.Sprintf("%s.urls[%d]", path, j), s, "is not a STUN or TURN address",
					"write it like stun:stun.example.com:3478 or turn:turn.example.com:3478?transport=udp")
				continue
			}
			turn = turn || uri.Scheme == stun.SchemeTypeTURN || uri.Scheme == stun.SchemeTypeTURNS
		}
		if turn && (server.Username == "" || server.Credential == "") {
			l.fault(path, "", "is a TURN server without username and credential", "set both; browsers refuse a TURN server without")
		}
	}
}

// maxCut is how long connections may take that have been told to go.
const maxCut = Duration(10 * time.Minute)

func (l *loader) drain() {
	if d := l.cfg.Drain; d.Mode == DrainCut && d.Timeout > maxCut {
		l.fault("drain.timeout", d.Timeout.String(), fmt.Sprintf("is longer than %v, which only drain.mode finish needs", maxCut),
			"shorten it, or set drain.mode: finish")
	}
}
