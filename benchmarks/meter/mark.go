package meter

import (
	"sync/atomic"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/child"
	"github.com/watermill-rocketmq/watermill-rocketmq/benchmarks/load"
)

// mark is a number of acknowledged messages, and what the clocks and counters said when
// it was reached.
type mark struct {
	acked   int64
	passed  atomic.Bool   // quicker to ask than reached
	reached chan struct{} // closed when what follows is there
	reading reading
	err     error
}

type reading struct {
	at     time.Time
	acked  int64 // the mark, and what others had under way
	usage  load.Usage
	broker time.Duration
}

func newMark(acked int64) *mark { return &mark{acked: acked, reached: make(chan struct{})} }

// read is called once, by whoever reaches the mark.
func (k *mark) read(brokerPID int, acked *atomic.Int64) {
	defer func() {
		k.passed.Store(true)
		close(k.reached)
	}()
	if brokerPID != 0 {
		if k.reading.broker, k.err = child.CPU(brokerPID); k.err != nil {
			return
		}
	}
	k.reading.usage, k.err = load.UsageNow()
	k.reading.at, k.reading.acked = time.Now(), acked.Load()
}

// wait holds up those that have passed the mark until it was read: if the clocks were
// read late, so would be the count.
func (k *mark) wait() {
	if !k.passed.Load() {
		<-k.reached
	}
}

// get returns the reading of a mark that was reached.
func (k *mark) get() (reading, error) {
	k.wait()
	return k.reading, k.err
}
