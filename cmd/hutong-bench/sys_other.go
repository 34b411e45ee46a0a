//go:build !linux

package main

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
)

// errLinux: servers are measured through /proc, and players read with recvmmsg, which only Linux has.
var errLinux = errors.New("hutong-bench measures on Linux only")

func readNow(syscall.RawConn, []byte) (int, error) { return 0, errLinux }

func growBuffer(*net.UDPConn, int) {}

type batch struct{}

func newBatch() *batch { return &batch{} }

func (*batch) receive(syscall.RawConn) (int, error) { return 0, errLinux }
func (*batch) datagram(int) ([]byte, int)           { return nil, 0 }
func (*batch) from(int) netip.AddrPort              { return netip.AddrPort{} }
