package weapp

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"hutong/gateway/auth"
	"hutong/gateway/config"
)

// app is what the API's streams are published under.
const app = "live"

// tailLength is of what follows the userID in a stream's name: _ and 4 hex digits.
// It ends the name, so that no user's name is the beginning of another's.
const tailLength = 5

// newStream names a stream of a user, afresh each time: one in which they are in
// another room would be refused.
func (s *Service) newStream(userID string) (name string) {
	for range 64 {
		name = s.c.BizID + "_" + userID + "_" + random(2)
		if _, _, taken := s.o.Rooms.RoomOf(app + "/" + name); !taken {
			break
		}
	}
	return name
}

// owns says whether a stream was named for the user.
func (s *Service) owns(userID, stream string) bool {
	if len(stream) <= tailLength {
		return false
	}
	name, tail := stream[:len(stream)-tailLength], stream[len(stream)-tailLength:]
	return name == s.c.BizID+"_"+userID && tail[0] == '_' && strings.Trim(tail[1:], "0123456789abcdef") == ""
}

// streamOf is the name in a push address: what is between the last / and ?.
func streamOf(pushURL string) string {
	path, _, _ := strings.Cut(pushURL, "?")
	return path[strings.LastIndexByte(path, '/')+1:]
}

// hosts are where clients find streams.
type hosts struct{ rtmp, http string }

// hostsOf says where, for one who reached this gateway at base.
func (s *Service) hostsOf(base string) hosts {
	h := hosts{rtmp: s.c.PushURL, http: s.c.PlayURL}
	if public := s.o.Config.HTTP.PublicURL; public != "" {
		base = public
	}
	if h.http == "" {
		h.http = base
	}
	if h.rtmp == "" {
		h.rtmp = rtmpAt(base, s.o.Config.RTMP.Address)
	}
	return h
}

// rtmpAt is the RTMP listener as reached at the host of base.
func rtmpAt(base, listen string) string {
	host := "127.0.0.1"
	if u, err := url.Parse(base); err == nil && u.Hostname() != "" {
		host = u.Hostname()
	}
	_, port, _ := net.SplitHostPort(listen)
	if port == "1935" || port == "" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return "rtmp://" + host
	}
	return "rtmp://" + net.JoinHostPort(host, port)
}

func (s *Service) push(h hosts, stream string) string { return s.rtmpURL(h, auth.Publish, stream) }
func (s *Service) play(h hosts, stream string) string { return s.rtmpURL(h, auth.Play, stream) }

// mixed is the address of a room's audience: unsigned, it is the standard path,
// and the mixed picture where one is made.
func (h hosts) mixed(stream string) string {
	if stream == "" {
		return ""
	}
	return h.http + "/" + stream + ".flv"
}

// rtmpURL signs an address of a stream, app/name. Where nobody asks for a
// signature it has one all the same, for clients that look.
func (s *Service) rtmpURL(h hosts, action auth.Action, stream string) string {
	if stream == "" {
		return ""
	}
	expires := s.o.Now().Add(s.c.URLTTL.Std())
	query, ok := s.o.Signer.Sign(action, stream, expires)
	if !ok {
		query = looksSigned(s.c.Key, strings.TrimPrefix(stream, app+"/"), expires)
	}
	return fmt.Sprintf("%s/%s?bizid=%s&%s", h.rtmp, stream, s.c.BizID, query)
}

func looksSigned(key, name string, expires time.Time) string {
	sum := md5.Sum([]byte("hutong unsigned " + key))
	txSecret, txTime := auth.SignURL(config.HashMD5, hex.EncodeToString(sum[:]), name, expires)
	return "txSecret=" + txSecret + "&txTime=" + txTime
}
