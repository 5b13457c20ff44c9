package headers

import "bytes"

// PushReply is the header of PUSH_REPLY_MESSAGE_TO_CLIENT (ReplyMessageRequestHeader of
// 5.5.0), by which a broker hands a reply to the client that has made the request. The body
// is that of the reply, compressed if SysFlag says so. Brokers want an answer to it.
type PushReply struct {
	ProducerGroup      string // of who has sent the reply, as the three that follow
	Topic              string // ReplyTopic
	DefaultTopic       string
	DefaultTopicQueues int32
	QueueID            int32
	SysFlag            int32
	// BornTimestamp is when the reply was made, StoreTimestamp when the broker has handed
	// it on, in milliseconds since 1970.
	BornTimestamp  int64
	Flag           int32
	Properties     []byte
	ReconsumeTimes int32
	UnitMode       bool
	// BornHost and StoreHost are addresses with a port.
	BornHost       string
	StoreHost      string
	StoreTimestamp int64
}

// RequestCode is PUSH_REPLY_MESSAGE_TO_CLIENT.
func (h *PushReply) RequestCode() RequestCode { return CodePushReplyMessage }

// AppendFields appends the fields in the order of the Java class.
func (h *PushReply) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "producerGroup", h.ProducerGroup)
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendField(dst, s, "defaultTopic", h.DefaultTopic)
	dst = AppendIntField(dst, s, "defaultTopicQueueNums", int64(h.DefaultTopicQueues))
	dst = AppendIntField(dst, s, "queueId", int64(h.QueueID))
	dst = AppendIntField(dst, s, "sysFlag", int64(h.SysFlag))
	dst = AppendIntField(dst, s, "bornTimestamp", h.BornTimestamp)
	dst = AppendIntField(dst, s, "flag", int64(h.Flag))
	dst = appendField(dst, s, "properties", h.Properties)
	dst = AppendIntField(dst, s, "reconsumeTimes", int64(h.ReconsumeTimes))
	dst = AppendBoolField(dst, s, "unitMode", h.UnitMode)
	dst = AppendField(dst, s, "bornHost", h.BornHost)
	dst = AppendField(dst, s, "storeHost", h.StoreHost)
	return AppendIntField(dst, s, "storeTimestamp", h.StoreTimestamp)
}

// ParsePushReply reads the header of PUSH_REPLY_MESSAGE_TO_CLIENT. It requires no field: a
// reply is known by its properties. The result owns its memory.
func ParsePushReply(c *Command) (PushReply, error) {
	var h PushReply
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "producerGroup":
			h.ProducerGroup = string(value)
		case "topic":
			h.Topic = string(value)
		case "defaultTopic":
			h.DefaultTopic = string(value)
		case "defaultTopicQueueNums":
			h.DefaultTopicQueues, err = parseInt32(key, value)
		case "queueId":
			h.QueueID, err = parseInt32(key, value)
		case "sysFlag":
			h.SysFlag, err = parseInt32(key, value)
		case "bornTimestamp":
			h.BornTimestamp, err = parseInt64(key, value)
		case "flag":
			h.Flag, err = parseInt32(key, value)
		case "properties":
			h.Properties = bytes.Clone(value)
		case "reconsumeTimes":
			h.ReconsumeTimes, err = parseInt32(key, value)
		case "unitMode":
			h.UnitMode = parseBool(value)
		case "bornHost":
			h.BornHost = string(value)
		case "storeHost":
			h.StoreHost = string(value)
		case "storeTimestamp":
			h.StoreTimestamp, err = parseInt64(key, value)
		}
		if err != nil {
			return PushReply{}, err
		}
	}
	return h, nil
}
