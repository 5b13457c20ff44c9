package headers

// AckMessage is the header of ACK_MESSAGE (AckMessageRequestHeader of 5.5.0). Success
// says that the broker took it, not that it could store it: a message may come again.
type AckMessage struct {
	ConsumerGroup string
	// Topic is the one that has the message, see RetryKind.Topic. In another topic the
	// request changes nothing, and is answered with Success all the same.
	Topic   string
	QueueID int32
	// Handle as ReceiptHandle.String writes it (extraInfo).
	Handle     string
	Offset     int64
	BrokerName string
}

// RequestCode is ACK_MESSAGE.
func (h *AckMessage) RequestCode() RequestCode { return CodeAckMessage }

// AppendFields appends the fields.
func (h *AckMessage) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "consumerGroup", h.ConsumerGroup)
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendIntField(dst, s, "queueId", int64(h.QueueID))
	dst = AppendField(dst, s, "extraInfo", h.Handle)
	dst = AppendIntField(dst, s, "offset", h.Offset)
	return AppendField(dst, s, "bname", h.BrokerName)
}

// ParseAckMessage reads the header of ACK_MESSAGE. The result owns its memory.
func ParseAckMessage(c *Command) (AckMessage, error) {
	h, _, err := parseAck(c, "ACK_MESSAGE", "")
	return AckMessage(h), err
}

// ackFields are those that ACK_MESSAGE and CHANGE_MESSAGE_INVISIBLETIME share.
type ackFields AckMessage

// parseAck reads a request that has the fields of AckMessage, and invisibleTime if that
// is its name for it.
func parseAck(c *Command, what, invisible string) (h ackFields, millis int64, err error) {
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
		case "extraInfo":
			h.Handle = string(value)
			seen.add(3)
		case "offset":
			h.Offset, err = parseInt64(key, value)
			seen.add(4)
		case "invisibleTime":
			millis, err = parseInt64(key, value)
			seen.add(5)
		case "bname":
			h.BrokerName = string(value)
		}
		if err != nil {
			return ackFields{}, 0, err
		}
	}
	if err := seen.require(what, "consumerGroup", "topic", "queueId", "extraInfo", "offset", invisible); err != nil {
		return ackFields{}, 0, err
	}
	return h, millis, nil
}
