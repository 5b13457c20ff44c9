package main

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// BenchmarkStart is how long the program takes from its start as a process until it has
// answered a request to the name server for the addresses of brokers. Nothing else should run
// on the machine.
//
//	go test -run '^$' -bench Start -count 10 ./cmd/rocketmq-dev
func BenchmarkStart(b *testing.B) {
	program := filepath.Join(b.TempDir(), "rocketmq-dev")
	out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput()
	require.NoError(b, err, "%s", out)
	for name, args := range map[string][]string{
		"memory": nil,
		"folder": {"-data", b.TempDir()},
	} {
		b.Run(name, func(b *testing.B) {
			client := newTransport(b)
			var took, longest time.Duration
			for range b.N {
				began := time.Now()
				p := startCommand(b, exec.Command(program, append(anyPorts[:len(anyPorts):len(anyPorts)], args...)...))
				brokers, err := routing.InspectBrokers(within(b), client, p.nameServer)
				one := time.Since(began)
				require.NoError(b, err)
				require.Len(b, brokers, 1)
				took, longest = took+one, max(longest, one)
				require.Equal(b, exitOK, p.end(b, syscall.SIGTERM))
			}
			b.ReportMetric(float64(took.Microseconds())/1000/float64(b.N), "ms/start")
			b.ReportMetric(float64(longest.Microseconds())/1000, "ms/longest")
			b.ReportMetric(0, "ns/op") // with the end of the process
		})
	}
}
