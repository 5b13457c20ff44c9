package delays

import (
	"slices"
	"sync"
	"time"
)

// Lines has the messages that wait for their time: a line for each delay level, and one for
// each moment at which timer messages are due. The zero value is ready. It is safe for
// concurrent use.
type Lines struct {
	mu    sync.Mutex // guards what follows
	byKey map[lineKey]*Line
}

// lineKey is a level, or 0 and the time of timers.
type lineKey struct {
	level int
	due   int64 // in milliseconds
}

// Join adds a message, as it is stored, and returns the line in which it waits. offset is
// that in the queue of what waits.
func (s *Lines) Join(level int, offset int64, due time.Time, raw []byte) *Line {
	key := lineKey{level: level}
	if level == 0 {
		key.due = due.UnixMilli()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.byKey[key]
	if l == nil {
		if s.byKey == nil {
			s.byKey = make(map[lineKey]*Line)
		}
		l = &Line{lines: s, key: key, turn: make(chan struct{}, 1)}
		s.byKey[key] = l
	}
	l.join(waiting{offset, due, raw})
	return l
}

// All returns the lines in which somebody waits.
func (s *Lines) All() []*Line {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Line
	for _, l := range s.byKey {
		all = append(all, l)
	}
	return all
}

// Line has messages in the order in which they are stored. They leave it in that order, also
// those that are due at the same moment (ScheduleMessageService of 5.5.0).
type Line struct {
	lines *Lines
	key   lineKey
	// turn has room for one token: whoever has put it there delivers.
	turn chan struct{}

	// The following is guarded by lines.mu.
	waiting  []waiting // by offset
	retrying bool      // somebody was told to call Deliver again, as it has failed,
	putOff   bool      // or when the next one is due
}

// waiting is a message.
type waiting struct {
	offset int64
	due    time.Time
	raw    []byte
}

// join adds a message. The caller holds lines.mu.
func (l *Line) join(w waiting) {
	at := len(l.waiting)
	for at > 0 && l.waiting[at-1].offset > w.offset { // those that are stored together come in any order
		at--
	}
	l.waiting = slices.Insert(l.waiting, at, w)
}

// deliveredAtOnce is how many messages are delivered together.
const deliveredAtOnce = 1000

// retryAfter is when what could not be delivered is tried again.
const retryAfter = time.Second

// Deliver calls deliver with the first messages as long as they are due. deliver returns the
// indexes of those that it could not deliver: they go on waiting, before all others, and until
// it is tried again further calls do nothing. Deliver returns when that is done, by itself or
// by a call that was under way.
//
// If ready is not nil the caller is to call it at the time again, and then Deliver: something
// could not be delivered, or others wait, whose alarms may have come too early as the clock was
// set back. For either one caller at a time is told.
func (l *Line) Deliver(now time.Time, deliver func(raws [][]byte) (undone []int)) (again time.Time, ready func()) {
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if l.isRetrying() {
		return again, nil
	}
	for {
		taken := l.take(now)
		if len(taken) == 0 {
			return l.comeLater()
		}
		raws := make([][]byte, len(taken))
		for i := range taken {
			raws[i] = taken[i].raw
		}
		if undone := deliver(raws); len(undone) > 0 {
			l.putBack(taken, undone)
			return now.Add(retryAfter), l.clear(&l.retrying)
		}
	}
}

func (l *Line) isRetrying() bool {
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	return l.retrying
}

// comeLater is what Deliver returns if nobody is due: when the first one is. The caller has
// the turn.
func (l *Line) comeLater() (again time.Time, ready func()) {
	l.forget()
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	if len(l.waiting) == 0 || l.putOff {
		return again, nil
	}
	l.putOff = true
	return l.waiting[0].due, l.clear(&l.putOff)
}

// clear returns a func that takes back that somebody was told to come again.
func (l *Line) clear(told *bool) func() {
	return func() {
		l.lines.mu.Lock()
		defer l.lines.mu.Unlock()
		*told = false
	}
}

// take takes the first messages out of the line that are due.
func (l *Line) take(now time.Time) []waiting {
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	n := 0
	for n < min(len(l.waiting), deliveredAtOnce) && !l.waiting[n].due.After(now) {
		n++
	}
	taken := slices.Clone(l.waiting[:n])
	l.waiting = slices.Delete(l.waiting, 0, n)
	return taken
}

// putBack has messages wait again, of those that were taken, until it is tried again.
func (l *Line) putBack(taken []waiting, undone []int) {
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	for _, i := range undone {
		l.join(taken[i])
	}
	l.retrying = true
}

// forget forgets a line in which nobody waits: the next one makes another. The caller has
// the turn, so that nobody is to be put back.
func (l *Line) forget() {
	l.lines.mu.Lock()
	defer l.lines.mu.Unlock()
	if len(l.waiting) == 0 && l.lines.byKey[l.key] == l {
		delete(l.lines.byKey, l.key)
	}
}
