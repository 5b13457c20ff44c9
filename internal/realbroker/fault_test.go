//go:build unix

package realbroker

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The command line restarts the broker that it names, twice at once if it has to, and
// the cluster goes on owning the broker.
func TestRestartCommand(t *testing.T) {
	t.Parallel()
	Require(t)
	c := Start(t, Config{Version: "5.5.0"})
	b := c.Broker(0)
	require.Len(t, c.JavaProduce(t, "crash", 100), 100)
	pid := b.PID()
	command := b.RestartCommand(t)
	require.NoError(t, inParallel(2, func(int) error {
		cmd := exec.Command(command[0], command[1:]...)
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr // as Watermill's suite has it
		return cmd.Run()
	}))
	assert.GreaterOrEqual(t, b.server.starts, 3, "a start whose port somebody had is repeated")
	assert.NotEqual(t, pid, b.PID())
	assert.False(t, alive(pid))
	assert.Len(t, c.Read(t, "crash", 100), 100)

	out, err := exec.Command(command[0], command[1], "broker-z").CombinedOutput()
	require.Error(t, err)
	assert.Contains(t, string(out), `no broker "broker-z"`)

	pid = b.PID()
	require.NoError(t, c.Close())
	assert.False(t, alive(pid))
	require.Error(t, RequestRestart(t.Context(), command[1], b.Name), "the cluster is gone")
}

// A port that somebody has taken is waited for.
func TestStartAgainOnTakenPort(t *testing.T) {
	t.Parallel()
	Require(t)
	for _, version := range Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c := Start(t, Config{Version: version})
			b := c.Broker(0)
			require.NoError(t, b.Kill())
			taken, err := net.Listen("tcp", b.Addr)
			require.NoError(t, err)
			ended := make(chan error, 1)
			go func() { ended <- b.Start() }()
			// The third start is the second attempt to get the port.
			ctx, cancel := context.WithTimeout(t.Context(), startPatience)
			defer cancel()
			err = poll(ctx, readyInterval, func() (bool, error) {
				_, err := os.Stat(filepath.Join(b.server.dir, "start-3.log"))
				return err == nil, nil
			})
			require.NoError(t, err)
			require.NoError(t, taken.Close())
			require.NoError(t, <-ended)
			require.NoError(t, c.registered(t.Context(), b))
		})
	}
}

// A slave has what its master had stored, and serves it when the master is gone.
func TestSlave(t *testing.T) {
	t.Parallel()
	Require(t)
	for _, version := range Versions() {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c := Start(t, Config{Version: version, Slaves: true})
			c.CreateTopic(t, "orders", 4)
			require.Len(t, c.JavaProduce(t, "orders", 20), 20)
			awaitReplication := func() {
				t.Helper()
				ctx, cancel := context.WithTimeout(t.Context(), 5*eventually)
				defer cancel()
				require.NoError(t, c.AwaitReplication(ctx))
			}
			awaitReplication()
			slave := c.Slave(0)
			assert.Equal(t, 1, slave.ID)
			assert.Equal(t, c.Broker(0).Name, slave.Name)

			require.NoError(t, c.Broker(0).Kill())
			ctx, cancel := context.WithTimeout(t.Context(), 5*eventually)
			defer cancel()
			_, body, err := askRoute(ctx, c.NameServers()[0], "orders")
			require.NoError(t, err)
			assert.Contains(t, string(body), fmt.Sprintf("%q", slave.Addr))
			// Its queues come a moment after its log.
			require.NoError(t, poll(ctx, readyInterval, func() (bool, error) {
				code, _, err := slave.ask(ctx, 11, map[string]string{
					"consumerGroup": "readers", "topic": "orders", "queueId": "0", "queueOffset": "0", "maxMsgNums": "32",
					"sysFlag": "4", "commitOffset": "0", "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "0",
				}, nil)
				return code == 0, err
			}), "the slave serves a pull")

			require.NoError(t, c.Broker(0).Start())
			require.Len(t, c.JavaProduce(t, "orders", 1), 1)
			awaitReplication()
		})
	}
}

func TestConfigSlaves(t *testing.T) {
	cfg := Config{Version: "5.5.0", Slaves: true, ACL: &ACL{}}
	require.ErrorContains(t, cfg.validate(), "Config.Slaves")
}
