//go:build !unix

package load

import (
	"errors"
	"fmt"
	"time"
)

func processCPU() (time.Duration, error) {
	return 0, fmt.Errorf("load: processor time: %w", errors.ErrUnsupported)
}
