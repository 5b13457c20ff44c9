package realbroker

import (
	"context"
	"fmt"
	"maps"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// startNameServer starts a name server under the folder, on a port it finds.
func startNameServer(ctx context.Context, j jars, dir, name string, cfg *Config) (*nameServer, error) {
	h, err := newHome(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	ns := newNameServer(j, h, name)
	ns.options = cfg.tlsOptions()
	for _, key := range slices.Sorted(maps.Keys(cfg.NameServerProps)) {
		ns.props = append(ns.props, key+"="+cfg.NameServerProps[key])
	}
	if err := onFreePort(func(port int) error { return ns.startOn(ctx, port) }); err != nil {
		return nil, err
	}
	return ns, nil
}

// nameServer is one name server of a cluster.
type nameServer struct {
	server

	addr string
	jars jars
	home home
	// options are further ones for the JVM.
	options []string
	// props are further lines of its configuration file.
	props []string
}

func newNameServer(j jars, h home, name string) *nameServer {
	return &nameServer{server: server{name: name, dir: string(h)}, jars: j, home: h}
}

// startOn starts it on the port, where it is from then on.
func (ns *nameServer) startOn(ctx context.Context, port int) error {
	conf, err := ns.home.writeProps("namesrv.conf", append([]string{fmt.Sprintf("listenPort=%d", port)}, ns.props...))
	if err != nil {
		return err
	}
	ns.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	ns.command = func() *exec.Cmd {
		options := append([]string{"-Xmx256m", "-XX:TieredStopAtLevel=1"}, ns.options...)
		return ns.home.java(options, ns.jars.classPath(), "org.apache.rocketmq.namesrv.NamesrvStartup", "-c", conf)
	}
	return ns.start(ctx, ns.answers)
}

// answers says, by an error, that it does not serve clients yet.
func (ns *nameServer) answers(ctx context.Context) error {
	// Any answer will do.
	_, _, err := askRoute(ctx, ns.addr, "TBW102")
	return err
}
