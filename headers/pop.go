package headers

// Values of PopMessage.InitMode (org.apache.rocketmq.common.constant.ConsumeInitMode
// of 5.5.0): where a group starts in a queue that it has no offset in.
const (
	// PopFromMin starts at the queue's first message.
	PopFromMin = 0
	// PopFromMax starts at the last message; but at the first one if the queue is so
	// young that its first message is still in the broker's memory
	// (initPopOffsetByCheckMsgInMem).
	PopFromMax = 1
)

// MaxPopMessages is the most that one pop may ask for (PopMessageProcessor of 5.5.0).
const MaxPopMessages = 32

// PopMessage is the header of POP_MESSAGE (PopMessageRequestHeader of 5.5.0). Its
// answer hands out messages, hides them from the other members of the group for
// InvisibleMillis, and has them delivered again unless they are acknowledged by then.
type PopMessage struct {
	ConsumerGroup string
	Topic         string
	// QueueID is the queue to read, or -1 for any queues of the broker.
	QueueID int32
	// MaxMessages is at most MaxPopMessages.
	MaxMessages     int32
	InvisibleMillis int64
	// PollMillis is how long the broker may hold the request while nothing is there.
	PollMillis int64
	// BornTimestamp is when the request was made, in milliseconds since 1970; 0 stands for
	// when the broker reads it. A broker refuses a request that is 500 ms older than
	// PollMillis with POLLING_TIMEOUT.
	BornTimestamp int64
	InitMode      int32
	// ExpressionType is "TAG" or "SQL92", Expression the filter; empty means all.
	ExpressionType string
	Expression     string
	// Order asks for messages in the order of their queue: one batch per queue at a time.
	Order bool
	// AttemptID tells a repeated request for the same ordered batch from a new one. It
	// is known from 5.1.1 on.
	AttemptID  string
	BrokerName string
}

// RequestCode is POP_MESSAGE.
func (h *PopMessage) RequestCode() RequestCode { return CodePopMessage }

// AppendFields appends the fields.
func (h *PopMessage) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "consumerGroup", h.ConsumerGroup)
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendIntField(dst, s, "queueId", int64(h.QueueID))
	dst = AppendIntField(dst, s, "maxMsgNums", int64(h.MaxMessages))
	dst = AppendIntField(dst, s, "invisibleTime", h.InvisibleMillis)
	dst = AppendIntField(dst, s, "pollTime", h.PollMillis)
	dst = AppendIntField(dst, s, "bornTime", h.BornTimestamp)
	dst = AppendIntField(dst, s, "initMode", int64(h.InitMode))
	dst = AppendField(dst, s, "expType", h.ExpressionType)
	dst = AppendField(dst, s, "exp", h.Expression)
	dst = AppendBoolField(dst, s, "order", h.Order)
	dst = AppendField(dst, s, "attemptId", h.AttemptID)
	return AppendField(dst, s, "bname", h.BrokerName)
}

// ParsePopMessage reads the header of POP_MESSAGE. The result owns its memory.
func ParsePopMessage(c *Command) (PopMessage, error) {
	var h PopMessage
	var seen fieldSet
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "consumerGroup":
			h.ConsumerGroup = string(value)
			seen.add(0)
		case "topic":
			h.Topic = string(value)
			seen.add(1)
		case "queueId":
			h.QueueID, err = parseInt32(key, value)
			seen.add(2)
		case "maxMsgNums":
			h.MaxMessages, err = parseInt32(key, value)
			seen.add(3)
		case "invisibleTime":
			h.InvisibleMillis, err = parseInt64(key, value)
			seen.add(4)
		case "pollTime":
			h.PollMillis, err = parseInt64(key, value)
			seen.add(5)
		case "bornTime":
			h.BornTimestamp, err = parseInt64(key, value)
			seen.add(6)
		case "initMode":
			h.InitMode, err = parseInt32(key, value)
			seen.add(7)
		case "expType":
			h.ExpressionType = string(value)
		case "exp":
			h.Expression = string(value)
		case "order":
			h.Order = parseBool(value)
		case "attemptId":
			h.AttemptID = string(value)
		case "bname":
			h.BrokerName = string(value)
		}
		if err != nil {
			return PopMessage{}, err
		}
	}
	// A broker takes the time at which the request comes for a bornTime that is not there.
	if err := seen.require("POP_MESSAGE", "consumerGroup", "topic", "queueId", "maxMsgNums", "invisibleTime", "pollTime", "", "initMode"); err != nil {
		return PopMessage{}, err
	}
	return h, nil
}

