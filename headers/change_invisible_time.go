package headers

// ChangeInvisibleTime is the header of CHANGE_MESSAGE_INVISIBLETIME
// (ChangeInvisibleTimeRequestHeader of 5.5.0): a message is to stay hidden for
// InvisibleMillis from now. It lengthens the time, or gives the message back.
//
// A broker does not see that a message is acknowledged or was delivered again: the
// request has it delivered once more.
type ChangeInvisibleTime struct {
	ConsumerGroup string
	// Topic is the one that has the message, see RetryKind.Topic.
	Topic   string
	QueueID int32
	// Handle as ReceiptHandle.String writes it (extraInfo).
	Handle          string
	Offset          int64
	InvisibleMillis int64
	// Suspend gives the message back without counting it as delivered. It is known from
	// 5.5.0 on; older brokers count.
	Suspend    bool
	BrokerName string
}

// RequestCode is CHANGE_MESSAGE_INVISIBLETIME.
func (h *ChangeInvisibleTime) RequestCode() RequestCode { return CodeChangeInvisibleTime }

// AppendFields appends the fields; suspend only if it is set.
func (h *ChangeInvisibleTime) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "consumerGroup", h.ConsumerGroup)
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendIntField(dst, s, "queueId", int64(h.QueueID))
	dst = AppendField(dst, s, "extraInfo", h.Handle)
	dst = AppendIntField(dst, s, "offset", h.Offset)
	dst = AppendIntField(dst, s, "invisibleTime", h.InvisibleMillis)
	if h.Suspend {
		dst = AppendBoolField(dst, s, "suspend", true)
	}
	return AppendField(dst, s, "bname", h.BrokerName)
}

// ParseChangeInvisibleTime reads the header of CHANGE_MESSAGE_INVISIBLETIME. The result
// owns its memory.
func ParseChangeInvisibleTime(c *Command) (ChangeInvisibleTime, error) {
	h, millis, err := parseAck(c, "CHANGE_MESSAGE_INVISIBLETIME", "invisibleTime")
	if err != nil {
		return ChangeInvisibleTime{}, err
	}
	return ChangeInvisibleTime{
		ConsumerGroup: h.ConsumerGroup, Topic: h.Topic, QueueID: h.QueueID, Handle: h.Handle, Offset: h.Offset,
		InvisibleMillis: millis, Suspend: c.Fields.Bool("suspend"), BrokerName: h.BrokerName,
	}, nil
}

// ChangeInvisibleTimeResult is the header of the answer (ChangeInvisibleTimeResponseHeader
// of 5.5.0), of which ReceiptHandle.Changed makes the new handle.
type ChangeInvisibleTimeResult struct {
	// PopTime is by the broker's clock, in milliseconds since 1970. It is 0 if the message
	// is one of an ordered pop that was acknowledged before: nothing has changed.
	PopTime         int64
	InvisibleMillis int64
	ReviveQueueID   int32
}

// AppendFields appends the result's fields.
func (r *ChangeInvisibleTimeResult) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendIntField(dst, s, "popTime", r.PopTime)
	dst = AppendIntField(dst, s, "invisibleTime", r.InvisibleMillis)
	return AppendIntField(dst, s, "reviveQid", int64(r.ReviveQueueID))
}

// ParseChangeInvisibleTimeResult reads the answer to CHANGE_MESSAGE_INVISIBLETIME.
func ParseChangeInvisibleTimeResult(c *Command) (ChangeInvisibleTimeResult, error) {
	var r ChangeInvisibleTimeResult
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
		}
		if err != nil {
			return ChangeInvisibleTimeResult{}, err
		}
	}
	if err := seen.require("answer to CHANGE_MESSAGE_INVISIBLETIME", "popTime", "invisibleTime", "reviveQid"); err != nil {
		return ChangeInvisibleTimeResult{}, err
	}
	return r, nil
}
