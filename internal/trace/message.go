package trace

import (
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// defaultRegion is that of a broker that names none
// (MixAll.DEFAULT_TRACE_REGION_ID, 5.5.0).
const defaultRegion = "DefaultRegion"

// maxText is the most bytes of a field that a broker fills in. RocketMQ's names are at
// most 255 long.
const maxText = 255

// Message is what an Observer has to know of a stored message. Region, StoreHost and
// OffsetID are the broker's; what no record can carry of them is left out.
type Message struct {
	// Began is when the request with the message began, and Took how long it was under
	// way.
	Began time.Time
	Took  time.Duration
	// Group and Topic are those of the producer, without a namespace.
	Group, Topic string
	// Region is the broker's, as ReadAnswer has it.
	Region string
	// StoreHost is the address of the broker.
	StoreHost string
	// ID is the unique id of the message, and OffsetID its offset message id.
	ID, OffsetID string
	// BodyLength is the size of the body in bytes, as sent.
	BodyLength int
	// Properties is the properties string.
	Properties []byte
	// Delayed says that the broker delays the message. Properties that say so need
	// not be repeated here.
	Delayed bool
	// Durable says that the broker has answered SEND_OK.
	Durable bool
}

// ReadAnswer reads what the answer to a send request says of tracing: the broker's region,
// empty if there is none, and whether the broker wants traces
// (MQClientAPIImpl.processSendResponse, 5.5.0).
func ReadAnswer(answer *headers.Command) (region string, wanted bool) {
	return answer.Fields.String("MSG_REGION"), answer.Fields.String("TRACE_ON") != "false"
}

// text is a field that a broker has filled in, empty if no record can carry it: what
// separates fields and records would make up others.
func text(s string) string {
	if len(s) > maxText || !headers.Carries(s) {
		return ""
	}
	return s
}

// recordOf makes the record of a message.
func recordOf(m *Message) record {
	r := record{
		at: m.Began.UnixMilli(), region: text(m.Region), group: m.Group, topic: m.Topic, id: m.ID,
		storeHost: text(m.StoreHost), bodyLength: m.BodyLength, cost: m.Took.Milliseconds(),
		offsetID: text(m.OffsetID), success: m.Durable,
	}
	if r.region == "" {
		r.region = defaultRegion
	}
	r.readProperties(m.Properties)
	if m.Delayed {
		r.kind = kindDelay
	}
	return r
}

// readProperties takes from the properties of a message what its record tells.
func (r *record) readProperties(raw []byte) {
	for name, value := range headers.Properties(raw) {
		switch string(name) {
		case headers.PropertyTags:
			r.tags = string(value)
		case headers.PropertyKeys:
			r.keys = string(value)
		case headers.PropertyTransaction:
			if strings.EqualFold(string(value), "true") {
				r.kind = kindHalf
			}
		default:
			// The Java client calls timer messages normal ones, which they are not.
			property := headers.Property{Name: string(name), Value: string(value)}
			if property.IsDelayLevel() || property.IsTimer() {
				r.kind = kindDelay
			}
		}
	}
}
