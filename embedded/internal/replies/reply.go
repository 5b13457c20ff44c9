// Package replies says what brokers do with replies to requests: what they hand on to the
// client that has made the request, and what they answer.
package replies

import (
	"net/netip"
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/properties"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Reply is a reply that a broker was sent (ReplyMessageProcessor of 4.9.7 and 5.5.0).
type Reply struct {
	send *headers.SendMessage
	set  properties.Set
	// closed says that the properties string ends with 0x02.
	closed bool
}

// New takes in a reply. added are the properties that the broker gives to it: since 5.0.0
// those of buildMsgContext. h must not be changed until the Reply is done with.
func New(h *headers.SendMessage, closed bool, added ...headers.Property) *Reply {
	r := &Reply{send: h, closed: closed}
	r.set.Parse(h.Properties, nil)
	for _, p := range added {
		r.set.Set(p.Name, p.Value)
	}
	return r
}

// To is the client that has made the request. It is not ok if the reply does not say.
func (r *Reply) To() (clientID string, ok bool) {
	to := r.set.Get(headers.PropertyReplyToClient)
	return string(to), to != nil
}

// Properties are those that the reply is stored with.
func (r *Reply) Properties() []byte { return r.set.Append(nil, r.closed) }

// Push is what the client is handed, at a time in milliseconds since 1970. from is the
// address of who has sent the reply, store that of the broker.
func (r *Reply) Push(from, store netip.AddrPort, now int64) *headers.PushReply {
	set := r.set
	set.Set(headers.PropertyPushReplyTime, strconv.FormatInt(now, 10))
	h := r.send
	return &headers.PushReply{
		ProducerGroup: h.ProducerGroup, Topic: h.Topic, DefaultTopic: h.DefaultTopic, DefaultTopicQueues: h.DefaultTopicQueues,
		QueueID: h.QueueID, SysFlag: h.SysFlag, BornTimestamp: h.BornTimestamp, Flag: h.Flag,
		Properties: set.Append(nil, r.closed), ReconsumeTimes: h.ReconsumeTimes, UnitMode: h.UnitMode,
		BornHost: from.String(), StoreHost: store.String(), StoreTimestamp: now,
	}
}

// RemarkNoClient is the remark of the answer to a reply that does not say whose it is. The
// code of these answers is SYSTEM_ERROR.
const RemarkNoClient = "reply message properties[" + headers.PropertyReplyToClient + "] is null"

// RemarkGone is for a client that the broker does not know.
func RemarkGone(clientID string) string {
	return "push reply message fail, channel of <" + clientID + "> not found."
}

// RemarkFailed is for a client that has not answered, or not with a success.
func RemarkFailed(clientID string) string { return "push reply message to " + clientID + "fail." }
