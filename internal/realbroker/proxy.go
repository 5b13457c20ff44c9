package realbroker

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// proxy is a RocketMQ Proxy in cluster mode: a process of its own between clients
// and the brokers of the cluster.
type proxy struct {
	server

	// addr is where it speaks the remoting protocol.
	addr string
}

// startProxy starts a proxy of the cluster, whose brokers are up.
func startProxy(ctx context.Context, c *Cluster, j jars) (*proxy, error) {
	h, err := newHome(filepath.Join(c.dir, "proxy"))
	if err != nil {
		return nil, err
	}
	p := &proxy{server: server{name: "proxy", dir: string(h), upWord: "rocketmq-proxy startup successfully"}}
	err = onFreePort(func(port int) error {
		conf, err := h.writeProxyConfig(c, port)
		if err != nil {
			return err
		}
		p.addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		p.command = func() *exec.Cmd {
			options := []string{"-Xmx384m", "-XX:TieredStopAtLevel=1", "-DRMQ_PROXY_HOME=" + string(h)}
			return h.java(options, j.classPath(), "org.apache.rocketmq.proxy.ProxyStartup", "-pc", conf)
		}
		return p.start(ctx, func(ctx context.Context) error {
			// Any answer will do.
			_, _, err := askRoute(ctx, p.addr, "TBW102")
			return err
		})
	}, 1)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// writeProxyConfig writes rmq-proxy.json: remoting on the port, gRPC on the next.
func (h home) writeProxyConfig(c *Cluster, port int) (string, error) {
	settings := map[string]any{
		"proxyMode":           "cluster",
		"rocketMQClusterName": "DefaultCluster",
		"namesrvAddr":         strings.Join(c.NameServers(), ";"),
		"localServeAddr":      "127.0.0.1",
		"remotingAccessAddr":  "127.0.0.1",
		"remotingListenPort":  port,
		"grpcServerPort":      port + 1,
	}
	if tls := c.cfg.TLS; tls != nil {
		// The proxy heeds no options of the JVM for these.
		settings["tlsTestModeEnable"], settings["tlsCertPath"], settings["tlsKeyPath"] = false, tls.CertFile, tls.KeyFile
	}
	for name, value := range c.cfg.proxyACL() {
		settings[name] = value
	}
	for name, value := range c.cfg.ProxyProps {
		settings[name] = value
	}
	text, err := json.MarshalIndent(settings, "", "  ")
	if err != nil {
		return "", err
	}
	path := filepath.Join(string(h), "conf", "rmq-proxy.json")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return "", fmt.Errorf("cannot write rmq-proxy.json: %w", err)
	}
	return path, nil
}

// Proxy returns the address at which the proxy speaks the remoting protocol, to
// be given to clients in place of the name servers'. It is empty without
// Config.Proxy.
func (c *Cluster) Proxy() string {
	if c.proxy == nil {
		return ""
	}
	return c.proxy.addr
}
