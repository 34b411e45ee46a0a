package testmedia

import (
	"net"
	"testing"
	"time"
)

// echo answers every packet on a loopback port until the test ends.
func echo(t *testing.T) string {
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 2048)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			_, _ = conn.WriteToUDP(buf[:n], from)
		}
	}()
	t.Cleanup(func() { conn.Close(); <-done })
	return conn.LocalAddr().String()
}

func TestRelayLosesMediaOnly(t *testing.T) {
	run := func() (media, other int) {
		relay := NewRelay(t, echo(t), Loss{ToServer: 0.1, Delay: 5 * time.Millisecond, Seed: 7})
		client, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: relay.Port()})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		rtp, stun := make([]byte, 1000), make([]byte, 100)
		rtp[0], rtp[1] = 0x80, 96
		buf := make([]byte, 2048)
		for range 500 {
			_, _ = client.Write(rtp)
			_, _ = client.Write(stun) // never lost: its echo says that both have passed
			for {
				_ = client.SetReadDeadline(time.Now().Add(20 * time.Second))
				n, err := client.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				if n == len(stun) {
					other++
					break
				}
				media++
			}
		}
		if dropped, passed := relay.Counts(); int(dropped) != 500-media || passed < int64(media) {
			t.Errorf("counted %d dropped, %d passed; %d of 500 arrived", dropped, passed, media)
		}
		return media, other
	}
	media, other := run()
	if other != 500 || media < 420 || media > 480 {
		t.Errorf("%d of 500 media and %d of 500 other packets passed a loss of 10 %%", media, other)
	}
	if again, _ := run(); again != media {
		t.Errorf("the same seed passed %d, then %d", media, again)
	}
}
