package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// MarkRunning puts the file abort into a folder, which is there while a broker runs, and
// after it has crashed. It reports whether it was there before. It has the number of the
// process, as in 5.5.0; 4.9 wants nothing in it.
func MarkRunning(dir string) (crashed bool, err error) {
	path := filepath.Join(dir, "abort")
	switch _, err := os.Stat(path); {
	case err == nil:
		crashed = true
	case !errors.Is(err, os.ErrNotExist):
		return false, fmt.Errorf("folder: %w", err)
	}
	if err := os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o644); err != nil {
		return crashed, fmt.Errorf("folder: %w", err)
	}
	return crashed, nil
}

// MarkEnded says that a broker has ended in good order.
func MarkEnded(dir string) error {
	if err := os.Remove(filepath.Join(dir, "abort")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("folder: %w", err)
	}
	return nil
}
