package commitlog

import (
	"errors"
	"fmt"
)

// Walk calls visit for all records that can be read, in order. It is for when nothing is
// written or cleaned, as after [Log.Stop].
func (l *Log) Walk(visit func(Record)) error {
	end, why, err := l.scan(l.End(), visit)
	if err == nil && end < l.End() {
		err = why
	}
	if err != nil && !errors.Is(err, errEnd) {
		return fmt.Errorf("commitlog: reading at %d: %w", end, err)
	}
	return nil
}

// runSize is how much is looked at together.
const runSize = 1 << 20

// Run returns records that lie next to each other, from an offset on or from the first one
// behind it, and the offset of the first of them. The last one may be there in part, the first
// one is whole. There are none at the end of what can be read. As with View they are not to be
// changed, and are gone when the log is closed.
func (l *Log) Run(from int64) (records []byte, offset int64) {
	for {
		from = max(from, l.First())
		size, blank := l.sizeAt(from)
		switch {
		case blank:
			from = l.base(from) + l.cfg.FileSize
		case size > 0:
			left := min(l.End(), l.base(from)+l.cfg.FileSize) - from
			if records = l.View(from, int(max(size, min(left, runSize)))); records != nil {
				return records, from
			}
		case from >= l.First():
			return nil, from
		}
		// Otherwise it was cleaned a moment ago.
	}
}

// sizeAt is that of the record at an offset, 0 if there is none.
func (l *Log) sizeAt(offset int64) (size int64, blank bool) {
	head := l.View(offset, blankSize)
	if head == nil {
		return 0, false
	}
	h, err := parseHeader(head, l.base(offset)+l.cfg.FileSize-offset)
	if err != nil {
		return 0, false
	}
	return h.size, h.blank
}
