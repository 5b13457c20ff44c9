//go:build unix

package commitlog

import (
	"fmt"
	"syscall"
)

// Map maps the file, which sees what is written to it.
func (f osFile) Map(size int64) ([]byte, error) {
	view, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping %s: %w", f.Name(), err)
	}
	return view, nil
}

func unmap(view []byte) error {
	if view == nil {
		return nil
	}
	return syscall.Munmap(view)
}
