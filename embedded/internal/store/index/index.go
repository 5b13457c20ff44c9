// Package index writes the files that messages are found in by their keys (IndexFile and
// IndexService of 4.9.7 and 5.5.0).
package index

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"time"
)

const (
	headerSize, slotSize, entrySize = 40, 4, 20
	// DefaultSlots and DefaultEntries are maxHashSlotNum and maxIndexNum.
	DefaultSlots, DefaultEntries = 5_000_000, 20_000_000
)

// Config is how an index is kept. RocketMQ has to have the same numbers.
type Config struct {
	// Dir is the folder index.
	Dir string
	// Slots and Entries are the numbers of both that a file has room for.
	Slots, Entries int
}

// Entry is a key of a message.
type Entry struct {
	Hash           int32 // of the key, see keys.Hash
	Offset         int64 // of the record
	StoreTimestamp int64 // to the millisecond
}

// fileName is that of a file that is made at a time (IndexService.getAndCreateLastIndexFile).
func fileName(at time.Time) string {
	return fmt.Sprintf("%s%03d", at.Format("20060102150405"), at.Nanosecond()/1e6)
}

// Write writes the index: entries in the order of the log. now names its files. It returns
// the store time of the last entry of the last file that is full, which a checkpoint may
// claim whatever becomes of the file behind it; 0 if there is none.
func Write(cfg Config, now time.Time, entries iter.Seq[Entry]) (full int64, err error) {
	if cfg.Slots < 1 || cfg.Entries < 2 {
		return 0, fmt.Errorf("index: files of %d slots and %d entries", cfg.Slots, cfg.Entries)
	}
	if err := os.MkdirAll(cfg.Dir, 0o755); err != nil {
		return 0, fmt.Errorf("index: %w", err)
	}
	w := writer{cfg: cfg, now: now}
	for e := range entries {
		if w.count >= int32(cfg.Entries) {
			full = w.header.lastTime
			if err = w.end(); err != nil {
				break
			}
		}
		if err = w.put(e); err != nil {
			break
		}
	}
	if err = errors.Join(err, w.end()); err != nil {
		return 0, fmt.Errorf("index: writing %s: %w", cfg.Dir, err)
	}
	return full, nil
}
