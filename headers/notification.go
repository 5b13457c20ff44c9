package headers

// Notification is the header of NOTIFICATION (NotificationRequestHeader of 5.5.0). It
// waits for messages, and takes none: a pop does that.
type Notification struct {
	ConsumerGroup string
	Topic         string
	// QueueID is the queue to watch, or -1 for all queues of the broker.
	QueueID int32
	// PollMillis is how long the broker may hold the request while nothing is there.
	PollMillis int64
	// BornTimestamp is when the request was made, in milliseconds since 1970; 0 stands for
	// when the broker reads it.
	BornTimestamp int64
	// Order watches a queue as an ordered pop reads it; see PopMessage for it and
	// AttemptID, which is known from 5.1.1 on.
	Order     bool
	AttemptID string
	// ExpressionType and Expression are the filter, known from 5.5.0 on. Older brokers
	// tell of messages that do not pass it.
	ExpressionType string
	Expression     string
	BrokerName     string
}

// RequestCode is NOTIFICATION.
func (h *Notification) RequestCode() RequestCode { return CodeNotification }

// AppendFields appends the fields.
func (h *Notification) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "consumerGroup", h.ConsumerGroup)
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendIntField(dst, s, "queueId", int64(h.QueueID))
	dst = AppendIntField(dst, s, "pollTime", h.PollMillis)
	dst = AppendIntField(dst, s, "bornTime", h.BornTimestamp)
	dst = AppendBoolField(dst, s, "order", h.Order)
	dst = AppendField(dst, s, "attemptId", h.AttemptID)
	dst = AppendField(dst, s, "expType", h.ExpressionType)
	dst = AppendField(dst, s, "exp", h.Expression)
	return AppendField(dst, s, "bname", h.BrokerName)
}

// ParseNotification reads the header of NOTIFICATION. The result owns its memory.
func ParseNotification(c *Command) (Notification, error) {
	var h Notification
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
		case "pollTime":
			h.PollMillis, err = parseInt64(key, value)
			seen.add(3)
		case "bornTime":
			h.BornTimestamp, err = parseInt64(key, value)
			seen.add(4)
		case "order":
			h.Order = parseBool(value)
		case "attemptId":
			h.AttemptID = string(value)
		case "expType":
			h.ExpressionType = string(value)
		case "exp":
			h.Expression = string(value)
		case "bname":
			h.BrokerName = string(value)
		}
		if err != nil {
			return Notification{}, err
		}
	}
	if err := seen.require("NOTIFICATION", "consumerGroup", "topic", "queueId", "pollTime", ""); err != nil {
		return Notification{}, err
	}
	return h, nil
}

// NotificationResult is the header of the answer (NotificationResponseHeader of 5.5.0).
type NotificationResult struct {
	// HasMessage says that a pop may find something. It need not: others may be faster.
	HasMessage bool
	// PollingFull says that the broker holds too many requests to hold this one.
	PollingFull bool
}

// AppendFields appends the result's fields.
func (r *NotificationResult) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendBoolField(dst, s, "hasMsg", r.HasMessage)
	return AppendBoolField(dst, s, "pollingFull", r.PollingFull)
}

// ParseNotificationResult reads the answer to NOTIFICATION. It fails without hasMsg.
func ParseNotificationResult(c *Command) (NotificationResult, error) {
	has, ok := c.Fields.Get("hasMsg")
	if !ok {
		return NotificationResult{}, malformed("answer to NOTIFICATION without hasMsg")
	}
	return NotificationResult{HasMessage: parseBool(has), PollingFull: c.Fields.Bool("pollingFull")}, nil
}
