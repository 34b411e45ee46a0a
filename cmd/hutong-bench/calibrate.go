package main

import (
	"crypto/aes"
	"crypto/cipher"
	"net"
	"syscall"
	"time"
)

// The two steps no gateway can leave out, sealing a packet and handing it to the kernel, cost this much on the machine the
// targets come from: microseconds of CPU for 1,100 bytes by AES-128-GCM, and for one datagram to a loopback socket.
const (
	referenceSeal = 0.68
	referenceSend = 1.84
)

// calibrate measures both here and now. What runs beside the bench slows them as it slows the gateway, so their ratio to
// the reference says how far figures in absolute time can be compared with targets.
func calibrate() (sealUS, sendUS float64, err error) {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		return 0, 0, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return 0, 0, err
	}
	packet, nonce, out := make([]byte, 1100), make([]byte, gcm.NonceSize()), make([]byte, 0, 1200)
	sealUS = cpuPerCall(200_000, func() { gcm.Seal(out, nonce, packet, nil) })

	to, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, 0, err
	}
	defer to.Close()
	from, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, 0, err
	}
	defer from.Close()
	growBuffer(to, 256<<20) // room for all of them: a full socket would drop the rest cheaply
	addr := to.LocalAddr().(*net.UDPAddr).AddrPort()
	sendUS = cpuPerCall(20_000, func() { from.WriteToUDPAddrPort(packet, addr) })
	return sealUS, sendUS, nil
}

// cpuPerCall returns microseconds of this process's CPU, not of the clock on the wall.
func cpuPerCall(n int, call func()) float64 {
	for range n / 10 {
		call()
	}
	before := selfCPU()
	for range n {
		call()
	}
	return float64(selfCPU()-before) / float64(time.Microsecond) / float64(n)
}

func selfCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
