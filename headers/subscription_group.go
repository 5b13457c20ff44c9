package headers

import "encoding/json"

// CreateSubscriptionGroup is the request UPDATE_AND_CREATE_SUBSCRIPTIONGROUP. It has no
// fields: what it says is in the body, a SubscriptionGroupConfig.
type CreateSubscriptionGroup struct{}

// RequestCode is UPDATE_AND_CREATE_SUBSCRIPTIONGROUP.
func (CreateSubscriptionGroup) RequestCode() RequestCode { return CodeCreateSubscriptionGroup }

// AppendFields appends nothing.
func (CreateSubscriptionGroup) AppendFields(dst []byte, _ Serialization) []byte { return dst }

// SubscriptionGroupConfig is what a broker knows of a consumer group, as JSON
// (org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig of 5.5.0).
// It is the body of UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, and of the answer to
// GET_SUBSCRIPTIONGROUP_CONFIG, which brokers know from 5.0.0 on.
//
// The zero value is of no use: nobody may consume in such a group, and what is sent back
// is lost. Begin with NewSubscriptionGroupConfig.
type SubscriptionGroupConfig struct {
	ConsumerGroup          string `json:"groupName"`
	ConsumeEnable          bool   `json:"consumeEnable"`
	ConsumeFromMinEnable   bool   `json:"consumeFromMinEnable"`
	ConsumeBroadcastEnable bool   `json:"consumeBroadcastEnable"`
	// ConsumeMessageOrderly is known from 5.0.0 on.
	ConsumeMessageOrderly bool `json:"consumeMessageOrderly"`
	// RetryQueues 0 makes a broker answer Success to what is sent back, and drop it.
	RetryQueues   int32 `json:"retryQueueNums"`
	RetryMaxTimes int32 `json:"retryMaxTimes"`
	// GroupRetryPolicy, SubscriptionDataSet and Attributes are kept as they came.
	GroupRetryPolicy    json.RawMessage `json:"groupRetryPolicy,omitempty"`
	BrokerID            int64           `json:"brokerId"`
	SlowConsumeBrokerID int64           `json:"whichBrokerWhenConsumeSlowly"`
	// NotifyConsumerIDsChanged has the broker send NOTIFY_CONSUMER_IDS_CHANGED.
	NotifyConsumerIDsChanged bool            `json:"notifyConsumerIdsChangedEnable"`
	SysFlag                  int32           `json:"groupSysFlag"`
	ConsumeTimeoutMinutes    int32           `json:"consumeTimeoutMinute"`
	SubscriptionDataSet      json.RawMessage `json:"subscriptionDataSet,omitempty"`
	Attributes               json.RawMessage `json:"attributes,omitempty"`
}

// NewSubscriptionGroupConfig returns what a broker takes for a group that it creates by
// itself.
func NewSubscriptionGroupConfig(group string) SubscriptionGroupConfig {
	return SubscriptionGroupConfig{
		ConsumerGroup: group, ConsumeEnable: true, ConsumeFromMinEnable: true, ConsumeBroadcastEnable: true,
		RetryQueues: 1, RetryMaxTimes: 16, SlowConsumeBrokerID: 1, NotifyConsumerIDsChanged: true, ConsumeTimeoutMinutes: 15,
	}
}

// Encode returns the body's bytes.
func (g *SubscriptionGroupConfig) Encode() ([]byte, error) {
	return encodeBody("subscription group", g)
}

// ParseSubscriptionGroupConfig reads a subscription group. A number or switch that is not
// there is as NewSubscriptionGroupConfig has it, as in Java.
func ParseSubscriptionGroupConfig(body []byte) (SubscriptionGroupConfig, error) {
	g := NewSubscriptionGroupConfig("")
	if err := unmarshalBody("subscription group", body, &g); err != nil {
		return SubscriptionGroupConfig{}, err
	}
	return g, nil
}

// DropsReturns reports whether a broker whose answer to GET_SUBSCRIPTIONGROUP_CONFIG has this
// body drops what the group sends back, and says that it succeeded
// (AbstractSendMessageProcessor.consumerSendMsgBack of 5.5.0). One that says nothing of it is
// taken to keep it.
func DropsReturns(body []byte) bool {
	group, err := ParseSubscriptionGroupConfig(body)
	return err == nil && group.RetryQueues <= 0
}
