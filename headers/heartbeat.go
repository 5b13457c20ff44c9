package headers

// Heartbeat is the request HEART_BEAT. It has no fields: what it says is in the
// body, see HeartbeatData.
type Heartbeat struct{}

// RequestCode is HEART_BEAT.
func (Heartbeat) RequestCode() RequestCode { return CodeHeartbeat }

// AppendFields appends nothing.
func (Heartbeat) AppendFields(dst []byte, _ Serialization) []byte { return dst }

// HeartbeatData is the body of HEART_BEAT, as JSON
// (org.apache.rocketmq.remoting.protocol.heartbeat.HeartbeatData, 5.5.0): who a
// client is and in which groups it produces and consumes.
type HeartbeatData struct {
	ClientID  string         `json:"clientID"`
	Producers []ProducerData `json:"producerDataSet"`
	Consumers []ConsumerData `json:"consumerDataSet"`
}

// ProducerData is a group that a client produces in.
type ProducerData struct {
	Group string `json:"groupName"`
}

// ConsumerData is a group that a client consumes in
// (org.apache.rocketmq.remoting.protocol.heartbeat.ConsumerData, 5.5.0). The subscriptions
// of a group are those of the last heartbeat of any member: all must say the same.
type ConsumerData struct {
	ConsumeFromWhere ConsumeFromWhere   `json:"consumeFromWhere,omitempty"`
	ConsumeType      ConsumeType        `json:"consumeType,omitempty"`
	Group            string             `json:"groupName"`
	MessageModel     MessageModel       `json:"messageModel,omitempty"`
	Subscriptions    []SubscriptionData `json:"subscriptionDataSet"`
	UnitMode         bool               `json:"unitMode"`
}

// ConsumeType says how a group gets its messages
// (org.apache.rocketmq.remoting.protocol.heartbeat.ConsumeType, 5.5.0).
type ConsumeType string

// The ways to get messages. ConsumeActively is that of a pull consumer whose user asks for
// messages, ConsumePassively that of a push consumer.
const (
	ConsumeActively  ConsumeType = "CONSUME_ACTIVELY"
	ConsumePassively ConsumeType = "CONSUME_PASSIVELY"
	ConsumePop       ConsumeType = "CONSUME_POP"
)

// MessageModel says who of a group gets a message
// (org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel, 5.5.0).
type MessageModel string

// One member of the group, or each of them.
const (
	Clustering   MessageModel = "CLUSTERING"
	Broadcasting MessageModel = "BROADCASTING"
)

// ConsumeFromWhere says where a group starts in a queue that it has no offset in
// (org.apache.rocketmq.common.consumer.ConsumeFromWhere, 5.5.0). Brokers only show it to
// administrators: the client has to act by it.
type ConsumeFromWhere string

// The places to start at.
const (
	ConsumeFromLastOffset  ConsumeFromWhere = "CONSUME_FROM_LAST_OFFSET"
	ConsumeFromFirstOffset ConsumeFromWhere = "CONSUME_FROM_FIRST_OFFSET"
	ConsumeFromTimestamp   ConsumeFromWhere = "CONSUME_FROM_TIMESTAMP"
)

// Encode returns the body's bytes.
func (d *HeartbeatData) Encode() ([]byte, error) {
	out := *d
	if out.Producers == nil {
		out.Producers = []ProducerData{}
	}
	out.Consumers = make([]ConsumerData, len(d.Consumers))
	copy(out.Consumers, d.Consumers)
	for i := range out.Consumers {
		if c := &out.Consumers[i]; c.Subscriptions == nil {
			c.Subscriptions = []SubscriptionData{}
		}
	}
	return encodeBody("heartbeat", out)
}

// ParseHeartbeatData reads the body of a HEART_BEAT. Members it does not know
// are passed over.
func ParseHeartbeatData(body []byte) (HeartbeatData, error) {
	return parseBody[HeartbeatData]("heartbeat", body)
}
