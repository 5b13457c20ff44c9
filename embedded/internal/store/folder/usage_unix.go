//go:build linux || darwin

package folder

import (
	"fmt"
	"syscall"
)

// Usage is which part of the disk that a folder is on is used, of what may be
// (UtilAll.getDiskPartitionSpaceUsedPercent).
func Usage(dir string) (float64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("folder: looking at the disk of %s: %w", dir, err)
	}
	used := float64(s.Blocks - s.Bfree)
	return used / max(1, used+float64(s.Bavail)), nil
}
