package rocketmq_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/control"
)

// What stands between the marks in this function is in docs/control.md as well. The
// requests there are made by a test of package control.

func controlServer(cluster *embedded.Cluster, addr string) error {
	// SNIPPET:
	server, err := control.Listen(cluster, addr, control.Config{})
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Println(server.URL())
	// :SNIPPET
	return server.Close()
}

func TestControl(t *testing.T) {
	cluster, err := embedded.Start(embedded.InMemory())
	require.NoError(t, err)
	defer cluster.Close()
	require.NoError(t, controlServer(cluster, "127.0.0.1:0"))
}
