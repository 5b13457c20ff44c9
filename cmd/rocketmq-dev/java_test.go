//go:build unix

package main

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// The official Java client and mqadmin work with the program, at fixed ports, by its
// advertised address, and go on after it was started anew with its folder.
func TestJava(t *testing.T) {
	for _, version := range realbroker.Versions() {
		t.Run(version, func(t *testing.T) { testJava(t, version) })
	}
}

func testJava(t *testing.T, version string) {
	realbroker.Require(t)
	port := freePorts(t, 2)
	nameServer := net.JoinHostPort("127.0.0.1", itoa(port+brokerStep))
	dir := t.TempDir()
	run := func() *process {
		p := startProcess(t, "-addr", nameServer, "-broker-port", itoa(port), "-advertise", "localhost",
			"-version", version, "-topic", "orders:4", "-data", dir)
		require.Equal(t, nameServer, p.nameServer)
		return p
	}
	p := run()
	w := realbroker.WitnessFor(t, version, []string{nameServer})
	consumer := w.Consume(t, realbroker.ConsumeConfig{Group: "readers", Topic: "orders"})
	for _, sent := range w.JavaProduce(t, "orders", 20) {
		require.Equal(t, "SEND_OK", sent.Status)
	}
	require.Len(t, consumer.Await(t, 20), 20)
	consumer.Stop(t)

	require.Contains(t, strings.Fields(mqadmin(t, version, nameServer, "topicList")), "orders")
	routes := mqadmin(t, version, nameServer, "topicRoute", "-t", "orders")
	require.Contains(t, routes, "localhost:"+itoa(port))
	require.Contains(t, mqadmin(t, version, nameServer, "clusterList"), "localhost:"+itoa(port))

	require.Equal(t, exitOK, p.end(t, syscall.SIGTERM), "%s", p.log)
	p = run()
	next := w.JavaProduce(t, "orders", 5)
	require.Len(t, next, 5)
	again := w.Consume(t, realbroker.ConsumeConfig{Group: "readers", Topic: "orders"})
	again.Await(t, 5)
	for _, d := range again.Stop(t) {
		require.Contains(t, ids(next), d.MsgID, "the group has gone on behind what it had consumed")
	}
	require.Len(t, w.Read(t, "orders", 25), 25)
	require.Equal(t, exitOK, p.end(t, syscall.SIGTERM), "%s", p.log)
}

// The Java client signs as a user of the file.
func TestJavaSigns(t *testing.T) {
	realbroker.Require(t)
	file := filepath.Join(t.TempDir(), "users.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"users": [{"accessKey": "shop", "secretKey": "shop's", "superuser": true}]}`), 0o600))
	p := startProcess(t, "-acl", file, "-topic", "orders:1")
	w := realbroker.WitnessFor(t, realbroker.Versions()[0], []string{p.nameServer})
	w.SignAs(realbroker.User{Name: "shop", Secret: "shop's"})
	for _, sent := range w.JavaProduce(t, "orders", 3) {
		require.Equal(t, "SEND_OK", sent.Status)
	}
	require.Len(t, w.Read(t, "orders", 3), 3)
}

func ids(sent []realbroker.SendResult) (list []string) {
	for _, s := range sent {
		list = append(list, s.MsgID)
	}
	return list
}

// mqadmin runs a command of RocketMQ's admin tool, with the line that the program has printed
// in its environment, and returns what it prints.
func mqadmin(t *testing.T, version, nameServer string, args ...string) string {
	t.Helper()
	classPath, err := realbroker.ClassPath(t.Context(), version)
	require.NoError(t, err)
	home := t.TempDir()
	conf := filepath.Join(home, "conf") // 4.9 does not start without it
	require.NoError(t, os.Mkdir(conf, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(conf, "logback_tools.xml"), []byte("<configuration/>\n"), 0o600))
	jvm := append([]string{
		"-Xmx256m", "-XX:TieredStopAtLevel=1", "-Duser.home=" + home, "-Drocketmq.home.dir=" + home,
		"-cp", classPath, "org.apache.rocketmq.tools.command.MQAdminStartup",
	}, args...)
	out := answered(t, func() *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), "java", jvm...)
		cmd.Env = append(os.Environ(), "NAMESRV_ADDR="+nameServer)
		return cmd
	})
	var lines []string
	for line := range strings.Lines(out) {
		if !strings.Contains(line, "|-") { // what the logging of mqadmin says of itself
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "")
}

// answered runs mqadmin again when it has waited for an answer in vain: it gives the
// servers five seconds for all, three for a connection, and ends with code 0 even then.
func answered(t *testing.T, command func() *exec.Cmd) string {
	t.Helper()
	var out []byte
	for range 5 {
		var err error
		out, err = command().CombinedOutput()
		late := slices.ContainsFunc(
			[]string{"RemotingTimeoutException", "RemotingConnectException", "RemotingSendRequestException"},
			func(sign string) bool { return bytes.Contains(out, []byte(sign)) },
		)
		if !late {
			require.NoError(t, err, "%s", out)
			return string(out)
		}
	}
	require.Fail(t, "mqadmin gets no answer in time", "%s", out)
	return ""
}
