package headers

// MessageQueue is a queue of a topic, in bodies (org.apache.rocketmq.common.message.MessageQueue
// of 5.5.0).
type MessageQueue struct {
	BrokerName string `json:"brokerName"`
	QueueID    int32  `json:"queueId"`
	Topic      string `json:"topic"`
}

// LockQueues is the request LOCK_BATCH_MQ. It has no fields: what it says is in the body,
// see LockQueuesData. A lock ends 60 s after it was last asked for
// (RebalanceLockManager of 5.5.0).
type LockQueues struct{}

// RequestCode is LOCK_BATCH_MQ.
func (LockQueues) RequestCode() RequestCode { return CodeLockQueues }

// AppendFields appends nothing.
func (LockQueues) AppendFields(dst []byte, _ Serialization) []byte { return dst }

// UnlockQueues is the request UNLOCK_BATCH_MQ, whose body is as that of LockQueues.
type UnlockQueues struct{}

// RequestCode is UNLOCK_BATCH_MQ.
func (UnlockQueues) RequestCode() RequestCode { return CodeUnlockQueues }

// AppendFields appends nothing.
func (UnlockQueues) AppendFields(dst []byte, _ Serialization) []byte { return dst }

// LockQueuesData is the body of LOCK_BATCH_MQ and UNLOCK_BATCH_MQ, as JSON
// (LockBatchRequestBody and UnlockBatchRequestBody of 5.5.0).
type LockQueuesData struct {
	ClientID      string         `json:"clientId"`
	ConsumerGroup string         `json:"consumerGroup"`
	Queues        []MessageQueue `json:"mqSet"`
	// OnlyThisBroker keeps the broker from asking the rest of its group of replicas.
	OnlyThisBroker bool `json:"onlyThisBroker"`
}

// Encode returns the body's bytes.
func (d *LockQueuesData) Encode() ([]byte, error) {
	out := *d
	if out.Queues == nil {
		out.Queues = []MessageQueue{}
	}
	return encodeBody("queues to lock", out)
}

// ParseLockQueuesData reads the body of LOCK_BATCH_MQ or UNLOCK_BATCH_MQ.
func ParseLockQueuesData(body []byte) (LockQueuesData, error) {
	return parseBody[LockQueuesData]("queues to lock", body)
}

// LockedQueuesData is the body of the answer to LOCK_BATCH_MQ, as JSON
// (LockBatchResponseBody of 5.5.0): those queues that the client has locked now.
type LockedQueuesData struct {
	Queues []MessageQueue `json:"lockOKMQSet"`
}

// Encode returns the body's bytes.
func (d *LockedQueuesData) Encode() ([]byte, error) {
	out := *d
	if out.Queues == nil {
		out.Queues = []MessageQueue{}
	}
	return encodeBody("locked queues", out)
}

// ParseLockedQueuesData reads the body of the answer to LOCK_BATCH_MQ.
func ParseLockedQueuesData(body []byte) (LockedQueuesData, error) {
	return parseBody[LockedQueuesData]("locked queues", body)
}
