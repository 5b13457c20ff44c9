//go:build !unix

package commitlog

// Map does not map: the file is read then.
func (osFile) Map(int64) ([]byte, error) { return nil, nil }

func unmap([]byte) error { return nil }
