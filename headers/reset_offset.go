package headers

import (
	"strconv"
)

// ResetOffset is the header of INVOKE_BROKER_TO_RESET_OFFSET and, when Push is set, of
// RESET_CONSUMER_CLIENT_OFFSET (ResetOffsetRequestHeader of 5.5.0).
//
// A tool sends the first to a broker, to move a group to what was stored at a time. From
// 5.2.0 on the broker does so by itself (useServerSideResetOffset), and the next pull of
// each queue is answered with PULL_OFFSET_MOVED. Older brokers, and newer ones with that
// switched off, push the second to each member, with the offsets in its body: see
// ResetOffsetData. So is the body of the broker's answer.
type ResetOffset struct {
	Push          bool
	ConsumerGroup string
	Topic         string
	// Timestamp is in milliseconds since 1970, or -1 for the end of the queues.
	Timestamp int64
	// Force lets the group skip messages as well as go back.
	Force bool
	// QueueID is the queue to reset, or -1 for all; Offset, which is written if HasOffset
	// is set, goes before Timestamp. Both are known from 5.1.0 on, and heeded by brokers
	// that reset by themselves.
	QueueID   int32
	Offset    int64
	HasOffset bool
}

// RequestCode is RESET_CONSUMER_CLIENT_OFFSET for a push, else
// INVOKE_BROKER_TO_RESET_OFFSET.
func (h *ResetOffset) RequestCode() RequestCode {
	if h.Push {
		return CodeResetClientOffset
	}
	return CodeResetOffset
}

// AppendFields appends the fields.
func (h *ResetOffset) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "group", h.ConsumerGroup)
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendIntField(dst, s, "timestamp", h.Timestamp)
	dst = AppendBoolField(dst, s, "isForce", h.Force)
	dst = AppendIntField(dst, s, "queueId", int64(h.QueueID))
	if h.HasOffset {
		dst = AppendIntField(dst, s, "offset", h.Offset)
	}
	return dst
}

// ParseResetOffset reads the header of either request. The result owns its memory.
func ParseResetOffset(c *Command) (ResetOffset, error) {
	h := ResetOffset{Push: RequestCode(c.Code) == CodeResetClientOffset, QueueID: -1}
	var seen fieldSet
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "group":
			h.ConsumerGroup = string(value)
			seen.add(0)
		case "topic":
			h.Topic = string(value)
			seen.add(1)
		case "timestamp":
			h.Timestamp, err = parseInt64(key, value)
			seen.add(2)
		case "isForce":
			h.Force = parseBool(value)
			seen.add(3)
		case "queueId":
			h.QueueID, err = parseInt32(key, value)
		case "offset":
			h.Offset, err = parseInt64(key, value)
			h.HasOffset = true
		}
		if err != nil {
			return ResetOffset{}, err
		}
	}
	if err := seen.require(h.RequestCode().String(), "group", "topic", "timestamp", "isForce"); err != nil {
		return ResetOffset{}, err
	}
	return h, nil
}

// QueueOffset is an offset in a queue.
type QueueOffset struct {
	MessageQueue
	Offset int64 `json:"offset"`
}

// ResetOffsetData is the body of RESET_CONSUMER_CLIENT_OFFSET, and of the answer to
// INVOKE_BROKER_TO_RESET_OFFSET (ResetOffsetBody of 5.5.0).
type ResetOffsetData struct {
	Offsets []QueueOffset
}

// Encode returns the body's bytes as Java writes them, which is no JSON: the keys of the
// table are objects.
func (d *ResetOffsetData) Encode() []byte {
	dst := []byte(`{"offsetTable":{`)
	for i := range d.Offsets {
		dst = appendQueueKey(dst, &d.Offsets[i].MessageQueue)
		dst = strconv.AppendInt(dst, d.Offsets[i].Offset, 10)
	}
	return append(dst, "}}"...)
}

// appendQueueKey writes a queue as the key of an object's member, up to the colon, with a
// comma before it if it is not the first.
func appendQueueKey(dst []byte, q *MessageQueue) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = appendJSONString(append(dst, `{"brokerName":`...), q.BrokerName)
	dst = strconv.AppendInt(append(dst, `,"queueId":`...), int64(q.QueueID), 10)
	dst = appendJSONString(append(dst, `,"topic":`...), q.Topic)
	return append(dst, "}:"...)
}

// ParseResetOffsetData reads the offsets in any of their forms: a table whose keys are
// objects, as Java writes it, or such objects in strings, or a list, as it is for clients
// in C++ (ResetOffsetBodyForC of 5.5.0). The result owns its memory.
func ParseResetOffsetData(body []byte) (ResetOffsetData, error) {
	var d ResetOffsetData
	s := jsonScanner{buf: body}
	err := s.object(func(name []byte) error {
		if string(name) != "offsetTable" {
			return s.skip(0)
		}
		var err error
		if s.peek() == '{' {
			d.Offsets, err = parseOffsetTable(&s)
		} else {
			d.Offsets, err = parseOffsetList(&s)
		}
		return err
	})
	if err != nil {
		return ResetOffsetData{}, err
	}
	if s.skipSpace(); s.pos != len(body) {
		return ResetOffsetData{}, malformed("reset offsets: %d bytes after their end", len(body)-s.pos)
	}
	return d, nil
}

// parseOffsetList reads a list, or null.
func parseOffsetList(s *jsonScanner) ([]QueueOffset, error) {
	start := s.pos
	if err := s.skip(0); err != nil {
		return nil, err
	}
	return parseBody[[]QueueOffset]("reset offsets", s.buf[start:s.pos])
}

func parseOffsetTable(s *jsonScanner) ([]QueueOffset, error) {
	var list []QueueOffset
	s.accept('{')
	for more := !s.accept('}'); more; {
		queue, err := parseQueueKey(s)
		if err != nil {
			return nil, err
		}
		text, err := s.scalar()
		if err != nil {
			return nil, err
		}
		offset, err := parseInt64("offsetTable", text)
		if err != nil {
			return nil, err
		}
		list = append(list, QueueOffset{MessageQueue: queue, Offset: offset})
		switch {
		case s.accept('}'):
			more = false
		case !s.accept(','):
			return nil, malformed("reset offsets: want ',' or '}' at byte %d", s.pos)
		}
	}
	return list, nil
}

// parseQueueKey reads a queue that is the key of a member, and the colon.
func parseQueueKey(s *jsonScanner) (MessageQueue, error) {
	var key []byte
	var err error
	if s.peek() == '"' {
		var escaped bool
		key, escaped, err = s.str()
		key = unescape(key, escaped)
	} else {
		start := s.pos
		err = s.skip(0)
		key = s.buf[start:s.pos]
	}
	if err == nil && !s.accept(':') {
		err = malformed("reset offsets: want ':' at byte %d", s.pos)
	}
	var queue MessageQueue
	if err == nil {
		err = unmarshalBody("reset offsets", key, &queue)
	}
	return queue, err
}
