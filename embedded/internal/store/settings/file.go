package settings

import (
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store/folder"
)

// file is a JSON object of which one field is ours.
type file struct {
	path string
	rest map[string]json.RawMessage
}

// readFile reads the field of that name into v. A file that is missing leaves v as it is.
func readFile[T any](dir, name, field string, v *T) (file, error) {
	f := file{path: filepath.Join(dir, "config", name)}
	_, err := folder.Read(f.path, func(data []byte) error {
		var rest map[string]json.RawMessage
		if err := folder.Unmarshal(data, &rest); err != nil {
			return err
		}
		var read T
		if raw, ok := rest[field]; ok {
			if err := folder.Unmarshal(raw, &read); err != nil {
				return err
			}
		}
		*v, f.rest = read, rest
		return nil
	})
	return f, err
}

// writeFile writes the field of that name, and the others as they were.
func writeFile[T any](f file, field string, v T) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	all := make(map[string]json.RawMessage, len(f.rest)+1)
	for name, value := range f.rest {
		all[name] = value
	}
	all[field] = raw
	data, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	return folder.Write(f.path, data)
}
