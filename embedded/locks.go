package embedded

import (
	"encoding/json"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// lockQueues answers LOCK_BATCH_MQ with the queues that the client has now. A
// queue that another client holds is absent.
func (b *Broker) lockQueues(rq *request) answer {
	in, err := headers.ParseLockQueuesData(rq.cmd.Body)
	if err != nil {
		return refuse(headers.SystemError, "lock request: "+err.Error())
	}
	var out headers.LockedQueuesData
	now := b.cluster.timers.Now()
	b.mu.Lock()
	for _, q := range in.Queues {
		if b.locks.Lock(offsets.Queue{Group: in.ConsumerGroup, Topic: q.Topic, ID: q.QueueID}, in.ClientID, now) {
			out.Queues = append(out.Queues, q)
		}
	}
	b.mu.Unlock()
	return encoded(out.Encode())
}

// unlockQueues answers UNLOCK_BATCH_MQ.
func (b *Broker) unlockQueues(rq *request) answer {
	in, err := headers.ParseLockQueuesData(rq.cmd.Body)
	if err != nil {
		return refuse(headers.SystemError, "unlock request: "+err.Error())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, q := range in.Queues {
		b.locks.Unlock(offsets.Queue{Group: in.ConsumerGroup, Topic: q.Topic, ID: q.QueueID}, in.ClientID)
	}
	return answer{}
}

// jsonAnswer is a success with v as its body.
func jsonAnswer[T any](v T) answer { return encoded(json.Marshal(v)) }
