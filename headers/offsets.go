package headers

// QueueRequest is the header of the requests that ask one number about one
// queue: QUERY_CONSUMER_OFFSET, SEARCH_OFFSET_BY_TIMESTAMP, GET_MAX_OFFSET,
// GET_MIN_OFFSET and GET_EARLIEST_MSG_STORETIME (QueryConsumerOffsetRequestHeader
// and its like of 5.5.0).
type QueueRequest struct {
	Code    RequestCode
	Topic   string
	QueueID int32
	// ConsumerGroup is written for QUERY_CONSUMER_OFFSET only.
	ConsumerGroup string
	// KeepUnset asks a 5.x broker to answer QUERY_NOT_FOUND rather than 0 when
	// the group has no offset in the queue (setZeroIfNotFound=false).
	KeepUnset bool
	// Timestamp, in milliseconds since 1970, and Boundary, "LOWER" or "UPPER",
	// are written for SEARCH_OFFSET_BY_TIMESTAMP only.
	Timestamp int64
	Boundary  string
}

// RequestCode is h.Code.
func (h *QueueRequest) RequestCode() RequestCode { return h.Code }

// AppendFields appends the fields that h.Code has.
func (h *QueueRequest) AppendFields(dst []byte, s Serialization) []byte {
	if h.Code == CodeQueryConsumerOffset {
		dst = AppendField(dst, s, "consumerGroup", h.ConsumerGroup)
	}
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendIntField(dst, s, "queueId", int64(h.QueueID))
	switch h.Code {
	case CodeQueryConsumerOffset:
		if h.KeepUnset {
			dst = AppendBoolField(dst, s, "setZeroIfNotFound", false)
		}
	case CodeSearchOffset:
		dst = AppendIntField(dst, s, "timestamp", h.Timestamp)
		dst = AppendField(dst, s, "boundaryType", h.Boundary)
	}
	return dst
}

// ParseQueueRequest reads the header of any of QueueRequest's requests. The
// result owns its memory.
func ParseQueueRequest(c *Command) (QueueRequest, error) {
	h := QueueRequest{Code: RequestCode(c.Code)}
	var seen fieldSet
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "consumerGroup":
			h.ConsumerGroup = string(value)
			seen.add(2)
		case "topic":
			h.Topic = string(value)
			seen.add(0)
		case "queueId":
			h.QueueID, err = parseInt32(key, value)
			seen.add(1)
		case "setZeroIfNotFound":
			h.KeepUnset = string(value) == "false"
		case "timestamp":
			h.Timestamp, err = parseInt64(key, value)
			seen.add(3)
		case "boundaryType":
			h.Boundary = string(value)
		}
		if err != nil {
			return QueueRequest{}, err
		}
	}
	group, timestamp := "", ""
	switch h.Code {
	case CodeQueryConsumerOffset:
		group = "consumerGroup"
	case CodeSearchOffset:
		timestamp = "timestamp"
	}
	if err := seen.require(h.Code.String(), "topic", "queueId", group, timestamp); err != nil {
		return QueueRequest{}, err
	}
	return h, nil
}

// UpdateConsumerOffset is the header of UPDATE_CONSUMER_OFFSET
// (UpdateConsumerOffsetRequestHeader of 5.5.0).
type UpdateConsumerOffset struct {
	ConsumerGroup string
	Topic         string
	QueueID       int32
	// CommitOffset is the next offset to consume. Brokers store any value.
	CommitOffset int64
}

// RequestCode is UPDATE_CONSUMER_OFFSET.
func (h *UpdateConsumerOffset) RequestCode() RequestCode { return CodeUpdateConsumerOffset }

// AppendFields appends the fields.
func (h *UpdateConsumerOffset) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "consumerGroup", h.ConsumerGroup)
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendIntField(dst, s, "queueId", int64(h.QueueID))
	return AppendIntField(dst, s, "commitOffset", h.CommitOffset)
}

// ParseUpdateConsumerOffset reads the header of UPDATE_CONSUMER_OFFSET. The
// result owns its memory.
func ParseUpdateConsumerOffset(c *Command) (UpdateConsumerOffset, error) {
	var h UpdateConsumerOffset
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
		case "commitOffset":
			h.CommitOffset, err = parseInt64(key, value)
			seen.add(3)
		}
		if err != nil {
			return UpdateConsumerOffset{}, err
		}
	}
	if err := seen.require("UPDATE_CONSUMER_OFFSET", "consumerGroup", "topic", "queueId", "commitOffset"); err != nil {
		return UpdateConsumerOffset{}, err
	}
	return h, nil
}
