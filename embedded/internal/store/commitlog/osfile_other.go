//go:build !linux

package commitlog

// SkipHole does not know of holes.
func (osFile) SkipHole(off int64) (int64, error) { return off, nil }

// SyncData syncs the file.
func (f osFile) SyncData() error { return f.Sync() }
