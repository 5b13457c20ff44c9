package counts

import "time"

// window is how often a number is looked at, and how many looks are remembered.
type window struct {
	every time.Duration
	looks int
}

// windows are those of StatsItem of 5.5.0: the last minute, hour and day.
var windows = [...]window{{10 * time.Second, 7}, {10 * time.Minute, 7}, {time.Hour, 25}}

// look is a number as it was at a time, to the millisecond: a sum, and how often something
// was added.
type look struct{ at, sum, times int64 }

// series is a number that grows, and what was seen of it.
type series struct {
	born       int64 // when something was added first
	sum, times int64
	due        int64 // when the next look is
	looks      [len(windows)][]look
}

// advance takes the looks that are due at a time: they see the number as it is. started is
// when looks began at numbers that were there.
func (s *series) advance(started, now int64) {
	if now < s.due {
		return
	}
	shortest := windows[0].every.Milliseconds()
	s.due = started + ((now-started)/shortest+1)*shortest
	for i, w := range windows {
		every := w.every.Milliseconds()
		last := started + (now-started)/every*every
		var first int64
		if n := len(s.looks[i]); n > 0 {
			first = s.looks[i][n-1].at + every
		} else if first = started + (s.born-started+every-1)/every*every; first <= last {
			s.looks[i] = append(s.looks[i], look{at: first - every}) // before the number was there
		}
		for at := max(first, last-int64(w.looks-1)*every); at <= last; at += every {
			s.looks[i] = append(s.looks[i], look{at, s.sum, s.times})
		}
		if more := len(s.looks[i]) - w.looks; more > 0 {
			s.looks[i] = append(s.looks[i][:0], s.looks[i][more:]...)
		}
	}
}

// Snapshot is how a number grew in a window (BrokerStatsItem).
type Snapshot struct {
	Sum     int64   `json:"sum"`
	PerTime float64 `json:"avgpt"`
	Rate    float64 `json:"tps"`
}

func (s *series) snapshot(i int) Snapshot {
	looks := s.looks[i]
	if len(looks) == 0 {
		return Snapshot{}
	}
	first, last := looks[0], looks[len(looks)-1]
	out := Snapshot{Sum: last.sum - first.sum}
	if last.at > first.at {
		out.Rate = float64(out.Sum) * 1000 / float64(last.at-first.at)
	}
	if times := last.times - first.times; times > 0 {
		out.PerTime = float64(out.Sum) / float64(times)
	}
	return out
}
