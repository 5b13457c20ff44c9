package commitlog

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// lookEvery is how often the log looks for those whose patience is over while the disk is
// busy.
const lookEvery = 50 * time.Millisecond

// write writes what others do not, until the log is closed and nothing is left. Where records
// are to be synced it writes all, and those that come while the disk is busy share the next sync; if it is busy
// for long they are written meanwhile.
func (l *Log) write() {
	defer close(l.syncs)
	look := time.NewTicker(lookEvery)
	look.Stop()
	for {
		kick := l.kick
		if l.syncing > 0 {
			kick = nil
		}
		select {
		case <-kick:
			<-l.pen
			l.writePending()
			l.pen <- struct{}{}
			if l.syncing > 0 {
				look.Reset(lookEvery)
			}
		case err := <-l.synced:
			look.Stop()
			l.syncEnded(err)
			if l.syncing > 0 { // for what was written meanwhile
				look.Reset(lookEvery)
			}
		case now := <-look.C:
			l.writePending()
			for _, b := range l.unsynced {
				b.hurry(now)
			}
		case <-l.stop:
			<-l.pen // for good
			l.writePending()
			for l.syncing > 0 {
				l.syncEnded(<-l.synced)
			}
			return
		}
	}
}

// syncFiles syncs what the writer asks for, so that the writer can do something else when
// the disk takes long.
func (l *Log) syncFiles() {
	for files := range l.syncs {
		var err error
		for _, s := range files {
			if err = s.file.SyncData(); err != nil {
				break
			}
		}
		l.synced <- err
	}
}

// writePending writes the batch that is pending. Records that come meanwhile are the next
// one. The caller has the pen.
func (l *Log) writePending() {
	l.mu.Lock()
	b := l.pending
	l.pending = nil
	l.mu.Unlock()
	if b == nil {
		return
	}
	if err := l.writeBatch(b); err != nil {
		l.lose([]*Batch{b}, fmt.Errorf("commitlog: writing at %d: %w", b.from, err))
		return
	}
	if !l.cfg.Sync {
		l.bringInSight([]*Batch{b})
		return
	}
	l.unsynced = append(l.unsynced, b)
	l.startSync()
	b.hurry(time.Now())
}

// startSync has all synced that is written, unless the disk is busy.
func (l *Log) startSync() {
	if n := len(l.unsynced); n > 0 && l.syncing == 0 {
		l.syncing = n
		l.syncs <- filesOf(l.unsynced)
	}
}

// syncEnded goes on when a sync is over.
func (l *Log) syncEnded(err error) {
	n := l.syncing
	l.syncing = 0
	if err != nil {
		lost := l.unsynced
		l.unsynced = nil
		l.lose(lost, fmt.Errorf("commitlog: syncing from %d on: %w", lost[0].from, err))
		return
	}
	done := slices.Clone(l.unsynced[:n])
	l.unsynced = slices.Delete(l.unsynced, 0, n)
	l.bringInSight(done)
	l.startSync()
}

// bringInSight ends batches that are where they are to be.
func (l *Log) bringInSight(batches []*Batch) {
	end := batches[len(batches)-1].end
	l.mu.Lock()
	l.written = end
	l.mu.Unlock()
	if l.cfg.Written != nil {
		l.cfg.Written(end)
	}
	for _, b := range batches {
		b.finish(nil)
	}
}

// lose ends batches that cannot be written, and with them all that was to follow: their
// places are given away again.
func (l *Log) lose(lost []*Batch, err error) {
	from := lost[0].from
	for _, b := range lost {
		if b.chunks != nil {
			l.torn = max(l.torn, b.lastByte())
		}
		l.torn = max(l.torn, b.end)
	}
	l.mu.Lock()
	if l.pending != nil {
		lost = append(lost, l.pending)
		l.pending = nil
	}
	// Nobody gets a place before those who had one know that they have not.
	l.broken = err
	l.mu.Unlock()
	if l.cfg.Lost != nil {
		l.cfg.Lost(from)
	}
	l.mu.Lock()
	l.next, l.broken = from, nil
	l.mu.Unlock()
	for _, one := range lost {
		one.finish(err)
	}
}

