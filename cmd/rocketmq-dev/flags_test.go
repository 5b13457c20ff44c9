package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

func TestRoundTrip(t *testing.T) {
	i := start(t)
	roundTrip(t, clusterAt(i.nameServer), "orders")
	require.Equal(t, exitOK, i.stop())
	require.Contains(t, i.log.String(), "msg=ended connections=")
	for line := range strings.Lines(i.log.String()) {
		require.Regexp(t, `^time=\S+ level=INFO msg=\S+.*\n$`, line)
	}
	_, err := net.Dial("tcp", i.nameServer)
	require.Error(t, err)
}

// A command that is to end before it has begun ends in order.
func TestEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run(ctx, append(anyPorts[:len(anyPorts):len(anyPorts)], "-data", t.TempDir()), &stdout, &stderr))
	require.Contains(t, stderr.String(), "msg=ended")
}

// Name server and brokers listen where they are to.
func TestFixedPorts(t *testing.T) {
	port := freePorts(t, 3)
	nameServer := net.JoinHostPort("127.0.0.1", itoa(port+2*brokerStep))
	i := start(t, "-addr", nameServer, "-broker-port", itoa(port), "-brokers", "2")
	require.Equal(t, nameServer, i.nameServer)
	require.Equal(t, map[string]string{
		"broker-a": net.JoinHostPort("127.0.0.1", itoa(port)),
		"broker-b": net.JoinHostPort("127.0.0.1", itoa(port+brokerStep)),
	}, brokersOf(t, i.nameServer))
	roundTrip(t, clusterAt(i.nameServer), "orders")
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	taken := l.Addr().String()
	_, port, err := net.SplitHostPort(taken)
	require.NoError(t, err)
	for _, args := range [][]string{
		{"-addr", taken, "-broker-port", "0"},
		{"-addr", "127.0.0.1:0", "-broker-port", port},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitFailed, run(t.Context(), args, &stdout, &stderr))
		require.Contains(t, stderr.String(), "address already in use")
		require.Contains(t, stderr.String(), port)
		require.Empty(t, stdout.String())
	}
}

// Clients are told the advertised address, and by the line of the name server as well where
// it listens on all addresses.
func TestAdvertise(t *testing.T) {
	i := start(t, "-addr", "0.0.0.0:0", "-advertise", "localhost")
	require.True(t, strings.HasPrefix(i.nameServer, "localhost:"), i.nameServer)
	for name, addr := range brokersOf(t, i.nameServer) {
		require.Equal(t, "broker-a", name)
		require.True(t, strings.HasPrefix(addr, "localhost:"), addr)
	}
	roundTrip(t, clusterAt(i.nameServer), "orders")

	i = start(t, "-addr", "0.0.0.0:0", "-brokers", "2", "-advertise", "127.0.0.1:30911,127.0.0.1:30931")
	require.Equal(t, map[string]string{"broker-a": "127.0.0.1:30911", "broker-b": "127.0.0.1:30931"}, brokersOf(t, i.nameServer))

	i = start(t, "-addr", "0.0.0.0:0")
	require.True(t, strings.HasPrefix(i.nameServer, "127.0.0.1:"), i.nameServer)
	roundTrip(t, clusterAt(i.nameServer), "orders")
}

func TestVersion(t *testing.T) {
	for release, want := range map[string]headers.Version{
		"4.9.7": headers.Version4_9_7, "5.1.4": headers.Version5_1_4, "5.5.0": headers.Version5_5_0,
	} {
		i := start(t, "-version", release)
		_, version := settingsOf(t, brokersOf(t, i.nameServer)["broker-a"])
		require.Equal(t, want, version)
		roundTrip(t, clusterAt(i.nameServer), "orders")
	}
}

