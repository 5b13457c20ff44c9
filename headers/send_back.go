package headers

// ConsumerSendBack is the header of CONSUMER_SEND_MSG_BACK (ConsumerSendMsgBackRequestHeader
// of 5.5.0). The broker that has the message, which is whom it goes to, makes a copy of it
// in the retry topic of the group, or in its dead letter topic.
type ConsumerSendBack struct {
	// Offset is the message's place in the commit log.
	Offset        int64
	ConsumerGroup string
	// DelayLevel is 0 for a level by how often the message was delivered (3 is the first),
	// and negative for the dead letter topic.
	DelayLevel      int32
	OriginMessageID string
	OriginTopic     string
	UnitMode        bool
	// MaxReconsumeTimes, after which a message goes to the dead letter topic, is written
	// if HasMaxReconsumeTimes is set. Without it the group's own counts.
	MaxReconsumeTimes    int32
	HasMaxReconsumeTimes bool
	BrokerName           string
}

// RequestCode is CONSUMER_SEND_MSG_BACK.
func (h *ConsumerSendBack) RequestCode() RequestCode { return CodeConsumerSendBack }

// AppendFields appends the fields.
func (h *ConsumerSendBack) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendIntField(dst, s, "offset", h.Offset)
	dst = AppendField(dst, s, "group", h.ConsumerGroup)
	dst = AppendIntField(dst, s, "delayLevel", int64(h.DelayLevel))
	dst = AppendField(dst, s, "originMsgId", h.OriginMessageID)
	dst = AppendField(dst, s, "originTopic", h.OriginTopic)
	dst = AppendBoolField(dst, s, "unitMode", h.UnitMode)
	if h.HasMaxReconsumeTimes {
		dst = AppendIntField(dst, s, "maxReconsumeTimes", int64(h.MaxReconsumeTimes))
	}
	return AppendField(dst, s, "bname", h.BrokerName)
}

// ParseConsumerSendBack reads the header of CONSUMER_SEND_MSG_BACK. The result owns its
// memory.
func ParseConsumerSendBack(c *Command) (ConsumerSendBack, error) {
	var h ConsumerSendBack
	var seen fieldSet
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "offset":
			h.Offset, err = parseInt64(key, value)
			seen.add(0)
		case "group":
			h.ConsumerGroup = string(value)
			seen.add(1)
		case "delayLevel":
			h.DelayLevel, err = parseInt32(key, value)
			seen.add(2)
		case "originMsgId":
			h.OriginMessageID = string(value)
		case "originTopic":
			h.OriginTopic = string(value)
		case "unitMode":
			h.UnitMode = parseBool(value)
		case "maxReconsumeTimes":
			h.MaxReconsumeTimes, err = parseInt32(key, value)
			h.HasMaxReconsumeTimes = true
		case "bname":
			h.BrokerName = string(value)
		}
		if err != nil {
			return ConsumerSendBack{}, err
		}
	}
	if err := seen.require("CONSUMER_SEND_MSG_BACK", "offset", "group", "delayLevel"); err != nil {
		return ConsumerSendBack{}, err
	}
	return h, nil
}
