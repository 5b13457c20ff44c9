package headers

import (
	"encoding/json"
	"fmt"
)

// ConsumerRunningInfo is the header of GET_CONSUMER_RUNNING_INFO
// (GetConsumerRunningInfoRequestHeader of 5.5.0). A tool sends it to a broker, which
// passes it on to the client of that id, and the client's answer back.
type ConsumerRunningInfo struct {
	ConsumerGroup string
	ClientID      string
	// Stacks asks for the stacks of the client's threads (jstackEnable).
	Stacks bool
}

// RequestCode is GET_CONSUMER_RUNNING_INFO.
func (h *ConsumerRunningInfo) RequestCode() RequestCode { return CodeConsumerRunningInfo }

// AppendFields appends the fields.
func (h *ConsumerRunningInfo) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "consumerGroup", h.ConsumerGroup)
	dst = AppendField(dst, s, "clientId", h.ClientID)
	return AppendBoolField(dst, s, "jstackEnable", h.Stacks)
}

// ParseConsumerRunningInfo reads the header of GET_CONSUMER_RUNNING_INFO. The result owns
// its memory.
func ParseConsumerRunningInfo(c *Command) (ConsumerRunningInfo, error) {
	var seen fieldSet
	var h ConsumerRunningInfo
	for field, value := range c.Fields.All() {
		switch string(field) {
		case "consumerGroup":
			h.ConsumerGroup = string(value)
			seen.add(0)
		case "clientId":
			h.ClientID = string(value)
			seen.add(1)
		case "jstackEnable":
			h.Stacks = parseBool(value)
		}
	}
	if err := seen.require("GET_CONSUMER_RUNNING_INFO", "consumerGroup", "clientId"); err != nil {
		return ConsumerRunningInfo{}, err
	}
	return h, nil
}

// Names in ConsumerRunningInfoData.Properties
// (org.apache.rocketmq.remoting.protocol.body.ConsumerRunningInfo of 5.5.0). mqadmin
// breaks without those of the type and of the start; in some of its commands without that
// of the order as well.
const (
	// RunningConsumeType is a ConsumeType.
	RunningConsumeType = "PROP_CONSUME_TYPE"
	// RunningStartTimestamp is in milliseconds since 1970.
	RunningStartTimestamp = "PROP_CONSUMER_START_TIMESTAMP"
	// RunningConsumeOrderly is "true" or "false".
	RunningConsumeOrderly = "PROP_CONSUMEORDERLY"
	RunningNameServers    = "PROP_NAMESERVER_ADDR"
	RunningThreadPoolSize = "PROP_THREADPOOL_CORE_SIZE"
	RunningClientVersion  = "PROP_CLIENT_VERSION"
)

// ConsumerRunningInfoData is the body of the answer to GET_CONSUMER_RUNNING_INFO
// (org.apache.rocketmq.remoting.protocol.body.ConsumerRunningInfo of 5.5.0).
type ConsumerRunningInfoData struct {
	Properties    map[string]string
	Subscriptions []SubscriptionData
	// Queues are those that the client pulls from.
	Queues []RunningQueue
	// PopQueues are those that it pops from; known from 5.0.0 on.
	PopQueues []RunningPopQueue
	// Statuses by topic.
	Statuses map[string]ConsumeStatus
	// UserInfo is the user's own; known from 5.0.0 on.
	UserInfo map[string]string
	Stacks   string
}

// RunningQueue is a queue that a client pulls from (ProcessQueueInfo of 5.5.0). Times are
// in milliseconds since 1970.
type RunningQueue struct {
	Queue              MessageQueue `json:"-"`
	CachedCount        int32        `json:"cachedMsgCount"`
	CachedMaxOffset    int64        `json:"cachedMsgMaxOffset"`
	CachedMinOffset    int64        `json:"cachedMsgMinOffset"`
	CachedMiB          int32        `json:"cachedMsgSizeInMiB"`
	CommitOffset       int64        `json:"commitOffset"`
	Dropped            bool         `json:"droped"`
	LastConsumeTime    int64        `json:"lastConsumeTimestamp"`
	LastLockTime       int64        `json:"lastLockTimestamp"`
	LastPullTime       int64        `json:"lastPullTimestamp"`
	Locked             bool         `json:"locked"`
	ConsumingCount     int32        `json:"transactionMsgCount"`
	ConsumingMaxOffset int64        `json:"transactionMsgMaxOffset"`
	ConsumingMinOffset int64        `json:"transactionMsgMinOffset"`
	TryUnlockTimes     int64        `json:"tryUnlockTimes"`
}

