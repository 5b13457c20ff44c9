package pull

import (
	"sync"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// positions are where a subscription without a group goes on in queues that it does not read
// at the moment: no broker remembers that. The zero value is ready. It is safe for concurrent
// use.
type positions struct {
	mu      sync.Mutex
	offsets map[routing.MessageQueue]int64
}

func (s *positions) keep(q routing.MessageQueue, offset int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.offsets == nil {
		s.offsets = make(map[routing.MessageQueue]int64)
	}
	s.offsets[q] = offset
}

func (s *positions) of(q routing.MessageQueue) (offset int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	offset, ok = s.offsets[q]
	return offset, ok
}
