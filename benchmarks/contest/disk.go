package contest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"
)

// cleanPatience is how long the broker may take to delete what is too much. It
// looks every second.
const cleanPatience = time.Minute

// fastest is more than any broker stores in a second, in bytes.
const fastest = 600 << 20

// keepSmall sees to it that the broker's store has room below its limit for one
// more measurement, and fails if it cannot or the disk is short.
func (c *course) keepSmall(ctx context.Context, b *stand) error {
	if b.Store == "" {
		return nil
	}
	room := int64((c.settings.Length + warmUp).Seconds() * fastest)
	size, err := folderSize(b.Store)
	if err != nil {
		return err
	}
	c.report.StorePeak = max(c.report.StorePeak, size)
	if size+room > c.settings.StoreLimit {
		if err := b.clean(ctx, c.settings.StoreLimit-room); err != nil {
			return err
		}
	}
	free, err := freeSpace(b.Store)
	if err != nil {
		return err
	}
	if free < c.settings.DiskReserve+room {
		return fmt.Errorf("contest: the disk is short: %d MiB are free, want %d", free>>20, (c.settings.DiskReserve+room)>>20)
	}
	return nil
}

// folderSize adds up the files under dir, as long as they say they are.
func folderSize(dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // deleted meanwhile
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			size += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("contest: store: %w", err)
	}
	return size, nil
}
