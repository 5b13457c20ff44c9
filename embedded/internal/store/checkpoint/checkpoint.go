// Package checkpoint is the file that bounds what RocketMQ reads when it opens a folder
// (StoreCheckpoint of 4.9.7 and 5.5.0).
package checkpoint

import (
	"encoding/binary"
	"fmt"
	"os"
)

// size is that of the file (MappedFile.OS_PAGE_SIZE).
const size = 4096

// Checkpoint says what is surely there, in times of storing to the millisecond and in
// offsets of the log. It must not claim more than the queues and the index have: RocketMQ
// does not look at what lies before. The zero value claims nothing.
type Checkpoint struct {
	// LogTime is of the last message whose record is on the disk, QueueTime of the last one
	// whose unit is, IndexTime of the last one whose keys are.
	LogTime, QueueTime, IndexTime int64
	// MasterFlushed is 0 for a master that is alone.
	MasterFlushed int64
	// Confirmed is the last record at the last recovery, QueueOffset that of the last
	// message whose unit is on the disk. 4.9 does not know them.
	Confirmed, QueueOffset int64
}

func (c *Checkpoint) fields() [6]*int64 {
	return [...]*int64{&c.LogTime, &c.QueueTime, &c.IndexTime, &c.MasterFlushed, &c.Confirmed, &c.QueueOffset}
}

// Encode returns the file.
func (c Checkpoint) Encode() []byte {
	data := make([]byte, size)
	for i, field := range c.fields() {
		binary.BigEndian.PutUint64(data[8*i:], uint64(*field))
	}
	return data
}

// Parse decodes a file. What is missing of it is 0.
func Parse(data []byte) Checkpoint {
	var c Checkpoint
	for i, field := range c.fields() {
		if at := 8 * i; at+8 <= len(data) {
			*field = int64(binary.BigEndian.Uint64(data[at:]))
		}
	}
	return c
}

// Write writes the file and waits until it is on the disk. A crash meanwhile leaves a file
// of zeros or of a mixture, so it is for when what it says is true of either.
func Write(path string, c Checkpoint) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	_, err = f.WriteAt(c.Encode(), 0)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}
