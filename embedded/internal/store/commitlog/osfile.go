package commitlog

import "os"

// osFile is a file of the operating system.
type osFile struct{ *os.File }

// OpenFile opens a file of the operating system, or makes it.
func OpenFile(path string, create bool) (File, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o644)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}
