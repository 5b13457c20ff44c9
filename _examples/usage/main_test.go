package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/_examples/internal/tries"
)

// programEnv makes a test process the program.
const programEnv = "USAGE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(programEnv) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The program of the README does what it says.
func TestUsage(t *testing.T) {
	tries.Thrice(t, func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		program := exec.CommandContext(ctx, os.Args[0])
		program.Env = append(os.Environ(), programEnv+"=1")
		var logged bytes.Buffer
		program.Stderr = &logged
		said, err := program.Output()
		if ctx.Err() != nil {
			err = errors.Join(tries.ErrHangs, err)
		}
		if err != nil {
			return fmt.Errorf("%w, logged:\n%s", err, &logged)
		}
		if want := "received a book\n"; string(said) != want {
			return fmt.Errorf("it says %q, want %q", said, want)
		}
		return nil
	})
}
