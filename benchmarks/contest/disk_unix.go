//go:build unix

package contest

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// freeSpace is what is free on the disk that holds dir.
func freeSpace(dir string) (int64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("contest: free space: %w", err)
	}
	return int64(s.Bavail) * int64(s.Bsize), nil
}
