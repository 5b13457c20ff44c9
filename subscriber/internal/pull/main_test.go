package pull

import (
	"fmt"
	"os"
	"testing"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// shared holds the real clusters that most tests share.
var shared realbroker.Shared

func TestMain(m *testing.M) {
	code := m.Run()
	if err := shared.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// onReal runs a test on a real cluster of each version.
func onReal(t *testing.T, test func(t *testing.T, c *realbroker.Cluster)) {
	for _, version := range realbroker.Versions() {
		t.Run(version, func(t *testing.T) { test(t, shared.Cluster(t, version)) })
	}
}
