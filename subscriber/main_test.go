package subscriber_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// shared holds the real clusters that most tests share.
var shared realbroker.Shared

func sharedCluster(t testing.TB, version string) *realbroker.Cluster {
	t.Helper()
	return shared.Cluster(t, version)
}

func TestMain(m *testing.M) {
	if isChild() {
		return
	}
	code := m.Run()
	if err := shared.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
