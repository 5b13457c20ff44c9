package commitlog

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// Record is a record that [Open] has found.
type Record struct {
	// Message aliases memory that is used again when the call is over.
	Message body.StoredMessage
	Offset  int64
	Size    int
}

// Recovery says what [Open] found.
type Recovery struct {
	// First is the offset of the first file, End the one behind the last valid record.
	First, End int64
	// Dropped is what follows the end: bytes that are no record, and files behind them. It
	// is "" after an orderly end.
	Dropped string
	// Kept is the folder that has what was dropped, "" if there is none.
	Kept string
}

// Open opens the log in a folder, and calls visit for all its records in order. The end of
// the log is the first record that is not valid, as for RocketMQ. What lies behind is moved
// into a folder beside it, never deleted.
func Open(cfg Config, visit func(Record)) (*Log, Recovery, error) {
	if cfg.FileSize == 0 {
		cfg.FileSize = DefaultFileSize
	}
	if cfg.Open == nil {
		cfg.Open = OpenFile
	}
	l := &Log{cfg: cfg, stop: make(chan struct{}), kick: make(chan struct{}, 1), pen: make(chan struct{}, 1), syncs: make(chan []segment, 1), synced: make(chan error, 1)}
	l.pen <- struct{}{}
	found, err := l.recover(visit)
	if err != nil {
		for _, s := range l.segments {
			err = errors.Join(err, s.close())
		}
		return nil, found, fmt.Errorf("commitlog: opening %s: %w", cfg.Dir, err)
	}
	l.stopped.Go(l.write)
	if cfg.Sync {
		l.stopped.Go(l.syncFiles)
	} else {
		l.stopped.Go(l.sync)
	}
	return l, found, nil
}

func (l *Log) recover(visit func(Record)) (r Recovery, err error) {
	if err := os.MkdirAll(l.cfg.Dir, 0o755); err != nil {
		return r, err
	}
	files, err := list(l.cfg.Dir)
	if err != nil {
		return r, err
	}
	files, length, err := l.checkFiles(files)
	if err != nil {
		return r, err
	}
	for _, f := range files {
		opened, err := l.cfg.Open(f.path, false)
		if err != nil {
			return r, err
		}
		s, err := newSegment(f.base, l.cfg.FileSize, f.path, opened)
		if err != nil {
			return r, errors.Join(err, opened.Close())
		}
		l.segments = append(l.segments, s)
	}
	if len(files) == 0 {
		return r, nil
	}
	r.First = files[0].base
	var why error
	if r.End, why, err = l.scan(length, visit); err != nil {
		return r, err
	}
	l.next, l.written = r.End, r.End
	return r, l.dropBehind(&r, why)
}

// PageSize is what the size of a log's files is a multiple of, as RocketMQ maps them.
const PageSize = 4096

// checkFiles takes the size of the files that are there for that of all, and removes a last
// one of length 0, which a crash leaves behind. A last one that was cut gets its length back,
// without which RocketMQ would not start. It returns the files, and where the bytes end that
// the last one has.
func (l *Log) checkFiles(files []diskFile) (_ []diskFile, length int64, err error) {
	if n := len(files); n > 0 && files[n-1].size == 0 {
		if err := os.Remove(files[n-1].path); err != nil {
			return nil, 0, err
		}
		files = files[:n-1]
	}
	if len(files) == 0 {
		return nil, 0, nil
	}
	if first := files[0].size; len(files) > 1 || first%PageSize == 0 {
		l.cfg.FileSize = first
	}
	size, last := l.cfg.FileSize, len(files)-1
	for i, f := range files {
		length = f.base + f.size
		switch {
		case f.base%size != 0:
			return nil, 0, fmt.Errorf("file %s does not begin at a multiple of the size of files, %d bytes", filepath.Base(f.path), size)
		case i > 0 && f.base != files[i-1].base+size:
			return nil, 0, fmt.Errorf("there is no file between %s and %s", filepath.Base(files[i-1].path), filepath.Base(f.path))
		case f.size == size:
		case i == last && f.size < size:
			if err := os.Truncate(f.path, size); err != nil {
				return nil, 0, err
			}
		default:
			return nil, 0, fmt.Errorf("file %s has %d bytes, and others have %d", filepath.Base(f.path), f.size, size)
		}
	}
	return files, length, nil
}

// scan reads all files, up to the first record that is not valid or goes beyond length. It
// returns where that is and why it is not, which is errEnd for zeros.
func (l *Log) scan(length int64, visit func(Record)) (end int64, why, err error) {
	w := window{size: l.cfg.FileSize}
	for i := range l.segments {
		end, why, err = l.scanFile(&w, &l.segments[i], length, visit)
		if why != nil || err != nil {
			return end, why, err
		}
	}
	return end, errEnd, nil
}

