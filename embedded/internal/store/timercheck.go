package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/folder"
)

// timerCheckSize is the size of the file timercheck (TimerCheckpoint of 5.5.0).
const timerCheckSize = 4096

// WriteTimerCheck says in a folder which message of the timer topic is the next one that
// was not dealt with, at a time to the millisecond. 4.9 does not look at it.
func WriteTimerCheck(dir string, nowInMilli, next int64) error {
	data := make([]byte, timerCheckSize)
	binary.BigEndian.PutUint64(data, uint64(nowInMilli)) // lastReadTimeMs
	// lastTimerLogFlushPos stays 0: there is no timer log.
	binary.BigEndian.PutUint64(data[16:], uint64(next)) // lastTimerQueueOffset
	binary.BigEndian.PutUint64(data[24:], uint64(next)) // masterTimerQueueOffset
	return folder.Write(timerCheckPath(dir), data)
}

// ReadTimerCheck returns the next message of the timer topic, 0 if nothing is said of it.
func ReadTimerCheck(dir string) (int64, error) {
	data, err := os.ReadFile(timerCheckPath(dir))
	if errors.Is(err, os.ErrNotExist) || err == nil && len(data) < 32 {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("store: %w", err)
	}
	next := int64(binary.BigEndian.Uint64(data[16:]))
	return max(0, min(next, int64(binary.BigEndian.Uint64(data[24:])))), nil
}

func timerCheckPath(dir string) string { return filepath.Join(dir, "config", "timercheck") }
