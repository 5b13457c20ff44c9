//go:build !linux

package child

import (
	"errors"
	"fmt"
	"time"
)

// CPU is not known here.
func CPU(int) (time.Duration, error) {
	return 0, fmt.Errorf("child: processor time of a process: %w", errors.ErrUnsupported)
}
