package realbroker

import (
	"context"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Broker is one broker of a [Cluster]. Its methods may be called by several
// goroutines.
type Broker struct {
	// Name is the broker's name in routes: broker-a for the first.
	Name string
	// Addr is where it listens, 127.0.0.1:port. It stays the same over starts.
	Addr string

	cluster *Cluster
	server  *server
}

// Kill ends the broker's process the hard way, as a crash would (SIGKILL), and
// waits until it has ended. The system still has what it had written, so
// answered messages are there after [Broker.Start].
func (b *Broker) Kill() error {
	return exported(b.server.kill())
}

// Stop asks the broker to shut down (SIGTERM) and waits until it has, which
// takes it about ten seconds.
func (b *Broker) Stop() error {
	return exported(b.server.stop())
}

// Start runs a broker that was killed or stopped again, on the same store and
// port, and waits until clients can use it by every name server that answers.
func (b *Broker) Start() error {
	return exported(b.server.start(context.Background(), b.cluster.registration(b)))
}

// Pause freezes the broker (SIGSTOP): its connections stay open and nobody
// answers. Only Unix can do that.
func (b *Broker) Pause() error {
	return exported(b.server.pause())
}

// Resume lets a paused broker go on (SIGCONT).
func (b *Broker) Resume() error {
	return exported(b.server.resume())
}

// PID is the number of the broker's last process.
func (b *Broker) PID() int {
	p, err := b.server.current()
	if err != nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// startBroker starts broker number i of a cluster whose name servers are up.
func startBroker(ctx context.Context, c *Cluster, i int) (*Broker, error) {
	name := "broker-" + string(rune('a'+i))
	h, err := newHome(filepath.Join(c.dir, name))
	if err != nil {
		return nil, err
	}
	b := &Broker{Name: name, cluster: c, server: &server{name: name, dir: string(h)}}
	// A broker also listens on its port - 2, for clients in a hurry, and on its
	// port + 1, for replicas.
	err = onFreePort(func(port int) error {
		port += 2
		conf, err := h.writeProps("broker.conf", brokerProps(c, h, name, port))
		if err != nil {
			return err
		}
		if err := h.writeACL(&c.cfg); err != nil {
			return err
		}
		// What a start that did not come to listen may have left.
		if err := os.RemoveAll(filepath.Join(string(h), "store")); err != nil {
			return err
		}
		b.Addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		b.server.command = func() *exec.Cmd {
			options := append([]string{"-Xmx512m", "-XX:MaxDirectMemorySize=1g"}, c.cfg.tlsOptions()...)
			return h.java(options, c.jars.classPath(), "org.apache.rocketmq.broker.BrokerStartup", "-c", conf)
		}
		return b.server.start(ctx, c.registration(b))
	}, 2, 3)
	if err != nil {
		return nil, err
	}
	return b, nil
}

// brokerProps are the lines of a broker's configuration file: for the rest, the
// defaults of RocketMQ.
func brokerProps(c *Cluster, h home, name string, port int) []string {
	store := filepath.Join(string(h), "store")
	props := map[string]string{
		"brokerClusterName":  "DefaultCluster",
		"brokerName":         name,
		"brokerId":           "0",
		"brokerIP1":          "127.0.0.1",
		"brokerIP2":          "127.0.0.1",
		"listenPort":         strconv.Itoa(port),
		"namesrvAddr":        strings.Join(c.NameServers(), ";"),
		"storePathRootDir":   store,
		"storePathCommitLog": filepath.Join(store, "commitlog"),

		"autoCreateTopicEnable": "true",
		// The shortest period there is: a name server that comes back is told
		// about the brokers within ten seconds.
		"registerNameServerPeriod": "10000",

		// Small files: they are created at full length, and checked at a start.
		"mappedFileSizeCommitLog":    strconv.Itoa(64 << 20),
		"mappedFileSizeConsumeQueue": strconv.Itoa(20 * 30_000),
		"mappedFileSizeTimerLog":     strconv.Itoa(8 << 20),
		"maxHashSlotNum":             "100000",
		"maxIndexNum":                "400000",

		// The disk of a developer may be nearly full; 5.x refuses messages from
		// 90 % on all the same.
		"diskMaxUsedSpaceRatio":   "95",
		"cleanFileForciblyEnable": "false",
	}
	maps.Copy(props, c.cfg.aclProps())
	maps.Copy(props, c.cfg.BrokerProps)
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(props)) {
		lines = append(lines, key+"="+props[key])
	}
	return lines
}
