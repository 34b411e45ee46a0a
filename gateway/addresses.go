package gateway

import (
	"net"
	"net/netip"
	"strconv"
)

// MachineAddresses are the addresses by which other machines may reach this one:
// of every interface that is up, without loopback and link-local ones.
func MachineAddresses() []netip.Addr {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var found []netip.Addr
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil {
				continue
			}
			if ip := p.Addr().Unmap(); ip.IsGlobalUnicast() {
				found = append(found, ip)
			}
		}
	}
	return found
}

// maxShown bounds how many addresses of the machine are printed.
const maxShown = 4

// inNetwork is where others reach a listener: nothing for one address only,
// HOST:PORT for each address of the machine otherwise.
func inNetwork(a net.Addr) []string {
	bound, err := netip.ParseAddrPort(a.String())
	if err != nil || !bound.Addr().IsUnspecified() {
		return nil
	}
	var reach []string
	for _, ip := range MachineAddresses() {
		if len(reach) < maxShown {
			reach = append(reach, net.JoinHostPort(ip.String(), strconv.Itoa(int(bound.Port()))))
		}
	}
	return reach
}