// scanFile reads the records of one file, up to its blank one, which leads to the next file:
// end is there then. Otherwise why says what is wrong at end.
func (l *Log) scanFile(w *window, s *segment, length int64, visit func(Record)) (end int64, why, err error) {
	w.open(s.file)
	for at := int64(0); ; {
		end = s.base + at
		room := l.cfg.FileSize - at
		if room < blankSize {
			return end, errors.New("no room for a record, and none that says so"), nil
		}
		b, err := w.at(at, blankSize)
		if err != nil {
			return end, nil, err
		}
		h, why := parseHeader(b, room)
		if missing := end + h.size - length; why == nil && missing > 0 {
			why = fmt.Errorf("a record that lacks %d bytes", missing)
		}
		if why != nil {
			return end, why, nil
		}
		if h.blank {
			return s.base + l.cfg.FileSize, nil, nil
		}
		if b, err = w.at(at, int(h.size)); err != nil {
			return end, nil, err
		}
		m, why := parseRecord(b, end, w.topic)
		if why != nil {
			return end, why, nil
		}
		w.topic = m.Topic
		visit(Record{m, end, int(h.size)})
		at += h.size
	}
}

// window reads a file in large pieces.
type window struct {
	size int64 // of a file
	file File
	from int64
	data []byte
	room []byte
	// topic is that of the record before, which is probably that of the next one.
	topic string
}

// windowSize is how much is read at a time.
const windowSize = 4 << 20

func (w *window) open(f File) { w.file, w.from, w.data = f, 0, nil }

// at returns n bytes from an offset on, which the file has.
func (w *window) at(offset int64, n int) ([]byte, error) {
	if offset < w.from || offset+int64(n) > w.from+int64(len(w.data)) {
		want := min(max(int64(n), windowSize), w.size-offset)
		if int64(cap(w.room)) < want {
			w.room = make([]byte, want)
		}
		w.room = w.room[:want]
		if _, err := w.file.ReadAt(w.room, offset); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		w.from, w.data = offset, w.room
	}
	return w.data[offset-w.from:][:n], nil
}

// dropBehind puts what follows the end out of the way: what lies there must not be taken for
// records once the log has grown up to it.
func (l *Log) dropBehind(r *Recovery, why error) error {
	i := 0
	for i < len(l.segments) && l.segments[i].base+l.cfg.FileSize <= r.End {
		i++
	}
	if i == len(l.segments) {
		return nil
	}
	behind := r.End - l.segments[i].base
	tail, err := tailOf(l.segments[i].file, behind, l.cfg.FileSize)
	if err != nil {
		return err
	}
	later := l.segments[i+1:]
	filled := slices.Clone(later)
	filled = slices.DeleteFunc(filled, func(s segment) bool {
		end, err := tailOf(s.file, 0, l.cfg.FileSize)
		return err == nil && end == 0 // made ahead by RocketMQ, and still empty
	})
	if tail > behind || len(filled) > 0 {
		if errors.Is(why, errEnd) {
			why = errors.New("zeros")
		}
		r.Dropped = fmt.Sprintf("at %d there is %v; behind it are %d bytes of the file, and %d files", r.End, why, tail-behind, len(filled))
		if r.Kept, err = l.keep(r.End, l.segments[i], tail, filled); err != nil {
			return err
		}
	}
	if tail > behind {
		if err := clearRange(l.segments[i].file, behind, tail); err != nil {
			return err
		}
	}
	for _, s := range later {
		if err := s.close(); err != nil {
			return err
		}
		if err := remove(s.path); err != nil {
			return err
		}
	}
	l.segments = l.segments[:i+1]
	return nil
}

// keep moves what is dropped into a folder beside that of the log, and returns its name:
// what the file of the end has behind it up to a tail, and whole files.
func (l *Log) keep(end int64, s segment, tail int64, files []segment) (string, error) {
	dir, err := os.MkdirTemp(filepath.Dir(l.cfg.Dir), fmt.Sprintf("dropped-%d-", end))
	if err != nil {
		return "", err
	}
	if from := end - s.base; tail > from {
		if err := copyRange(segmentPath(dir, end), s.file, from, tail); err != nil {
			return "", err
		}
	}
	for _, f := range files {
		if err := os.Rename(f.path, filepath.Join(dir, filepath.Base(f.path))); err != nil {
			return "", err
		}
	}
	return dir, nil
}

func copyRange(name string, from File, begin, end int64) error {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(from, begin, end-begin))
	return errors.Join(err, out.Close())
}

// tailOf returns the offset behind the last byte of a file that is not zero, from an offset
// on.
func tailOf(f File, from, size int64) (int64, error) {
	end := from
	b := make([]byte, 1<<20)
	for at := from; at < size; at += int64(len(b)) {
		next, err := f.SkipHole(at)
		if err != nil || next < 0 || next >= size {
			return end, err
		}
		at = next
		n, err := f.ReadAt(b[:min(int64(len(b)), size-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		if rest := bytes.TrimRight(b[:n], "\x00"); len(rest) > 0 {
			end = at + int64(len(rest))
		}
	}
	return end, nil
}

// remove removes a file, which may have been moved away.
func remove(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
