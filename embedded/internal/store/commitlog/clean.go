package commitlog

import (
	"fmt"
	"os"
	"time"
)

// Clean removes the oldest files: those that nothing was written to since a time, and those
// beyond a number of bytes that may be kept, 0 for any number. The last file always stays. It
// returns the offset of the oldest record that is left. As with RocketMQ the age of a file is
// that of its last change, so a copy without times is young.
func (l *Log) Clean(before time.Time, most int64) (first int64, err error) {
	for {
		gone, ok, err := l.oldest(before, most)
		if err == nil && ok {
			err = discard(gone)
		}
		if err != nil || !ok {
			return l.First(), err
		}
	}
}

// CleanOldest removes the oldest files whatever their age, as many as are said, but for the
// last one.
func (l *Log) CleanOldest(n int) error {
	for range n {
		gone, ok, err := l.oldest(time.Time{}, 1)
		if err == nil && ok {
			err = discard(gone)
		}
		if err != nil || !ok {
			return err
		}
	}
	return nil
}

// discard removes a file that was taken out of the log. Its room on the disk is free when
// those are done who read it at the moment.
func discard(gone segment) error {
	if err := gone.close(); err != nil {
		return fmt.Errorf("commitlog: cleaning: %w", err)
	}
	if err := os.Remove(gone.path); err != nil {
		return fmt.Errorf("commitlog: cleaning: %w", err)
	}
	return nil
}

// oldest takes the oldest file out of the log, if it is to go.
func (l *Log) oldest(before time.Time, most int64) (segment, bool, error) {
	s, tooMany, ok := l.first(most)
	if !ok {
		return segment{}, false, nil
	}
	if !tooMany {
		info, err := os.Stat(s.path)
		if err != nil {
			return segment{}, false, fmt.Errorf("commitlog: cleaning: %w", err)
		}
		if !info.ModTime().Before(before) {
			return segment{}, false, nil
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || l.segments[0].base != s.base {
		return segment{}, false, nil
	}
	l.segments = append([]segment(nil), l.segments[1:]...)
	return s, true, nil
}

// first returns the oldest file, unless it is the last one or the log is closed, and
// whether there is more than may be kept.
func (l *Log) first(most int64) (s segment, tooMany, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.segments) < 2 || l.closed || l.segments[1].base > l.written {
		return s, false, false
	}
	return l.segments[0], most > 0 && int64(len(l.segments))*l.cfg.FileSize > most, true
}
