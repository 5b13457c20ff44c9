package headers

// Bits of a topic's permission (org.apache.rocketmq.common.constant.PermName).
const (
	PermInherit = 0x1
	PermWrite   = 0x2
	PermRead    = 0x4
)

// CreateTopic is the header of UPDATE_AND_CREATE_TOPIC (CreateTopicRequestHeader
// of 5.5.0).
type CreateTopic struct {
	Topic       string
	ReadQueues  int32
	WriteQueues int32
	Perm        int32
	// Attributes of the topic, such as +message.type=FIFO, joined by commas.
	// Brokers before 5.0.0 pass over them (AttributeParser of 5.5.0).
	Attributes string
}

// RequestCode is UPDATE_AND_CREATE_TOPIC.
func (h *CreateTopic) RequestCode() RequestCode { return CodeCreateTopic }

// AppendFields appends the fields, with the values Java has for those that are
// not in h.
func (h *CreateTopic) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendField(dst, s, "defaultTopic", DefaultTopic)
	dst = AppendIntField(dst, s, "readQueueNums", int64(h.ReadQueues))
	dst = AppendIntField(dst, s, "writeQueueNums", int64(h.WriteQueues))
	dst = AppendIntField(dst, s, "perm", int64(h.Perm))
	dst = AppendField(dst, s, "topicFilterType", "SINGLE_TAG")
	dst = AppendIntField(dst, s, "topicSysFlag", 0)
	dst = AppendBoolField(dst, s, "order", false)
	if h.Attributes != "" {
		dst = AppendField(dst, s, "attributes", h.Attributes)
	}
	return dst
}

// ParseCreateTopic reads the header of UPDATE_AND_CREATE_TOPIC. The result owns
// its memory.
func ParseCreateTopic(c *Command) (CreateTopic, error) {
	var h CreateTopic
	var seen fieldSet
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "topic":
			h.Topic = string(value)
			seen.add(0)
		case "readQueueNums":
			h.ReadQueues, err = parseInt32(key, value)
			seen.add(1)
		case "writeQueueNums":
			h.WriteQueues, err = parseInt32(key, value)
			seen.add(2)
		case "perm":
			h.Perm, err = parseInt32(key, value)
			seen.add(3)
		case "attributes":
			h.Attributes = string(value)
		}
		if err != nil {
			return CreateTopic{}, err
		}
	}
	if err := seen.require("UPDATE_AND_CREATE_TOPIC", "topic", "readQueueNums", "writeQueueNums", "perm"); err != nil {
		return CreateTopic{}, err
	}
	return h, nil
}
