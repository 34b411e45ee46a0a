package sfu

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"

	"github.com/pion/webrtc/v4"

	"hutong/sfu/internal/seal"
)

// path is where a peer's packets go, for the tracks that are sealed by us: one
// of our UDP sockets and an address, or the connection of an ICE-TCP peer.
type path struct {
	socket int // of network.batches
	to     netip.AddrPort
	tcp    *queueConn
}

// watchPath keeps the link's path at what ICE has selected. It is called before
// ICE starts.
func (p *peer) watchPath() {
	if p.handshake == nil {
		return
	}
	ice := p.pc.SCTP().Transport().ICETransport()
	ice.OnSelectedCandidatePairChange(func(*webrtc.ICECandidatePair) { p.findPath() })
}

// findPath takes the pair that ICE has selected by now. A pair that cannot be
// served without pion ends a peer that has tracks sealed by us: its player
// connects again.
func (p *peer) findPath() {
	p.finding.Lock()
	defer p.finding.Unlock()
	pair, err := p.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return
	}
	next := p.sfu.net.pathOf(pair)
	p.path.Store(next)
	p.quality.moved()
	if next == nil && p.sealed.Load() {
		p.shutdown(ErrPeerLost)
	}
}

// secure is called once, when DTLS has finished.
func (p *peer) secure() {
	if p.handshake == nil {
		return
	}
	p.findPath()
	session, err := p.handshake.Session()
	if err != nil {
		p.sfu.config.Logger.Debug("packets are sealed by pion", "peer", p.id, "stream", p.name, "reason", err)

		return
	}
	p.session = session
}

// pathOf finds the socket of a candidate pair; nil if it is none of ours.
func (n *network) pathOf(pair *webrtc.ICECandidatePair) *path {
	ip, err := netip.ParseAddr(pair.Remote.Address)
	if err != nil || pair.Local.Typ == webrtc.ICECandidateTypeRelay {
		return nil
	}
	to := netip.AddrPortFrom(ip, pair.Remote.Port)
	if pair.Local.Protocol == webrtc.ICEProtocolTCP {
		if q := n.queues.find(to); q != nil {
			return &path{tcp: q}
		}

		return nil
	}
	// The local address may be one that a NAT translates to the socket's: then
	// the socket must be the only one of its family.
	only := -1
	for i, b := range n.batches {
		a, ok := b.LocalAddr().(*net.UDPAddr)
		if !ok || (a.IP.To4() != nil) != ip.Is4() {
			continue
		}
		if a.IP.String() == pair.Local.Address {
			return &path{socket: i, to: to}
		}
		if only >= 0 {
			return nil
		}
		only = i
	}
	if only < 0 {
		return nil
	}

	return &path{socket: only, to: to}
}

// hasRelay reports whether peers may be reached by TURN, which only pion speaks.
func (c *Config) hasRelay() bool {
	for _, s := range c.ICEServers {
		for _, u := range s.URLs {
			if strings.HasPrefix(u, "turn") {
				return true
			}
		}
	}

	return false
}

// chooseSealer decides, once for an SSRC, who seals its packets. Callers hold mu.
func (d *downTrack) chooseSealer() {
	d.chosen, d.sealer = true, nil
	l := d.sub.link
	if l.session == nil {
		return
	}
	if l.path.Load() == nil {
		_ = l.session.Reserve(d.hdr.SSRC)

		return
	}
	sealer, err := l.session.Stream(d.hdr.SSRC, d.hist != nil && d.rtxSSRC == 0)
	if err != nil {
		d.w = nil // neither of us may send on it

		return
	}
	l.sealed.Store(true)
	d.sealer = sealer
	if d.rtxSSRC != 0 && l.session.Reserve(d.rtxSSRC) != nil {
		d.rtxSSRC = 0
	}
}

// write sends one packet. Like pion it returns 0 where the packet was not taken.
func (d *downTrack) write(s *shard, p *packet) (int, error) {
	if d.sealer == nil {
		return d.w.WriteRTP(&d.hdr, p.payload)
	}
	to := d.sub.link.path.Load()
	if to == nil {
		return 0, errNoPath
	}
	in := seal.Packet{
		PayloadType: d.hdr.PayloadType, Marker: d.hdr.Marker, Sequence: d.hdr.SequenceNumber, Timestamp: d.hdr.Timestamp,
		Payload: p.payload,
	}
	size := len(p.payload) + seal.Overhead
	if to.tcp != nil {
		out, err := d.sealer.Seal(frameFor(size), &in)
		if err != nil {
			return 0, err
		}

		return to.tcp.offer(out)
	}
	w := s.writers[to.socket]
	out, err := d.sealer.Seal(w.Room(size), &in)
	if err != nil {
		return 0, err
	}
	w.Add(out, to.to)

	return len(out), nil
}

// repeat sends a packet again as it was: on an SSRC that is sealed by us there
// is no other way.
func (d *downTrack) repeat(h *sent) (int, error) {
	to := d.sub.link.path.Load()
	if to == nil {
		return 0, errNoPath
	}
	in := seal.Packet{
		PayloadType: d.hdr.PayloadType, Marker: h.p.marker, Sequence: h.seq, Timestamp: h.ts, Payload: h.p.payload,
	}
	out, err := d.sealer.Repeat(frameFor(len(in.Payload)+seal.Overhead), &in)
	if err != nil {
		return 0, err
	}
	if to.tcp != nil {
		return to.tcp.offer(out)
	}

	return d.sub.link.sfu.net.batches[to.socket].WriteToAddrPort(out[frameSize:], to.to)
}

var errNoPath = errors.New("sfu: no candidate pair is selected")

const frameSize = 2

// frameFor begins a packet of a size as it is sent over TCP, after its length
// (RFC 4571 §2).
func frameFor(size int) []byte {
	return binary.BigEndian.AppendUint16(make([]byte, 0, frameSize+size), uint16(size))
}
