package store

import (
	"time"
)

// Limits say what is done when a disk fills up (DefaultMessageStore.CleanCommitLogService).
// They are parts of it. The zero value has nothing done.
type Limits struct {
	// Clean has the oldest files go, whatever their age (diskSpaceCleanForciblyRatio).
	Clean float64
	// Full has messages refused, until no more than Clean is used (diskSpaceWarningLevelRatio).
	Full float64
	// Usage tells how much is used.
	Usage func(dir string) (float64, error)
}

// cleanedAtOnce is how many files go in one look when the disk fills up (deleteFileBatchMax).
const cleanedAtOnce = 10

// Clean removes the oldest files of the log, see [commitlog.Log.Clean], and more when the
// disk fills up.
func (s *Store) Clean(before time.Time, most int64) error {
	if _, err := s.log.Clean(before, most); err != nil {
		return err
	}
	l := &s.cfg.Limits
	if l.Usage == nil {
		return nil
	}
	used, err := l.Usage(s.cfg.Dir)
	if err != nil {
		return err
	}
	switch {
	case used > l.Full:
		s.full.Store(true)
	case used <= l.Clean:
		s.full.Store(false)
		return nil
	}
	return s.log.CleanOldest(cleanedAtOnce)
}

// Full reports whether the disk was too full at the last look. It is safe for concurrent use.
func (s *Store) Full() bool { return s.full.Load() }
