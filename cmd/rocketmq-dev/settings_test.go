package main

import (
	"bytes"
	"flag"
	"io"
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// What is wrong with flags is said once, with the exit code for it, and nothing is started.
func TestWrongFlags(t *testing.T) {
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{"-nonsense"}, "not defined: -nonsense"},
		{[]string{"here"}, `unexpected argument "here"`},
		{[]string{"-addr", "9876"}, "want host:port"},
		{[]string{"-addr", "127.0.0.1:65536"}, "want host:port"},
		{[]string{"-addr", "127.0.0.1:http"}, "want host:port"},
		{[]string{"-brokers", "0"}, "-brokers 0: want 1 to 26"},
		{[]string{"-brokers", "27"}, "want 1 to 26"},
		{[]string{"-broker-port", "-1"}, "-broker-port -1: want 0 to 65535"},
		{[]string{"-broker-port", "65530", "-brokers", "2"}, "want 0 to 65515"},
		{[]string{"-version", "4.8.0"}, "from 4.9.0 to 5.5.0"},
		{[]string{"-version", "5.5.1"}, "from 4.9.0 to 5.5.0"},
		{[]string{"-version", "newest"}, "from 4.9.0 to 5.5.0"},
		{[]string{"-sync"}, "-sync needs -data"},
		{[]string{"-max-bytes", "-1"}, "want 0 or more"},
		{[]string{"-max-bytes", "many"}, "-max-bytes"},
		{[]string{"-topic", ""}, "want a name"},
		{[]string{"-topic", "orders:"}, "queues behind the colon"},
		{[]string{"-topic", "orders:0"}, "queues behind the colon"},
		{[]string{"-topic", "orders:5000"}, "want 1 to 4096 queues"},
		{[]string{"-topic", "a", "-topic", "a:3"}, "it is there twice"},
		{[]string{"-topic", "shop.orders"}, "illegal characters"},
		{[]string{"-advertise", "a,b"}, "2 advertised addresses for 1 brokers"},
		{[]string{"-advertise", "0.0.0.0"}, "nobody can dial it"},
		{[]string{"-advertise", "a b"}, "neither a host"},
		{[]string{"-tls-cert", "a.pem"}, "need each other"},
		{[]string{"-tls-key", "a.pem"}, "need each other"},
		{[]string{"-http", "8081"}, "-http \"8081\": want host:port"},
		{[]string{"-http-host", "rocketmq"}, "-http-host needs -http"},
		{[]string{"-http", ":0", "-http-host", "rocketmq:8081"}, "no name of a host"},
		{[]string{"-tls-required"}, "-tls-required needs -tls-cert"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), append(anyPorts[:len(anyPorts):len(anyPorts)], test.args...), &stdout, &stderr), "%q", test.args)
		require.Contains(t, stderr.String(), test.says, "%q", test.args)
		require.Empty(t, stdout.String())
	}
}

// -h lists each flag with what it is for, and the exit codes.
func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run(t.Context(), []string{"-h"}, &stdout, &stderr))
	require.Regexp(t, `0 when it has ended in order, 1 when .*(?s:.*) 2 for wrong flags`, stderr.String())
	require.Empty(t, stdout.String())
	_, err := parse([]string{"-h"}, io.Discard)
	require.ErrorIs(t, err, flag.ErrHelp)
}

// TestFlagsAreTested: each flag that -h lists is one that the tests give the command, beside
// those that are wrong.
func TestFlagsAreTested(t *testing.T) {
	var help bytes.Buffer
	_, err := parse([]string{"-h"}, &help)
	require.ErrorIs(t, err, flag.ErrHelp)
	var tests []byte
	for _, file := range []string{"flags_test.go", "http_test.go"} {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		tests = append(tests, text...)
	}
	flags := regexp.MustCompile(`(?m)^  (-[a-z-]+)`).FindAllStringSubmatch(help.String(), -1)
	require.Len(t, flags, 17)
	for _, m := range flags {
		require.Regexp(t, `"`+m[1]+`[="]`, string(tests))
	}
}

func TestReachable(t *testing.T) {
	for _, test := range []struct {
		advertise  []string
		addr, want string
	}{
		{nil, "127.0.0.1:9876", "127.0.0.1:9876"},
		{nil, "[::]:9876", "127.0.0.1:9876"},
		{nil, "0.0.0.0:9876", "127.0.0.1:9876"},
		{[]string{"rocketmq"}, "[::]:9876", "rocketmq:9876"},
		{[]string{"192.0.2.7:30911"}, "[::]:9876", "192.0.2.7:9876"},
		{[]string{"2001:db8::1"}, "[::]:9876", "[2001:db8::1]:9876"},
		{[]string{"rocketmq"}, "127.0.0.1:9876", "127.0.0.1:9876"},
	} {
		s := settings{advertise: test.advertise}
		require.Equal(t, test.want, s.reachable(test.addr))
	}
}
