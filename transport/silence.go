package transport

import "time"

// silence is the evidence that a peer is dead: for how long calls have waited,
// all together, that then ran out of time, since anything was read from it.
// Calls that still wait are no evidence, as a long poll may wait in peace. Times
// that several calls waited side by side count once, and times when no call
// waited do not count, so that neither a crowd nor a rare call condemns a peer.
type silence struct {
	heard  time.Time     // when something was last read
	waited time.Duration // what was waited in vain since
	until  time.Time     // end of the last wait in waited
}

// hear forgets all evidence.
func (s *silence) hear(now time.Time) { *s = silence{heard: now} }

// add counts a call that has waited since then and ran out of time now, and
// returns the sum.
func (s *silence) add(since, now time.Time) time.Duration {
	if since.Before(s.heard) {
		since = s.heard
	}
	alone := now.Sub(since)
	if since.Before(s.until) {
		since = s.until
	}
	s.waited = max(alone, s.waited+now.Sub(since))
	s.until = now
	return s.waited
}
