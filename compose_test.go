package rocketmq_test

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert/yaml"
	"github.com/stretchr/testify/require"
)

// composition is what the tests read of a file for docker compose.
type composition struct {
	Services map[string]service
}

type service struct {
	Image       string
	Command     string
	Environment map[string]string
	NetworkMode string `yaml:"network_mode"`
	Ports       []string
	Volumes     []string
}

func composeFile(t *testing.T, path string) (c composition) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal([]byte(readText(t, path)), &c))
	require.NotEmpty(t, c.Services)
	for name, s := range c.Services {
		require.Regexp(t, `:[0-9]+(\.[0-9]+)*$`, s.Image, "the image of %s has no fixed version", name)
	}
	return c
}

// brokerSettings reads a configuration file of a broker.
func brokerSettings(t *testing.T, path string) map[string]string {
	t.Helper()
	settings := make(map[string]string)
	for line := range strings.Lines(readText(t, path)) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		require.True(t, ok, line)
		settings[name] = value
	}
	return settings
}

// option returns the value of an option in a command.
func option(t *testing.T, command, name string) string {
	t.Helper()
	m := regexp.MustCompile(regexp.QuoteMeta(name) + ` (\S+)`).FindStringSubmatch(command)
	require.NotNil(t, m, "%q has no %s", command, name)
	return m[1]
}

// TestCompose: a program on the host reaches the name server, and the broker at the address
// that this registers, and so does the dashboard.
func TestCompose(t *testing.T) {
	c := composeFile(t, "compose.yaml")
	nameServer, broker, dashboard := c.Services["nameserver"], c.Services["broker"], c.Services["dashboard"]
	settings := brokerSettings(t, "compose/broker.conf")

	// The broker reads that file.
	config := option(t, broker.Command, "-c")
	require.Contains(t, broker.Volumes, "./compose/broker.conf:"+config+":ro")

	// What it registers is this machine for the host, and for all services since they share
	// the network of the one that publishes the ports.
	advertised, err := netip.ParseAddr(settings["brokerIP1"])
	require.NoError(t, err)
	require.True(t, advertised.IsLoopback())
	require.Empty(t, nameServer.NetworkMode)
	require.Equal(t, "service:nameserver", broker.NetworkMode)
	require.Equal(t, "service:nameserver", dashboard.NetworkMode)
	require.Empty(t, broker.Ports)
	require.Empty(t, dashboard.Ports)

	// Each port is published on the loopback interface by the number that it has inside.
	port, err := strconv.Atoi(settings["listenPort"])
	require.NoError(t, err)
	_, nameServerPort, err := net.SplitHostPort(option(t, broker.Command, "-n"))
	require.NoError(t, err)
	require.Contains(t, nameServer.Ports, "127.0.0.1:"+nameServerPort+":"+nameServerPort)
	for _, p := range []int{port, port - 2} {
		require.Contains(t, nameServer.Ports, fmt.Sprintf("127.0.0.1:%d:%d", p, p))
	}

	// The dashboard asks that name server, and is published as well.
	require.Contains(t, dashboard.Environment["JAVA_OPTS"], "-Drocketmq.namesrv.addr=127.0.0.1:"+nameServerPort)
	m := regexp.MustCompile(`-Dserver\.port=(\d+)`).FindStringSubmatch(dashboard.Environment["JAVA_OPTS"])
	require.NotNil(t, m)
	require.Contains(t, nameServer.Ports, "127.0.0.1:"+m[1]+":"+m[1])
	require.Len(t, nameServer.Ports, 4)

	// The documents name these addresses.
	require.Contains(t, readText(t, "README.md"), "-nameserver 127.0.0.1:"+nameServerPort)
	require.Contains(t, readText(t, "DEVELOPMENT.md"), "http://127.0.0.1:"+m[1])
}

// TestPubSubExampleCompose: the program of the example is on one network with the broker, which
// registers the address that it has there, and asks the name server by the name of its
// service.
func TestPubSubExampleCompose(t *testing.T) {
	const folder = "_examples/pubsubs/rocketmq/"
	c := composeFile(t, folder+"docker-compose.yml")
	for name, s := range c.Services {
		require.Empty(t, s.NetworkMode, name)
	}
	broker := c.Services["broker"]
	require.NotContains(t, broker.Command, "-c ", "it has no brokerIP1")
	address := option(t, broker.Command, "-n")
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	require.Contains(t, c.Services, host)
	require.Equal(t, "9876", port, "where mqnamesrv listens")
	require.Contains(t, readText(t, folder+"main.go"), `"`+address+`"`)
	require.Equal(t, "go run ./pubsubs/rocketmq", c.Services["server"].Command)
}

// TestBenchmarkCompose: the broker for watermill-benchmark registers the address of its
// container, and finds the name server by the name of its service.
func TestBenchmarkCompose(t *testing.T) {
	c := composeFile(t, "benchmarks/watermill/rocketmq.yml")
	broker := c.Services["broker"]
	require.NotContains(t, broker.Command, "-c ", "it has no brokerIP1")
	host, port, err := net.SplitHostPort(option(t, broker.Command, "-n"))
	require.NoError(t, err)
	require.Contains(t, c.Services, host)
	require.Equal(t, "9876", port)
}
