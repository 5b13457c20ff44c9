package settings

import (
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
)

// Offsets is consumerOffset.json.
type Offsets struct {
	file  file
	Table map[offsets.Queue]int64
}

const offsetTable = "offsetTable"

// separator is between topic and group (ConsumerOffsetManager.TOPIC_GROUP_SEPARATOR).
const separator = "@"

// ReadOffsets reads the file of the folder dir.
func ReadOffsets(dir string) (*Offsets, error) {
	var table map[string]map[int32]int64
	f, err := readFile(dir, "consumerOffset.json", offsetTable, &table)
	o := &Offsets{file: f, Table: make(map[offsets.Queue]int64)}
	for key, queues := range table {
		topic, group, ok := strings.Cut(key, separator)
		if !ok {
			continue // as the broker does
		}
		for id, offset := range queues {
			o.Table[offsets.Queue{Group: group, Topic: topic, ID: id}] = offset
		}
	}
	return o, err
}

// Write writes the file.
func (o *Offsets) Write() error {
	table := make(map[string]map[int32]int64)
	for q, offset := range o.Table {
		key := q.Topic + separator + q.Group
		if table[key] == nil {
			table[key] = make(map[int32]int64)
		}
		table[key][q.ID] = offset
	}
	return writeFile(o.file, offsetTable, table)
}
