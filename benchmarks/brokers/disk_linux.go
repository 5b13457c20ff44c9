package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// flushDisk returns when all that was written is on the disk.
func flushDisk() { syscall.Sync() }

// dontNeed is POSIX_FADV_DONTNEED of fcntl.h.
const dontNeed = 4

// forget takes the files of a folder out of the system's memory. It reports whether that was
// possible.
func forget(dir string) bool {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return false
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return false
		}
		_, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0)
		if err := f.Close(); err != nil || errno != 0 {
			return false
		}
	}
	return true
}

// occupied is how much of the disk the files of a folder take.
func occupied(dir string) (size int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			size += stat.Blocks * 512
		}
		return nil
	})
	return size, err
}
