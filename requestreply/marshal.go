package requestreply

import (
	"slices"
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// minTTL is the least time that a request says it waits. rocketmq-client-go says it in
// seconds, and so a responder cannot tell a shorter one from that.
const minTTL = time.Second

// requestMarshaler adds to a message what makes it a request
// (DefaultMQProducerImpl.prepareSendRequest of 5.5.0).
type requestMarshaler struct {
	marshaler.Marshaler
	clientID string
}

// Marshal translates msg, which carries its request in its context.
func (m requestMarshaler) Marshal(topic string, msg *message.Message) (marshaler.Message, error) {
	made, err := m.Marshaler.Marshal(topic, msg)
	w := waitingFrom(msg.Context())
	if err != nil || w == nil {
		return made, err
	}
	ttl := minTTL
	if end, ok := w.ctx.Deadline(); ok {
		ttl = max(ttl, time.Until(end))
	}
	made.Properties = replaceProperties(made.Properties,
		headers.Property{Name: headers.PropertyWait, Value: "true"}, // which goes alone, as Java's messages do
		headers.Property{Name: headers.PropertyCorrelationID, Value: w.id},
		headers.Property{Name: headers.PropertyReplyToClient, Value: m.clientID},
		headers.Property{Name: headers.PropertyTTL, Value: milliseconds(ttl)},
	)
	return made, nil
}

// milliseconds is a time as properties have it, rounded up.
func milliseconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Millisecond-1)/time.Millisecond), 10)
}

// replaceProperties returns the list with the given properties, in place of those of the
// same names.
func replaceProperties(list []headers.Property, with ...headers.Property) []headers.Property {
	list = slices.DeleteFunc(list, func(p headers.Property) bool {
		return slices.ContainsFunc(with, func(q headers.Property) bool { return p.Name == q.Name })
	})
	return append(list, with...)
}
