package embedded

import (
	"encoding/json"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// lockTime is how long a lock on a queue holds without being renewed
// (RebalanceLockManager.REBALANCE_LOCK_MAX_LIVE_TIME).
const lockTime = 60 * time.Second

// queueLock says which client has a queue for itself, within its group.
type queueLock struct {
	client string
	since  time.Time
}

// messageQueue names a queue in a request body.
type messageQueue struct {
	BrokerName string `json:"brokerName"`
	QueueID    int32  `json:"queueId"`
	Topic      string `json:"topic"`
}

// lockBody is the body of LOCK_BATCH_MQ and UNLOCK_BATCH_MQ.
type lockBody struct {
	ClientID string         `json:"clientId"`
	Group    string         `json:"consumerGroup"`
	Queues   []messageQueue `json:"mqSet"`
}

// lockQueues answers LOCK_BATCH_MQ with the queues that the client has now. A
// queue that another client holds is absent.
func (b *Broker) lockQueues(rq *request) answer {
	var in lockBody
	if err := json.Unmarshal(rq.cmd.Body, &in); err != nil {
		return refuse(headers.SystemError, "lock request: "+err.Error())
	}
	var out struct {
		Queues []messageQueue `json:"lockOKMQSet"`
	}
	out.Queues = []messageQueue{}
	now := b.cluster.timers.now()
	b.mu.Lock()
	for _, q := range in.Queues {
		key := groupQueue{in.Group, q.Topic, q.QueueID}
		held, ok := b.locks[key]
		if ok && held.client != in.ClientID && now.Sub(held.since) <= lockTime {
			continue
		}
		b.locks[key] = queueLock{client: in.ClientID, since: now}
		out.Queues = append(out.Queues, q)
	}
	b.mu.Unlock()
	return jsonAnswer(out)
}

// unlockQueues answers UNLOCK_BATCH_MQ.
func (b *Broker) unlockQueues(rq *request) answer {
	var in lockBody
	if err := json.Unmarshal(rq.cmd.Body, &in); err != nil {
		return refuse(headers.SystemError, "unlock request: "+err.Error())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, q := range in.Queues {
		key := groupQueue{in.Group, q.Topic, q.QueueID}
		if b.locks[key].client == in.ClientID {
			delete(b.locks, key)
		}
	}
	return answer{}
}

// jsonAnswer is a success with v as its body.
func jsonAnswer[T any](v T) answer {
	body, err := json.Marshal(v)
	if err != nil {
		return refuse(headers.SystemError, err.Error())
	}
	return answer{body: body}
}
