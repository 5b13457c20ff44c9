package main

import (
	"context"
	"io"
	"log"
	"os"
	"strings"
	"testing"

	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/tries"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// until is a writer that calls found when it has been given a text.
type until struct {
	text  string
	found func()
}

func (u until) Write(p []byte) (int, error) {
	if strings.Contains(string(p), u.text) {
		u.found()
	}
	return len(p), nil
}

// The program prints what .validate_example.yml expects.
func TestPrintsWhatIsExpected(t *testing.T) {
	file, err := os.ReadFile(".validate_example.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, expected, ok := strings.Cut(strings.TrimSpace(string(file)), "expected_output: ")
	if !ok {
		t.Fatal("no expected_output")
	}
	tries.Thrice(t, func() error {
		cluster, err := embedded.Start()
		if err != nil {
			return err
		}
		defer cluster.Close()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		log.SetOutput(io.MultiWriter(os.Stderr, until{strings.Trim(expected, `"`), cancel}))
		defer log.SetOutput(os.Stderr)
		return run(ctx, cluster.NameServers()[0])
	})
}
