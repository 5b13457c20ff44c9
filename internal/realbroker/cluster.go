package realbroker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// Cluster is a running RocketMQ cluster of its own. It also is a [Witness] of
// itself: all methods of one can be called on it. Its methods may be called by
// several goroutines.
type Cluster struct {
	*clusterWitness

	cfg         Config
	jars        jars
	dir         string
	nameServers []*nameServer
	brokers     []*Broker
	slaves      []*Broker // empty without Config.Slaves
	proxy       *proxy    // nil without Config.Proxy
	control     *control  // nil until the servers are up
	// restartProgram builds the program of Broker.RestartCommand, once.
	restartProgram func() (path string, err error)

	closeOnce sync.Once
	closeErr  error
}

// clusterWitness is the name that a Witness is embedded under, since Cluster has
// a method of the name Witness.
type clusterWitness = Witness

// Start starts a cluster and waits until clients can use it. The test is
// skipped where that is impossible, see [Require]; the cluster is gone when the
// test ends.
func Start(t testing.TB, cfg Config) *Cluster {
	t.Helper()
	Require(t)
	c, err := Launch(t.Context(), cfg, t.Logf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// Launch is Start without a test, for TestMain. The caller has to close the
// cluster. The context only bounds the launch. Progress goes to logf, which may
// be nil.
func Launch(ctx context.Context, cfg Config, logf func(format string, args ...any)) (*Cluster, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	if logf == nil {
		logf = func(string, ...any) {}
	}
	if err := Available(); err != nil {
		return nil, exported(err)
	}
	begin := time.Now()
	j, err := openJars(ctx, cfg.Version)
	if err != nil {
		return nil, exported(err)
	}
	var proxyJars jars
	if cfg.Proxy {
		if proxyJars, err = openProxyJars(ctx, cfg.Version); err != nil {
			return nil, exported(err)
		}
	}
	if took := time.Since(begin); took > time.Second {
		logf("realbroker: had to wait %s for the jars of RocketMQ %s", took.Round(time.Millisecond), cfg.Version)
	}
	dir, err := os.MkdirTemp("", "watermill-rocketmq-*")
	if err != nil {
		return nil, exported(err)
	}
	c := &Cluster{cfg: cfg, jars: j, dir: dir}
	c.restartProgram = sync.OnceValues(func() (string, error) { return buildRestart(dir) })
	begin = time.Now()
	err = c.startServers(ctx)
	if err == nil && cfg.Proxy {
		c.proxy, err = startProxy(ctx, c, proxyJars)
	}
	if err == nil {
		c.control, err = startControl(c)
	}
	if err != nil {
		return nil, errors.Join(exported(err), c.Close())
	}
	c.clusterWitness = newWitness(j, c.NameServers(), filepath.Join(dir, "witness"))
	if cfg.ACL != nil {
		c.SignAs(Superuser())
	}
	logf("realbroker: RocketMQ %s with %d name server(s) and %d broker(s) is up after %s",
		cfg.Version, cfg.NameServers, cfg.Brokers, time.Since(begin).Round(time.Millisecond))
	return c, nil
}

// startServers starts the name servers, and then the brokers, which register
// with them as they start.
func (c *Cluster) startServers(ctx context.Context) error {
	c.nameServers = make([]*nameServer, c.cfg.NameServers)
	err := inParallel(c.cfg.NameServers, func(i int) (err error) {
		c.nameServers[i], err = startNameServer(ctx, c.jars, c.dir, fmt.Sprintf("namesrv-%d", i), &c.cfg)
		return err
	})
	if err != nil {
		return err
	}
	c.brokers = make([]*Broker, c.cfg.Brokers)
	err = inParallel(c.cfg.Brokers, func(i int) (err error) {
		c.brokers[i], err = startMaster(ctx, c, i)
		return err
	})
	if err != nil || !c.cfg.Slaves {
		return err
	}
	c.slaves = make([]*Broker, c.cfg.Brokers)
	return inParallel(c.cfg.Brokers, func(i int) (err error) {
		c.slaves[i], err = startSlave(ctx, c.brokers[i])
		return err
	})
}

// inParallel calls do for 0 to n-1 at once and waits for all.
func inParallel(n int, do func(i int) error) error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { errs[i] = do(i) })
	}
	group.Wait()
	return errors.Join(errs...)
}

// Close ends all processes of the cluster and removes its folder. Nothing is
// shut down the slow way, since nothing of it is needed any more. Only the first
// call does anything; the others return the same error.
func (c *Cluster) Close() error {
	c.closeOnce.Do(func() {
		var errs []error
		if c.clusterWitness != nil {
			errs = append(errs, c.close())
		}
		if c.control != nil {
			errs = append(errs, c.control.close())
		}
		if c.proxy != nil {
			errs = append(errs, c.proxy.kill())
		}
		for _, b := range c.allBrokers() {
			if b != nil {
				errs = append(errs, b.server.kill())
			}
		}
		for _, ns := range c.nameServers {
			if ns != nil {
				errs = append(errs, ns.kill())
			}
		}
		errs = append(errs, os.RemoveAll(c.dir))
		c.closeErr = exported(errors.Join(errs...))
	})
	return c.closeErr
}

// NameServers returns the addresses of the name servers, 127.0.0.1:port each.
func (c *Cluster) NameServers() []string {
	addrs := make([]string, len(c.nameServers))
	for i, ns := range c.nameServers {
		addrs[i] = ns.addr
	}
	return addrs
}

// Broker returns master number i, from 0.
func (c *Cluster) Broker(i int) *Broker {
	return c.brokers[i]
}

// Slave returns the slave of master number i, from 0. It wants Config.Slaves.
func (c *Cluster) Slave(i int) *Broker {
	return c.slaves[i]
}

// allBrokers are the masters and the slaves.
func (c *Cluster) allBrokers() []*Broker {
	return slices.Concat(c.brokers, c.slaves)
}

// NameServerStop ends name server number i the hard way: it keeps nothing that
// could be lost.
func (c *Cluster) NameServerStop(i int) error {
	return exported(c.nameServers[i].kill())
}

// NameServerStart runs name server number i again, on the same port, and waits
// until it answers. It knows no brokers then; [Cluster.AwaitRoutes] waits for
// them.
func (c *Cluster) NameServerStart(i int) error {
	ns := c.nameServers[i]
	return exported(ns.startAgain(context.Background(), func() func(context.Context) error { return ns.answers }))
}

// NameServerPause freezes name server number i, as [Broker.Pause] does.
func (c *Cluster) NameServerPause(i int) error {
	return exported(c.nameServers[i].pause())
}

// NameServerResume lets a paused name server go on.
func (c *Cluster) NameServerResume(i int) error {
	return exported(c.nameServers[i].resume())
}

// AwaitRoutes waits until every name server that answers knows every broker that
// answers, which takes a few seconds after a name server was started again.
func (c *Cluster) AwaitRoutes(ctx context.Context) error {
	for _, b := range c.allBrokers() {
		if !b.server.reachable() {
			continue
		}
		ready := c.registration(b)
		var last error
		err := poll(ctx, readyInterval, func() (bool, error) {
			last = ready(ctx)
			return last == nil, nil
		})
		if err != nil {
			return exported(fmt.Errorf("no routes: %w: %w", err, last))
		}
	}
	return nil
}

// Witness runs a command of the Java witness against the cluster; it is
// [Witness.Run].
func (c *Cluster) Witness(t testing.TB, args ...string) []byte {
	t.Helper()
	return c.Run(t, args...)
}

// exported puts the name of the package before an error on its way out.
func exported(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("realbroker: %w", err)
}
