package realbroker

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// Play is a case of the witness: what a user does with the Java client, from beginning to
// end. It goes on in the background. Its methods may be called by one goroutine at a time.
type Play struct {
	witness *Witness
	name    string
}

// playPatience bounds the wait for a case. Some wait for delays of ten seconds, and many of
// them may be under way at once on a busy machine.
const playPatience = 15 * time.Minute

// Play begins a case of witness/Plays.java. Its topics and groups begin with the name, under
// which a witness plays once.
func (w *Witness) Play(t testing.TB, play, name string) *Play {
	t.Helper()
	w.Run(t, "play", play, name)
	return &Play{w, name}
}

// Seen waits for the end of the case, and returns what the client has seen: a line for each
// observation. Times, ids and addresses are not in it, so that it is the same wherever the
// servers do the same. The error says why the case failed, if it did.
func (p *Play) Seen(t testing.TB) ([]string, error) {
	t.Helper()
	type line struct {
		Saw, Is, Failure string
		Playing          bool
	}
	var all []line
	ctx, cancel := context.WithTimeout(context.Background(), playPatience)
	defer cancel()
	if err := poll(ctx, readyInterval, func() (bool, error) {
		all = lines[line](t, p.witness.Run(t, "seen", p.name))
		return len(all) == 0 || !all[0].Playing, nil
	}); err != nil {
		t.Fatalf("realbroker: the case %s has no end: %v", p.name, err)
	}
	var seen []string
	for _, l := range all {
		if l.Failure != "" {
			return seen, fmt.Errorf("realbroker: the case %s failed: %s%s", p.name, l.Failure, p.witness.logTail())
		}
		seen = append(seen, fmt.Sprintf("%s: %s", l.Saw, l.Is))
	}
	return seen, nil
}