func TestTopics(t *testing.T) {
	i := start(t, "-topic", "orders:3", "-topic", "receipts", "-auto-create=false", "-brokers", "2")
	queues := make(chan routing.MessageQueue, 1)
	pub, err := publisher.New(patient(publisher.Config{
		Cluster: clusterAt(i.nameServer), OnResult: func(r publisher.Result) { queues <- r.MessageQueue },
	}), nil)
	require.NoError(t, err)
	defer pub.Close()
	for topic, want := range map[string]int{"orders": 3, "receipts": 8} {
		seen := make(map[routing.MessageQueue]bool)
		for range 2 * 2 * want { // in turn
			require.NoError(t, pub.Publish(topic, message.NewMessage("1", []byte("a"))))
			seen[<-queues] = true
		}
		require.Len(t, seen, 2*want, topic)
	}
	answer, err := newTransport(t).Invoke(within(t), brokersOf(t, i.nameServer)["broker-a"], &headers.SendMessage{Topic: "others", ProducerGroup: "tests", DefaultTopic: headers.DefaultTopic, DefaultTopicQueues: 4}, []byte("a"))
	require.NoError(t, err)
	require.Equal(t, headers.TopicNotExist, headers.ResponseCode(answer.Code))

	settings, _ := settingsOf(t, brokersOf(t, i.nameServer)["broker-a"])
	require.Contains(t, settings, "autoCreateTopicEnable=false")
	i = start(t, "-auto-create=true")
	settings, _ = settingsOf(t, brokersOf(t, i.nameServer)["broker-a"])
	require.Contains(t, settings, "autoCreateTopicEnable=true")
}

// What is stored is there when the command runs again, in a folder that it makes.
func TestData(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "data")
	i := start(t, "-data", dir, "-sync", "-topic", "orders:1")
	pub := newPublisher(t, clusterAt(i.nameServer))
	// A heartbeat that runs out of time has messages sent again: this one comes before them.
	_, err := pub.Check(within(t))
	require.NoError(t, err)
	for n := range 3 {
		require.NoError(t, pub.Publish("orders", message.NewMessage(itoa(n), []byte("a"))))
	}
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailed, run(t.Context(), append(anyPorts[:len(anyPorts):len(anyPorts)], "-data", dir), &stdout, &stderr))
	require.Contains(t, stderr.String(), "another broker has the folder open")
	require.Empty(t, stdout.String())
	require.Equal(t, exitOK, i.stop())

	i = start(t, "-data", dir)
	require.Equal(t, []string{"0", "1", "2"}, receive(t, clusterAt(i.nameServer), "orders", 3))
	require.Equal(t, exitOK, i.stop())

	require.NotContains(t, i.log.String(), "damaged")

	log, err := os.OpenFile(filepath.Join(dir, "commitlog", "00000000000000000000"), os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = log.WriteAt([]byte("???"), 1<<20)
	require.NoError(t, err)
	require.NoError(t, log.Close())
	i = start(t, "-data", dir)
	require.Contains(t, i.log.String(), "level=WARN msg=\"the folder's log is damaged")
	require.Equal(t, exitOK, i.stop())

	stderr.Reset()
	require.Equal(t, exitFailed, run(t.Context(), append(anyPorts[:len(anyPorts):len(anyPorts)], "-data", dir, "-brokers", "2"), &stdout, &stderr))
	require.Contains(t, stderr.String(), "is the folder of one broker")

	several := t.TempDir()
	i = start(t, "-data", several, "-brokers", "2", "-topic", "orders:1")
	pub = newPublisher(t, clusterAt(i.nameServer))
	for n := range 4 { // to both
		require.NoError(t, pub.Publish("orders", message.NewMessage(itoa(n), []byte("a"))))
	}
	require.Equal(t, exitOK, i.stop())
	i = start(t, "-data", several, "-brokers", "2")
	require.ElementsMatch(t, []string{"0", "1", "2", "3"}, receive(t, clusterAt(i.nameServer), "orders", 4))
	require.Equal(t, exitOK, i.stop())
	stderr.Reset()
	require.Equal(t, exitFailed, run(t.Context(), append(anyPorts[:len(anyPorts):len(anyPorts)], "-data", several), &stdout, &stderr))
	require.Contains(t, stderr.String(), "is the folder of several brokers")
	i = start(t, "-data", several, "-brokers", "3")
	require.Equal(t, exitOK, i.stop())
	stderr.Reset()
	require.Equal(t, exitFailed, run(t.Context(), append(anyPorts[:len(anyPorts):len(anyPorts)], "-data", several, "-brokers", "2"), &stdout, &stderr))
	require.Contains(t, stderr.String(), "is the folder of more than 2 brokers")
}

// A folder that cannot be made is no crash.
func TestDataIsNoFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailed, run(t.Context(), append(anyPorts[:len(anyPorts):len(anyPorts)], "-data", file), &stdout, &stderr))
	require.Contains(t, stderr.String(), file)
	require.Empty(t, stdout.String())
}