// writeBatch writes a batch into its files.
func (l *Log) writeBatch(b *Batch) error {
	if err := l.takeSyncError(); err != nil {
		return err
	}
	if l.torn > b.from {
		if err := l.mend(b.from); err != nil {
			return err
		}
	}
	var files []segment
	for i := range b.chunks {
		c := &b.chunks[i]
		s, err := l.segment(c.base)
		if err != nil {
			return err
		}
		if _, err := s.file.WriteAt(c.data, c.offset-c.base); err != nil {
			return err
		}
		files = append(files, s)
	}
	data := b.chunks[0].data
	b.wrote(files)
	if cap(data) <= keptMost {
		l.mu.Lock()
		l.spare = data
		l.mu.Unlock()
	}
	return nil
}

// mend clears what a failed write may have left behind the end, so that nothing that is
// not in the log is found when it is opened.
func (l *Log) mend(end int64) error {
	l.mu.Lock()
	segments := slices.Clone(l.segments)
	l.mu.Unlock()
	for _, s := range segments {
		from, to := max(end-s.base, 0), min(l.torn-s.base, l.cfg.FileSize)
		if err := clearRange(s.file, from, to); err != nil {
			return err
		}
	}
	l.torn = 0
	return nil
}

// segment returns the file with that base, which it makes if it is the next one.
func (l *Log) segment(base int64) (segment, error) {
	l.mu.Lock()
	i, ok := l.segmentAt(base)
	if ok {
		s := l.segments[i]
		l.mu.Unlock()
		return s, nil
	}
	l.mu.Unlock()
	s, err := l.create(base)
	if err != nil {
		return segment{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.segments = append(l.segments, s)
	return s, nil
}

// create makes a file of zeros, which takes no room on the disk.
func (l *Log) create(base int64) (segment, error) {
	path := segmentPath(l.cfg.Dir, base)
	f, err := l.cfg.Open(path, true)
	if err != nil {
		return segment{}, err
	}
	if err := f.Truncate(l.cfg.FileSize); err != nil {
		return segment{}, errors.Join(err, f.Close(), remove(path))
	}
	if l.cfg.Sync {
		if err := syncFolder(l.cfg.Dir); err != nil {
			return segment{}, errors.Join(err, f.Close(), remove(path))
		}
	}
	s, err := newSegment(base, l.cfg.FileSize, path, f)
	if err != nil {
		return segment{}, errors.Join(err, f.Close(), remove(path))
	}
	return s, nil
}

// segmentAt finds a file. The caller holds mu.
func (l *Log) segmentAt(base int64) (int, bool) {
	return slices.BinarySearchFunc(l.segments, base, func(s segment, base int64) int {
		return int(max(-1, min(1, s.base-base)))
	})
}

// sync syncs what was written, again and again, where nobody waits for it. Who writes does
// not wait for it either, also when a file is full.
func (l *Log) sync() {
	ticker := time.NewTicker(DefaultSyncInterval)
	defer ticker.Stop()
	var synced int64
	for {
		select {
		case <-ticker.C:
		case <-l.stop:
			return
		}
		l.mu.Lock()
		end := l.written
		segments := slices.Clone(l.segments)
		l.mu.Unlock()
		if end == synced {
			continue
		}
		err := l.syncFrom(synced, segments)
		l.mu.Lock()
		l.syncErr = err
		l.mu.Unlock()
		if err == nil {
			synced = end
		}
	}
}

// syncFrom syncs the files that have something from an offset on.
func (l *Log) syncFrom(from int64, segments []segment) error {
	for _, s := range segments {
		if s.base+l.cfg.FileSize <= from {
			continue
		}
		if err := s.file.SyncData(); err != nil && s.base >= l.First() { // it was not cleaned meanwhile
			return err
		}
	}
	return nil
}

// takeSyncError returns the error of a sync in the background, once: the next who wants
// something written learns that the disk fails.
func (l *Log) takeSyncError() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.syncErr
	l.syncErr = nil
	return err
}
