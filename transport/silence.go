package transport

import "time"

// slowestFrame is how many bytes a second have to come of a frame that takes long.
// A sound peer manages that on a slow line. A length that is wrong does not, as
// only the answers to new calls come after it.
const slowestFrame = 128 << 10

// silence is the evidence that a peer is dead. Any byte is a sign of life, since a
// large frame may take its time, but not for ever: bytes of a frame that lags
// count for nothing, as they may be anything.
type silence struct {
	// bytes is what was waited in vain since anything was read, and frames what was
	// waited since a frame was whole.
	bytes, frames vainWait
	// begun is when the frame under way began to come, of which came bytes have.
	// They belong to whose turn it is to read, who alone changes them.
	begun time.Time
	came  int
}

// hear notes that n bytes were read. begins says that no frame was under way.
func (s *silence) hear(now time.Time, n int, begins bool) {
	s.bytes = vainWait{heard: now}
	if begins {
		s.frames, s.begun, s.came = s.bytes, now, 0
	}
	s.came += n
}

// whole notes that the last byte that was read has made the frame whole.
func (s *silence) whole() { s.frames = s.bytes }

// lags reports whether the frame under way has taken longer than grace, and longer
// than its bytes are worth. Without a frame under way the answer means nothing.
func (s *silence) lags(now time.Time, grace time.Duration) bool {
	return now.Sub(s.begun) >= grace+time.Duration(s.came)*time.Second/slowestFrame
}

// add counts a call that has waited since then and ran out of time now, and
// returns for how long calls have waited in vain. A frame that takes longer than
// grace has to keep up with slowestFrame.
func (s *silence) add(since, now time.Time, grace time.Duration) time.Duration {
	bytes, frames := s.bytes.add(since, now), s.frames.add(since, now)
	if s.lags(now, grace) {
		return frames // the same as bytes if no frame is under way
	}
	return bytes
}

// vainWait is for how long calls have waited, all together, that then ran out of
// time, since something was heard. Calls that still wait are no evidence, as a long
// poll may wait in peace. Times that several calls waited side by side count once,
// and times when no call waited do not count, so that neither a crowd nor a rare
// call condemns a peer.
type vainWait struct {
	heard  time.Time
	waited time.Duration
	until  time.Time // end of the last wait in waited
}

// add counts a call that has waited since then and ran out of time now, and
// returns the sum.
func (w *vainWait) add(since, now time.Time) time.Duration {
	if since.Before(w.heard) {
		since = w.heard
	}
	alone := now.Sub(since)
	if since.Before(w.until) {
		since = w.until
	}
	w.waited = max(alone, w.waited+now.Sub(since))
	w.until = now
	return w.waited
}
