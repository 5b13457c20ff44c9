package headers

// Bits of PullMessage.SysFlag (org.apache.rocketmq.common.sysflag.PullSysFlag of 5.5.0).
const (
	// PullCommitOffset has the broker store CommitOffset for the group.
	PullCommitOffset = 0x1
	// PullSuspend has the broker hold the request when nothing is there.
	PullSuspend = 0x2
	// PullSubscription says that the expression is in the request; without it
	// the broker takes the one that a heartbeat brought.
	PullSubscription = 0x4
	// PullLite marks the pulls of DefaultLitePullConsumer.
	PullLite = 0x10
)

// PullMessage is the header of PULL_MESSAGE and, when Lite is set, of
// LITE_PULL_MESSAGE (PullMessageRequestHeader of 5.5.0).
type PullMessage struct {
	ConsumerGroup string
	Topic         string
	QueueID       int32
	QueueOffset   int64
	// MaxMessages is how many messages are wished for; a broker caps it.
	MaxMessages  int32
	SysFlag      int32
	CommitOffset int64
	// SuspendMillis is how long the broker may hold the request.
	SuspendMillis int64
	Subscription  string
	SubVersion    int64
	// ExpressionType is "TAG" or "SQL92"; empty means TAG.
	ExpressionType string
	BrokerName     string
	Lite           bool
}

// RequestCode is LITE_PULL_MESSAGE for a lite pull, else PULL_MESSAGE.
func (h *PullMessage) RequestCode() RequestCode {
	if h.Lite {
		return CodeLitePullMessage
	}
	return CodePullMessage
}

// AppendFields appends the fields.
func (h *PullMessage) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "consumerGroup", h.ConsumerGroup)
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendIntField(dst, s, "queueId", int64(h.QueueID))
	dst = AppendIntField(dst, s, "queueOffset", h.QueueOffset)
	dst = AppendIntField(dst, s, "maxMsgNums", int64(h.MaxMessages))
	dst = AppendIntField(dst, s, "sysFlag", int64(h.SysFlag))
	dst = AppendIntField(dst, s, "commitOffset", h.CommitOffset)
	dst = AppendIntField(dst, s, "suspendTimeoutMillis", h.SuspendMillis)
	dst = AppendField(dst, s, "subscription", h.Subscription)
	dst = AppendIntField(dst, s, "subVersion", h.SubVersion)
	dst = AppendField(dst, s, "expressionType", h.ExpressionType)
	return AppendField(dst, s, "bname", h.BrokerName)
}

// ParsePullMessage reads the header of a pull request. The result owns its
// memory.
func ParsePullMessage(c *Command) (PullMessage, error) {
	h := PullMessage{Lite: RequestCode(c.Code) == CodeLitePullMessage}
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
		case "queueOffset":
			h.QueueOffset, err = parseInt64(key, value)
			seen.add(3)
		case "maxMsgNums":
			h.MaxMessages, err = parseInt32(key, value)
			seen.add(4)
		case "sysFlag":
			h.SysFlag, err = parseInt32(key, value)
			seen.add(5)
		case "commitOffset":
			h.CommitOffset, err = parseInt64(key, value)
		case "suspendTimeoutMillis":
			h.SuspendMillis, err = parseInt64(key, value)
		case "subscription":
			h.Subscription = string(value)
		case "subVersion":
			h.SubVersion, err = parseInt64(key, value)
		case "expressionType":
			h.ExpressionType = string(value)
		case "bname":
			h.BrokerName = string(value)
		}
		if err != nil {
			return PullMessage{}, err
		}
	}
	if err := seen.require("pull request", "consumerGroup", "topic", "queueId", "queueOffset", "maxMsgNums", "sysFlag"); err != nil {
		return PullMessage{}, err
	}
	return h, nil
}

// PullResult is the header of the answer to a pull (PullMessageResponseHeader of
// 5.5.0). Answers that refuse a pull early have none of its fields.
type PullResult struct {
	SuggestedBrokerID int64
	// NextOffset is where to go on, whatever the answer's code is.
	NextOffset int64
	MinOffset  int64
	MaxOffset  int64
	// WithSysFlags adds topicSysFlag and groupSysFlag, both 0, as 5.x does.
	WithSysFlags bool
}

// AppendFields appends the result's fields.
func (r *PullResult) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendIntField(dst, s, "suggestWhichBrokerId", r.SuggestedBrokerID)
	dst = AppendIntField(dst, s, "nextBeginOffset", r.NextOffset)
	dst = AppendIntField(dst, s, "minOffset", r.MinOffset)
	dst = AppendIntField(dst, s, "maxOffset", r.MaxOffset)
	if r.WithSysFlags {
		dst = AppendIntField(dst, s, "topicSysFlag", 0)
		dst = AppendIntField(dst, s, "groupSysFlag", 0)
	}
	return dst
}

// ParsePullResult reads the answer to a pull. It fails if the offsets are not
// there, as in an answer that refused the pull: their absence is not offset 0.
func ParsePullResult(c *Command) (PullResult, error) {
	var r PullResult
	var seen fieldSet
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "suggestWhichBrokerId":
			r.SuggestedBrokerID, err = parseInt64(key, value)
		case "nextBeginOffset":
			r.NextOffset, err = parseInt64(key, value)
			seen.add(0)
		case "minOffset":
			r.MinOffset, err = parseInt64(key, value)
			seen.add(1)
		case "maxOffset":
			r.MaxOffset, err = parseInt64(key, value)
			seen.add(2)
		case "topicSysFlag", "groupSysFlag":
			r.WithSysFlags = true
		}
		if err != nil {
			return PullResult{}, err
		}
	}
	if err := seen.require("pull answer", "nextBeginOffset", "minOffset", "maxOffset"); err != nil {
		return PullResult{}, err
	}
	return r, nil
}
