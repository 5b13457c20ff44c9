//go:build !linux && !darwin

package folder

import (
	"errors"
	"fmt"
)

// Usage is not known here.
func Usage(dir string) (float64, error) {
	return 0, fmt.Errorf("folder: looking at the disk of %s: %w", dir, errors.ErrUnsupported)
}
