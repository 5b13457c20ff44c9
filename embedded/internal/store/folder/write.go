package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Write replaces a file as RocketMQ does: what was there before becomes NAME.bak, and a
// crash leaves the one or the other (ConfigManager.persist, MixAll.string2File).
func Write(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("folder: %w", err)
	}
	fresh := path + ".tmp"
	if err := writeSynced(fresh, data); err != nil {
		return fmt.Errorf("folder: writing %s: %w", path, err)
	}
	if err := os.Rename(path, path+".bak"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("folder: writing %s: %w", path, err)
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("folder: writing %s: %w", path, err)
	}
	return nil
}

func writeSynced(path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// Read reads a file that [Write] or RocketMQ wrote into v with parse, or the one before it
// where that is missing, empty or broken. It reports whether there was one. A file that is
// broken, and no good one before it, is an error.
func Read(path string, parse func([]byte) error) (bool, error) {
	var faults []error
	for _, name := range []string{path, path + ".bak"} {
		data, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) || err == nil && len(data) == 0 {
			continue
		}
		if err == nil {
			err = parse(data)
		}
		if err == nil {
			return true, nil
		}
		faults = append(faults, fmt.Errorf("folder: reading %s: %w", name, err))
	}
	return false, errors.Join(faults...)
}
