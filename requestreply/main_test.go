package requestreply_test

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
