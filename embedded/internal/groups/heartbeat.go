package groups

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// Heartbeat is the body of HEART_BEAT (HeartbeatData). Members that mean nothing
// here are left out.
type Heartbeat struct {
	ClientID        string                 `json:"clientID"`
	Fingerprint     int32                  `json:"heartbeatFingerprint"`
	WithoutSub      bool                   `json:"withoutSub"`
	ConsumerDataSet []headers.ConsumerData `json:"consumerDataSet"`
	ProducerDataSet []struct {
		GroupName string `json:"groupName"`
	} `json:"producerDataSet"`
}