// PopResult is the header of the answer to a pop (PopMessageResponseHeader of 5.5.0).
// 5.5.0 answers that refuse a pop have its fields as well, all 0; with POLLING_TIMEOUT and
// POLLING_FULL they may say more. So look at the code first.
type PopResult struct {
	// PopTime is when the messages were handed out, by the broker's clock, in
	// milliseconds since 1970.
	PopTime         int64
	InvisibleMillis int64
	// ReviveQueueID is OrderedReviveQueue for an ordered pop.
	ReviveQueueID int32
	// RestNum is about how many messages are left. With an empty answer, more than 0
	// means that others are reading these queues.
	RestNum int64
	// Queues are the queues that were read, in the order of the answer's body: the
	// messages of the first come first.
	Queues []PopQueue
}

// OrderedReviveQueue is the ReviveQueueID of ordered pops, which no revive service
// watches (KeyBuilder.POP_ORDER_REVIVE_QUEUE of 5.5.0).
const OrderedReviveQueue = 999

// AppendFields appends the result's fields.
func (r *PopResult) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendIntField(dst, s, "popTime", r.PopTime)
	dst = AppendIntField(dst, s, "invisibleTime", r.InvisibleMillis)
	dst = AppendIntField(dst, s, "reviveQid", int64(r.ReviveQueueID))
	dst = AppendIntField(dst, s, "restNum", r.RestNum)
	dst = appendField(dst, s, "startOffsetInfo", appendStartOffsets(nil, r.Queues))
	dst = appendField(dst, s, "msgOffsetInfo", appendMessageOffsets(nil, r.Queues))
	return appendField(dst, s, "orderCountInfo", appendOrderCounts(nil, r.Queues))
}

// ParsePopResult reads the answer to a pop. It fails if popTime, invisibleTime,
// reviveQid or restNum are not there, as in an answer that refused the pop, and if the
// offsets contradict each other. The result owns its memory.
func ParsePopResult(c *Command) (PopResult, error) {
	var r PopResult
	var seen fieldSet
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "popTime":
			r.PopTime, err = parseInt64(key, value)
			seen.add(0)
		case "invisibleTime":
			r.InvisibleMillis, err = parseInt64(key, value)
			seen.add(1)
		case "reviveQid":
			r.ReviveQueueID, err = parseInt32(key, value)
			seen.add(2)
		case "restNum":
			r.RestNum, err = parseInt64(key, value)
			seen.add(3)
		}
		if err != nil {
			return PopResult{}, err
		}
	}
	err := seen.require("pop answer", "popTime", "invisibleTime", "reviveQid", "restNum")
	if err == nil {
		start, _ := c.Fields.Get("startOffsetInfo")
		offsets, _ := c.Fields.Get("msgOffsetInfo")
		counts, _ := c.Fields.Get("orderCountInfo")
		r.Queues, err = parsePopQueues(start, offsets, counts)
	}
	if err != nil {
		return PopResult{}, err
	}
	return r, nil
}

// Handle returns the receipt handle of the i-th message of q, which is one of r.Queues,
// in an answer of the broker of that name.
func (r *PopResult) Handle(brokerName string, q *PopQueue, i int) ReceiptHandle {
	return ReceiptHandle{
		StartOffset: q.StartOffset, PopTime: r.PopTime, InvisibleMillis: r.InvisibleMillis, ReviveQueueID: r.ReviveQueueID,
		Retry: q.Retry, BrokerName: brokerName, QueueID: q.QueueID, Offset: q.Offsets[i],
	}
}
