package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// network is a network namespace for a browser, with one cable to this one, which
// a test can pull, move to another address, and make thin.
type network struct {
	t          *testing.T
	name       string
	cable      string // our end; the other is called wan
	host       string // our address
	addresses  [2]string
	addressNow int
}

var networks atomic.Int32

const networkPrefix = "hutong-e2e-"

// newNetwork makes one until the test ends. It takes the rights of root, and fails
// without them: a gateway that loses calls when networks change must not pass.
func newNetwork(t *testing.T) *network {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("this test cuts networks in namespaces of their own (ip-netns), for which it has to be root; run it in a container or with sudo")
	}
	removeStale(t)
	number := int(networks.Add(1))
	id, subnet := os.Getpid(), fmt.Sprintf("10.%d.%d.", 100+os.Getpid()%100, os.Getpid()/100%32*8+number%8)
	n := &network{t: t, name: fmt.Sprintf("%s%d-%d", networkPrefix, id, number), cable: fmt.Sprintf("hut%d-%d", id%1_000_000, number),
		host: subnet + "1", addresses: [2]string{subnet + "2", subnet + "3"}}
	t.Cleanup(func() {
		_ = exec.Command("ip", "netns", "del", n.name).Run() // the cable goes with it
		_ = exec.Command("ip", "link", "del", n.cable).Run()
	})
	n.ip("netns", "add", n.name)
	n.ip("link", "add", n.cable, "type", "veth", "peer", "name", "wan", "netns", n.name)
	n.ip("addr", "add", n.host+"/24", "dev", n.cable)
	n.ip("link", "set", n.cable, "up")
	n.ip("-n", n.name, "link", "set", "lo", "up")
	n.ip("-n", n.name, "addr", "add", n.addresses[0]+"/24", "dev", "wan")
	n.plug()
	return n
}

func (n *network) ip(args ...string) { n.run("ip", args...) }

func (n *network) run(tool string, args ...string) {
	n.t.Helper()
	if out, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		n.t.Fatalf("%s %s: %v: %s(network namespaces need root and iproute2, and in a container CAP_NET_ADMIN and CAP_SYS_ADMIN)",
			tool, strings.Join(args, " "), err, out)
	}
}

// pull takes the cable out at the browser's end.
func (n *network) pull() {
	n.t.Helper()
	n.ip("-n", n.name, "link", "set", "wan", "down")
}

// plug puts it in.
func (n *network) plug() {
	n.t.Helper()
	n.ip("-n", n.name, "link", "set", "wan", "up")
	n.ip("-n", n.name, "route", "replace", "default", "via", n.host)
}

// move gives the browser another address, and takes its old one away.
func (n *network) move() {
	n.t.Helper()
	old := n.addresses[n.addressNow]
	n.addressNow = 1 - n.addressNow
	n.ip("-n", n.name, "addr", "del", old+"/24", "dev", "wan")
	n.ip("-n", n.name, "addr", "add", n.addresses[n.addressNow]+"/24", "dev", "wan")
	n.ip("-n", n.name, "route", "replace", "default", "via", n.host)
}

// thin bounds what comes in through the cable, in kilobits a second. What comes
// faster waits for up to a time, and is lost when it would wait for longer.
func (n *network) thin(kilobits int, queue time.Duration) {
	n.t.Helper()
	n.run("tc", "qdisc", "replace", "dev", n.cable, "root", "tbf", "rate", strconv.Itoa(kilobits)+"kbit", "burst", "16kb", "latency", queue.String())
}

// queued is how long what comes in last has to wait in front of a thin cable.
func (n *network) queued(kilobits int) time.Duration {
	n.t.Helper()
	out, err := exec.Command("tc", "-j", "-s", "qdisc", "show", "dev", n.cable).Output()
	var disciplines []struct {
		Kind    string
		Backlog int // bytes
	}
	if err == nil {
		err = json.Unmarshal(out, &disciplines)
	}
	if err != nil || len(disciplines) != 1 || disciplines[0].Kind != "tbf" {
		n.t.Fatalf("tc -s qdisc show dev %s: %v: %s", n.cable, err, out)
	}
	return time.Duration(disciplines[0].Backlog) * 8 * time.Millisecond / time.Duration(kilobits)
}

// wide takes the bound away.
func (n *network) wide() {
	n.t.Helper()
	n.run("tc", "qdisc", "del", "dev", n.cable, "root")
}

// removeStale removes namespaces of test processes that were killed.
func removeStale(t *testing.T) {
	t.Helper()
	out, err := exec.Command("ip", "netns", "list").Output()
	if err != nil {
		t.Fatalf("ip netns list: %v; install iproute2", err)
	}
	for line := range strings.Lines(string(out)) {
		name, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		rest, ours := strings.CutPrefix(name, networkPrefix)
		pid, _, _ := strings.Cut(rest, "-")
		if _, err := os.Stat("/proc/" + pid); ours && os.IsNotExist(err) {
			_ = exec.Command("ip", "netns", "del", name).Run()
		}
	}
}
