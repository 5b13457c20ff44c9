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
	// Name is the broker's name in routes: broker-a for the first. A master and its
	// slave have the same one.
	Name string
	// ID is the broker's number in routes: 0 for a master, 1 for its slave.
	ID int
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
// port, and waits until clients can use it by every name server that answers. When
// another process has the port, it tries again, for as long as a start may take.
func (b *Broker) Start() error {
	return exported(b.startAgain(context.Background()))
}

func (b *Broker) startAgain(ctx context.Context) error {
	return b.server.startAgain(ctx, func() func(context.Context) error { return b.cluster.registration(b) })
}

// restart kills the broker and starts it again.
func (b *Broker) restart(ctx context.Context) error {
	if err := b.server.kill(); err != nil {
		return err
	}
	return b.startAgain(ctx)
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

// startMaster starts master number i of a cluster whose name servers are up.
func startMaster(ctx context.Context, c *Cluster, i int) (*Broker, error) {
	name := "broker-" + string(rune('a'+i))
	b := &Broker{Name: name, cluster: c, server: &server{name: name}}
	if err := b.startFirst(ctx); err != nil {
		return nil, err
	}
	return b, b.createUsers(ctx)
}

// startSlave starts the slave of a master that is up.
func startSlave(ctx context.Context, master *Broker) (*Broker, error) {
	b := &Broker{Name: master.Name, ID: 1, cluster: master.cluster, server: &server{name: master.Name + "-slave"}}
	if err := b.startFirst(ctx); err != nil {
		return nil, err
	}
	return b, nil
}

// startFirst starts the broker in a new home, on a port it finds.
func (b *Broker) startFirst(ctx context.Context) error {
	c := b.cluster
	h, err := newHome(filepath.Join(c.dir, b.server.name))
	if err != nil {
		return err
	}
	b.server.dir = string(h)
	// A broker also listens on its port - 2, for clients in a hurry, and on its
	// port + 1, for replicas.
	return onFreePort(func(port int) error {
		port += 2
		conf, err := h.writeProps("broker.conf", brokerProps(b, h, port))
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
			options = append(append(options, c.cfg.JavaOptions...), c.cfg.Only[b.server.name].JavaOptions...)
			return h.java(options, c.jars.classPath(), "org.apache.rocketmq.broker.BrokerStartup", "-c", conf)
		}
		return b.server.start(ctx, c.registration(b))
	}, 2, 3)
}

// brokerProps are the lines of a broker's configuration file: for the rest, the
// defaults of RocketMQ.
func brokerProps(b *Broker, h home, port int) []string {
	c := b.cluster
	store := filepath.Join(string(h), "store")
	props := map[string]string{
		"brokerClusterName":  "DefaultCluster",
		"brokerName":         b.Name,
		"brokerId":           strconv.Itoa(b.ID),
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
	if c.cfg.Slaves {
		// A master sends consumers that are far behind to the slave, and a slave serves
		// them.
		props["slaveReadEnable"] = "true"
	}
	if b.ID != 0 {
		props["brokerRole"] = "SLAVE"
	}
	maps.Copy(props, c.cfg.aclProps())
	if !c.cfg.Impatient {
		props["brokerFastFailureEnable"], props["osPageCacheBusyTimeOutMills"] = "false", "600000"
	}
	maps.Copy(props, c.cfg.BrokerProps)
	maps.Copy(props, c.cfg.Only[b.server.name].BrokerProps)
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(props)) {
		lines = append(lines, key+"="+props[key])
	}
	return lines
}
