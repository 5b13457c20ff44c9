package headers

import (
	"encoding/json"
	"fmt"
)

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

// ConsumerData is a group that a client consumes in. Only what a broker needs to
// know the group's members is here.
type ConsumerData struct {
	Group string `json:"groupName"`
}

// Encode returns the body's bytes.
func (d *HeartbeatData) Encode() ([]byte, error) {
	out := *d
	if out.Producers == nil {
		out.Producers = []ProducerData{}
	}
	if out.Consumers == nil {
		out.Consumers = []ConsumerData{}
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("headers: heartbeat: %w", err)
	}
	return b, nil
}

// ParseHeartbeatData reads the body of a HEART_BEAT. Members it does not know
// are passed over.
func ParseHeartbeatData(body []byte) (HeartbeatData, error) {
	var d HeartbeatData
	if err := json.Unmarshal(body, &d); err != nil {
		return HeartbeatData{}, fmt.Errorf("headers: %w: heartbeat: %w", ErrMalformed, err)
	}
	return d, nil
}
