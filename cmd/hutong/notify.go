package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

// notify tells the service manager that started the process what it is doing, by the protocol of sd_notify(3). Without a
// manager that wants to know, nothing happens.
func notify(state string) error {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return nil
	}
	conn, err := net.Dial("unixgram", socket)
	if err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: %w", err)
	}
	defer conn.Close()
	conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, err = conn.Write([]byte(state))
	return err
}
