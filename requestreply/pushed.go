package requestreply

import (
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// pushed is a reply as a broker has pushed it.
type pushed struct {
	header headers.PushReply
	body   []byte
}

// replied is the transport.RequestHandler of PUSH_REPLY_MESSAGE_TO_CLIENT. It answers as
// the Java client does (ClientRemotingProcessor.receiveReplyMessage, 4.9.7 and 5.5.0): with
// success also where nobody waits for the reply, since to push it again would be no use.
func (r *Requester) replied(request *transport.PeerRequest) {
	h, err := headers.ParsePushReply(&request.Command)
	if err != nil {
		// The answer is lost with the connection at worst, as is the one below.
		_ = request.Answer(headers.SystemError, "process reply message fail", nil, nil)
		r.note("Cannot read a reply that RocketMQ has pushed", watermill.LogFields{"addr": request.Addr, "err": err.Error()})
		return
	}
	id := correlationID(h.Properties)
	if w := r.table.take(id); w != nil {
		w.reply <- &pushed{h, request.Body}
	} else {
		r.late.Add(1)
		r.note("Dropping a reply that nobody waits for: its request has ended, or has one", watermill.LogFields{
			"addr": request.Addr, "correlation_id": id, "from": h.BornHost, "producer_group": h.ProducerGroup,
		})
	}
	_ = request.Answer(headers.Success, "", nil, nil)
}

// correlationID finds it in a properties string.
func correlationID(properties []byte) string {
	id := ""
	for name, value := range headers.Properties(properties) {
		if string(name) == headers.PropertyCorrelationID {
			id = string(value)
		}
	}
	return id
}

// claim is session.RequestHandler.Claim: a reply is for who waits for it.
func (r *Requester) claim(request *transport.PeerRequest) int {
	if h, err := headers.ParsePushReply(&request.Command); err == nil && r.table.has(correlationID(h.Properties)) {
		return 1
	}
	return 0
}

// note logs what may come again with every reply: the first of its kind, and then one in
// 30 s.
func (r *Requester) note(kind string, fields watermill.LogFields) {
	if missed, ok := r.logs.Ask(kind, time.Now()); ok {
		r.logger.Info(kind, fields.Add(watermill.LogFields{loglimit.Unlogged: missed}))
	}
}

// read makes the Watermill message of a reply.
func (r *Requester) read(ctx context.Context, p *pushed) (*message.Message, error) {
	m := receive.Message{
		Stored: body.StoredMessage{
			Topic: p.header.Topic, QueueID: p.header.QueueID, Flag: p.header.Flag, SysFlag: p.header.SysFlag,
			BornTimestamp: p.header.BornTimestamp, StoreTimestamp: p.header.StoreTimestamp, ReconsumeTimes: p.header.ReconsumeTimes,
			Body: p.body, Properties: p.header.Properties,
		},
		Properties: string(p.header.Properties),
	}
	taken, err := r.room.Unpack(ctx, &m)
	if err != nil {
		return nil, &UnreadableError{err}
	}
	r.room.Leave(taken) // the body is the caller's from now on
	got := r.reader.ReadKnown(p.header.Topic, &m)
	if got.UnmarshalErr != nil {
		return nil, &UnreadableError{got.UnmarshalErr}
	}
	return got.Message, nil
}