// -sync reaches the cluster, which refuses it where there is no folder.
func TestSync(t *testing.T) {
	s := settings{addr: "127.0.0.1:0", brokers: 1, version: headers.Version5_5_0, sync: true}
	options, err := s.options()
	require.NoError(t, err)
	_, err = embedded.Start(options...)
	require.ErrorContains(t, err, "sync flush without a folder")
}

// With -max-bytes the oldest messages are gone.
func TestMaxBytes(t *testing.T) {
	i := start(t, "-max-bytes", "100000", "-topic", "orders:1")
	pub := newPublisher(t, clusterAt(i.nameServer))
	for n := range 20 {
		body := make([]byte, 20_000)
		_, err := rand.Read(body) // it cannot be compressed
		require.NoError(t, err)
		require.NoError(t, pub.Publish("orders", message.NewMessage(itoa(n), body)))
	}
	first := receive(t, clusterAt(i.nameServer), "orders", 1)
	require.NotEqual(t, []string{"0"}, first)
}

// Consumers may filter by SQL92 where they are let.
func TestPropertyFilter(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{nil, "enablePropertyFilter=false"},
		{[]string{"-property-filter"}, "enablePropertyFilter=true"},
	} {
		i := start(t, test.args...)
		settings, _ := settingsOf(t, brokersOf(t, i.nameServer)["broker-a"])
		require.Contains(t, settings, test.want)
	}
}

// certificates writes a certificate for 127.0.0.1, and returns what trusts it.
func certificates(t *testing.T) (certFile, keyFile string, client *tls.Config) {
	t.Helper()
	certificate, pool, err := testcert.SelfSigned()
	require.NoError(t, err)
	certFile, keyFile, err = testcert.Write(t.TempDir(), "server", certificate)
	require.NoError(t, err)
	return certFile, keyFile, &tls.Config{RootCAs: pool}
}

func TestTLS(t *testing.T) {
	certFile, keyFile, client := certificates(t)
	i := start(t, "-tls-cert", certFile, "-tls-key", keyFile)
	roundTrip(t, rocketmq.Cluster{NameServers: []string{i.nameServer}, TLS: client}, "orders")
	roundTrip(t, clusterAt(i.nameServer), "others")

	i = start(t, "-tls-cert", certFile, "-tls-key", keyFile, "-tls-required")
	roundTrip(t, rocketmq.Cluster{NameServers: []string{i.nameServer}, TLS: client}, "orders")
	_, err := newTransport(t).Invoke(within(t), i.nameServer, headers.BrokerConfig{}, nil)
	require.ErrorContains(t, err, "TLS")

	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailed, run(t.Context(), append(anyPorts[:len(anyPorts):len(anyPorts)], "-tls-cert", keyFile, "-tls-key", keyFile), &stdout, &stderr))
	require.Contains(t, stderr.String(), "-tls-cert")
}

func TestACL(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"users": [
		{"accessKey": "admin", "secretKey": "admin's", "superuser": true},
		{"accessKey": "shop", "secretKey": "shop's", "publish": ["orders"]},
		{"accessKey": "former", "secretKey": "former's", "superuser": true, "disabled": true}
	]}`), 0o600))
	i := start(t, "-acl", file, "-topic", "orders:1", "-topic", "receipts:1")
	as := func(access, secret string) rocketmq.Cluster {
		c := clusterAt(i.nameServer)
		c.Credentials = rocketmq.NewCredentials(access, secret)
		return c
	}
	roundTrip(t, as("admin", "admin's"), "receipts")
	require.NoError(t, newPublisher(t, as("shop", "shop's")).Publish("orders", message.NewMessage("1", nil)))
	var denied *rocketmq.PermissionError
	require.ErrorAs(t, newPublisher(t, as("shop", "shop's")).Publish("receipts", message.NewMessage("1", nil)), &denied)
	for _, stranger := range []rocketmq.Cluster{as("admin", "wrong"), as("nobody", "wrong"), as("former", "former's"), clusterAt(i.nameServer)} {
		var refused *rocketmq.AuthenticationError
		require.ErrorAs(t, newPublisher(t, stranger).Publish("orders", message.NewMessage("1", nil)), &refused)
	}
	require.NotContains(t, i.log.String(), "admin's")

	var stdout, stderr bytes.Buffer
	require.Equal(t, exitFailed, run(t.Context(), append(anyPorts[:len(anyPorts):len(anyPorts)], "-acl", file+"x"), &stdout, &stderr))
	require.Contains(t, stderr.String(), "no such file")
}
