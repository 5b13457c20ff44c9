package pop

import (
	"slices"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
)

// Unacked returns by queue the offset of the first message that was popped and is neither
// acknowledged nor delivered again. A broker that forgets its check points has to go on
// from there. What was popped in order counts as long as the group has not gone on by other
// means: a reset, or a commit.
func (e *Engine) Unacked() map[offsets.Queue]int64 {
	first := make(map[offsets.Queue]int64)
	note := func(q offsets.Queue, offset int64) {
		if before, ok := first[q]; !ok || offset < before {
			first[q] = offset
		}
	}
	for _, p := range e.points {
		if i := slices.Index(p.acked, false); i >= 0 {
			note(p.key.queue, p.offsets[i])
		}
	}
	for q, b := range e.batches {
		i := slices.Index(b.acked, false)
		if i < 0 {
			continue
		}
		if committed, ok := e.offsets.Get(q); !ok || b.offsets[i] >= committed {
			note(q, b.offsets[i])
		}
	}
	return first
}
