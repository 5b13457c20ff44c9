//go:build unix

package store

import (
	"io/fs"
	"syscall"
)

// occupied is how many bytes of the disk a file takes.
func occupied(info fs.FileInfo) (int64, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int64(stat.Blocks) * 512, true
}