// RunningPopQueue is a queue that a client pops from (PopProcessQueueInfo of 5.5.0).
type RunningPopQueue struct {
	Queue        MessageQueue `json:"-"`
	Dropped      bool         `json:"droped"`
	LastPopTime  int64        `json:"lastPopTimestamp"` // in milliseconds since 1970
	WaitAckCount int32        `json:"waitAckCount"`
}

// ConsumeStatus is how fast a client consumes a topic
// (org.apache.rocketmq.remoting.protocol.body.ConsumeStatus of 5.5.0). Response times are
// in milliseconds, rates in messages a second.
type ConsumeStatus struct {
	FailedMessages int64   `json:"consumeFailedMsgs"` // in the last hour
	FailedRate     float64 `json:"consumeFailedTPS"`
	ConsumeRate    float64 `json:"consumeOKTPS"`
	ConsumeTime    float64 `json:"consumeRT"`
	PullTime       float64 `json:"pullRT"`
	PullRate       float64 `json:"pullTPS"`
}

// Encode returns the body's bytes as Java writes them, which is no JSON: the keys of the
// tables of queues are objects.
func (d *ConsumerRunningInfoData) Encode() ([]byte, error) {
	w := runningInfoWriter{dst: []byte{'{'}}
	if d.Stacks != "" {
		appendMember(&w, "jstack", d.Stacks)
	}
	appendQueueTable(&w, "mqPopTable", d.PopQueues, func(q *RunningPopQueue) *MessageQueue { return &q.Queue })
	appendQueueTable(&w, "mqTable", d.Queues, func(q *RunningQueue) *MessageQueue { return &q.Queue })
	appendMember(&w, "properties", orEmpty(d.Properties))
	appendMember(&w, "statusTable", orEmpty(d.Statuses))
	appendMember(&w, "subscriptionSet", append([]SubscriptionData{}, d.Subscriptions...))
	appendMember(&w, "userConsumerInfo", orEmpty(d.UserInfo))
	if w.err != nil {
		return nil, fmt.Errorf("headers: running info: %w", w.err)
	}
	return append(w.dst, '}'), nil
}

// orEmpty is m, or an empty map for none: Java breaks at null.
func orEmpty[V any](m map[string]V) map[string]V {
	if m == nil {
		return map[string]V{}
	}
	return m
}

// runningInfoWriter has the first error, after which what it has is of no use.
type runningInfoWriter struct {
	dst []byte
	err error
}

func (w *runningInfoWriter) name(name string) {
	if w.dst[len(w.dst)-1] != '{' {
		w.dst = append(w.dst, ',')
	}
	w.dst = append(appendJSONString(w.dst, name), ':')
}

func appendValue[T any](w *runningInfoWriter, value T) {
	text, err := json.Marshal(value)
	if w.err == nil {
		w.err = err
	}
	w.dst = append(w.dst, text...)
}

func appendMember[T any](w *runningInfoWriter, name string, value T) {
	w.name(name)
	appendValue(w, value)
}

// appendQueueTable writes a member whose value is an object with queues as keys.
func appendQueueTable[T any](w *runningInfoWriter, name string, list []T, queue func(*T) *MessageQueue) {
	w.name(name)
	w.dst = append(w.dst, '{')
	for i := range list {
		w.dst = appendQueueKey(w.dst, queue(&list[i]))
		appendValue(w, list[i])
	}
	w.dst = append(w.dst, '}')
}
