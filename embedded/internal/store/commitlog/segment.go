package commitlog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
)

// nameDigits is how many digits the name of a file has (UtilAll.offset2FileName).
const nameDigits = 20

// File is what the log needs of a file. Tests have ones that fail.
type File interface {
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	Truncate(size int64) error
	Close() error
	// Map returns the first so many bytes as they are and will be, for reading. It returns
	// nil where the system cannot do that.
	Map(size int64) ([]byte, error)
	// SkipHole returns the next offset at which there may be bytes other than zero, -1 if
	// there is none.
	SkipHole(off int64) (int64, error)
	// SyncData returns when what was written is on the disk.
	SyncData() error
}

// Opener opens a file for reading and writing, or makes it.
type Opener func(path string, create bool) (File, error)

// segment is one file of the log.
type segment struct {
	base    int64 // offset of its first byte
	path    string
	file    File
	mapping *mapping // its view is nil where the file cannot be mapped
}

// newSegment maps a file that is open.
func newSegment(base, size int64, path string, f File) (segment, error) {
	view, err := f.Map(size)
	return segment{base, path, f, newMapping(view)}, err
}

// read returns a copy of n bytes from an offset in the file on. The caller has the mapping.
func (s *segment) read(offset int64, n int) ([]byte, error) {
	if view := s.mapping.view; view != nil {
		return slices.Clone(view[offset : offset+int64(n)]), nil
	}
	b := make([]byte, n)
	_, err := s.file.ReadAt(b, offset)
	return b, err
}

// close closes the file. Who reads its mapping at the moment goes on.
func (s *segment) close() error { return errors.Join(s.mapping.leave(), s.file.Close()) }

func segmentPath(dir string, base int64) string {
	return filepath.Join(dir, fmt.Sprintf("%0*d", nameDigits, base))
}

// diskFile is a file of the log as it lies in its folder.
type diskFile struct {
	base, size int64
	path       string
}

// list returns the files of the log by their offsets. Others are left alone.
func list(dir string) ([]diskFile, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var files []diskFile
	for _, e := range entries {
		base, err := strconv.ParseInt(e.Name(), 10, 64)
		if err != nil || base < 0 || len(e.Name()) != nameDigits || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		files = append(files, diskFile{base, info.Size(), filepath.Join(dir, e.Name())})
	}
	slices.SortFunc(files, func(a, b diskFile) int { return int(max(-1, min(1, a.base-b.base))) })
	return files, nil
}

// clearRange makes bytes of a file zeros.
func clearRange(f File, from, to int64) error {
	zeros := make([]byte, min(max(0, to-from), 1<<20))
	for from < to {
		n, err := f.WriteAt(zeros[:min(to-from, int64(len(zeros)))], from)
		if err != nil {
			return err
		}
		from += int64(n)
	}
	return nil
}

// syncFolder returns when the names in a folder are on the disk. Windows has no such call:
// it refuses to sync a folder that is open for reading.
func syncFolder(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
