// Package consumequeue writes the files of queues, which say where in the log the messages
// of a queue are, and for which filter (ConsumeQueue of 4.9.7 and 5.5.0).
package consumequeue

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// UnitSize is the size of a unit, DefaultFileSize that of a file: 300,000 units
// (mappedFileSizeConsumeQueue).
const (
	UnitSize        = 20
	DefaultFileSize = 300_000 * UnitSize
)

// fillerSize is the size that units before the first message of a queue have.
const fillerSize = 0x7FFFFFFF

// Unit says where a message is: the offset and size of its record, and the code of its tag,
// or in the topic of delay levels when it is due.
type Unit struct {
	Offset int64
	Size   int32
	Tag    int64
}

func (u Unit) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(u.Offset))
	dst = binary.BigEndian.AppendUint32(dst, uint32(u.Size))
	return binary.BigEndian.AppendUint64(dst, uint64(u.Tag))
}

// IsName reports whether a topic can have files of queues. What can be none in a folder
// would lead to files elsewhere: names of groups, which retry topics have, are anything.
func IsName(topic string) bool {
	return topic != "." && filepath.IsLocal(topic) && !strings.ContainsAny(topic, "/\\\x00")
}

// Write writes the files of one queue below dir, the folder consumequeue: units whose first
// one has the number first. Of a queue that has lost its oldest messages the file begins
// before them, with units that stand for none.
func Write(dir, topic string, queue int32, fileSize, first int64, units iter.Seq[Unit]) error {
	w := writer{dir: filepath.Join(dir, topic, strconv.Itoa(int(queue))), size: fileSize - fileSize%UnitSize}
	if !IsName(topic) {
		return fmt.Errorf("consumequeue: %q is no name of a folder", topic)
	}
	if w.size <= 0 {
		return fmt.Errorf("consumequeue: files of %d bytes", fileSize)
	}
	if err := os.MkdirAll(w.dir, 0o755); err != nil {
		return fmt.Errorf("consumequeue: %w", err)
	}
	err := w.all(first, units)
	if err = errors.Join(err, w.end()); err != nil {
		return fmt.Errorf("consumequeue: writing %s: %w", w.dir, err)
	}
	return nil
}

// writer writes file after file.
type writer struct {
	dir  string
	size int64 // of a file
	at   int64 // of the next unit, over all files
	file *os.File
	out  *bufio.Writer
	unit []byte
}

func (w *writer) all(first int64, units iter.Seq[Unit]) error {
	at := first * UnitSize
	w.at = at - at%w.size
	for w.at < at {
		if err := w.put(Unit{Size: fillerSize}); err != nil {
			return err
		}
	}
	for u := range units {
		if err := w.put(u); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) put(u Unit) error {
	if w.at%w.size == 0 {
		if err := w.next(); err != nil {
			return err
		}
	}
	w.unit = u.append(w.unit[:0])
	w.at += UnitSize
	_, err := w.out.Write(w.unit)
	return err
}

// next begins the file of the offset that the writer is at.
func (w *writer) next() error {
	if err := w.end(); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(w.dir, fmt.Sprintf("%020d", w.at)))
	if err != nil {
		return err
	}
	w.file, w.out = f, bufio.NewWriterSize(f, 1<<16)
	return f.Truncate(w.size)
}

// end finishes the file that is written.
func (w *writer) end() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file = nil
	return errors.Join(w.out.Flush(), f.Sync(), f.Close())
}
