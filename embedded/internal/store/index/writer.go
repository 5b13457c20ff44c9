package index

import (
	"bufio"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"time"
)

// slotsAtOnce is how many slots are written together. Where there are none in use the file
// has a hole.
const slotsAtOnce = 1024

// header is the first part of a file.
type header struct {
	firstTime, lastTime     int64
	firstOffset, lastOffset int64
	usedSlots, count        int32
}

func (h header) encode() []byte {
	b := binary.BigEndian.AppendUint64(nil, uint64(h.firstTime))
	b = binary.BigEndian.AppendUint64(b, uint64(h.lastTime))
	b = binary.BigEndian.AppendUint64(b, uint64(h.firstOffset))
	b = binary.BigEndian.AppendUint64(b, uint64(h.lastOffset))
	b = binary.BigEndian.AppendUint32(b, uint32(h.usedSlots))
	return binary.BigEndian.AppendUint32(b, uint32(h.count))
}

// writer writes file after file.
type writer struct {
	cfg    Config
	now    time.Time
	file   *os.File
	out    *bufio.Writer
	header header
	count  int32   // number of the next entry; the first one is 1
	slots  []int32 // the newest entry of each
	entry  []byte
}

// begin makes a file of zeros.
func (w *writer) begin(first Entry) error {
	f, err := os.Create(filepath.Join(w.cfg.Dir, fileName(w.now)))
	if err != nil {
		return err
	}
	w.now = w.now.Add(time.Millisecond)
	w.file, w.out = f, bufio.NewWriterSize(f, 1<<16)
	w.count = 1
	w.header = header{firstTime: first.StoreTimestamp, firstOffset: first.Offset}
	if w.slots == nil {
		w.slots = make([]int32, w.cfg.Slots)
	}
	clear(w.slots)
	entries := int64(headerSize + slotSize*w.cfg.Slots)
	if err := f.Truncate(entries + int64(entrySize*w.cfg.Entries)); err != nil {
		return err
	}
	if _, err := f.Seek(entries+entrySize, 0); err != nil { // number 0 is none
		return err
	}
	return nil
}

func (w *writer) put(e Entry) error {
	if w.file == nil {
		if err := w.begin(e); err != nil {
			return err
		}
	}
	slot := &w.slots[int(e.Hash)%len(w.slots)]
	if *slot == 0 {
		w.header.usedSlots++
	}
	seconds := max(0, e.StoreTimestamp-w.header.firstTime) / 1000
	w.entry = binary.BigEndian.AppendUint32(w.entry[:0], uint32(e.Hash))
	w.entry = binary.BigEndian.AppendUint64(w.entry, uint64(e.Offset))
	w.entry = binary.BigEndian.AppendUint32(w.entry, uint32(min(seconds, 1<<31-1)))
	w.entry = binary.BigEndian.AppendUint32(w.entry, uint32(*slot))
	*slot = w.count
	w.count++
	w.header.lastTime, w.header.lastOffset, w.header.count = e.StoreTimestamp, e.Offset, w.count
	_, err := w.out.Write(w.entry)
	return err
}

// end finishes the file that is written.
func (w *writer) end() error {
	if w.file == nil {
		return nil
	}
	f := w.file
	w.file, w.count = nil, 0
	err := errors.Join(w.out.Flush(), w.writeSlots(f))
	_, failed := f.WriteAt(w.header.encode(), 0)
	return errors.Join(err, failed, f.Sync(), f.Close())
}

func (w *writer) writeSlots(f *os.File) error {
	var b []byte
	for from := 0; from < len(w.slots); from += slotsAtOnce {
		part := w.slots[from:min(from+slotsAtOnce, len(w.slots))]
		b = b[:0]
		used := false
		for _, n := range part {
			used = used || n != 0
			b = binary.BigEndian.AppendUint32(b, uint32(n))
		}
		if !used {
			continue
		}
		if _, err := f.WriteAt(b, int64(headerSize+slotSize*from)); err != nil {
			return err
		}
	}
	return nil
}
