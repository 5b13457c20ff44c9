package embedded

import (
	"errors"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/fields"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/replies"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/store"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/tags"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// pushPatience is how long a broker waits for a client to answer (Broker2Client.callClient).
const pushPatience = 10 * time.Second

// sendReply answers SEND_REPLY_MESSAGE and SEND_REPLY_MESSAGE_V2 (ReplyMessageProcessor of
// 4.9.7 and 5.5.0): it hands the reply to the client that has made the request, and stores
// it, whatever has become of that.
func (b *Broker) sendReply(rq *request) answer {
	h, t, refusal := b.acceptSend(rq)
	if t == nil {
		return refusal
	}
	var added []headers.Property
	if b.cluster.behaviour.Five {
		added = []headers.Property{{Name: fields.PropertyRegion, Value: fields.Region}, {Name: fields.PropertyTrace, Value: "true"}}
	}
	r := replies.New(&h, b.cluster.behaviour.Five, added...)
	m := body.StoredMessage{
		Topic: h.Topic, QueueID: h.QueueID, Flag: h.Flag, BornTimestamp: h.BornTimestamp, BornHost: rq.conn.Remote,
		StoreHost: b.host(), ReconsumeTimes: h.ReconsumeTimes, Body: rq.cmd.Body, Properties: r.Properties(),
	}
	to, ok := r.To()
	if !ok {
		return b.endReply(&m, t, replies.RemarkNoClient)
	}
	b.mu.Lock()
	client, known := b.producers.Client(to)
	b.mu.Unlock()
	if !known {
		return b.endReply(&m, t, replies.RemarkGone(to))
	}
	answers := make(chan headers.Command, 1)
	if !client.Request(r.Push(rq.conn.Remote, m.StoreHost, b.cluster.timers.Now().UnixMilli()), m.Body, answers) {
		return b.endReply(&m, t, replies.RemarkFailed(to))
	}
	m.Body = append([]byte(nil), m.Body...) // the frame is used again
	late := make(chan struct{})
	alarm := b.cluster.timers.After(pushPatience, func() { close(late) })
	back := rq.reply()
	// The client may be on the same connection, which must be read meanwhile. The wait
	// ends with the client's connection at the latest.
	rq.conn.srv.Spawn(func() {
		defer alarm.Cancel()
		remark := replies.RemarkFailed(to)
		select {
		case got, answered := <-answers:
			if answered && headers.ResponseCode(got.Code) == headers.Success {
				remark = ""
			}
		case <-late:
		}
		back.conn.send(back, b.endReply(&m, t, remark))
		back.conn.FlushElsewhere()
	})
	return answer{none: true}
}

// endReply stores a reply and makes the answer to it. remark says why it was not handed on,
// and is empty if it was.
func (b *Broker) endReply(m *body.StoredMessage, t *topic, remark string) answer {
	a := answer{fields: fields.Send{}, remark: remark}
	result := headers.SendResult{OffsetMessageID: "0", QueueID: m.QueueID}
	if remark != "" {
		a.code = headers.SystemError
	} else {
		a.fields = fields.Send{Result: &result}
	}
	if b.cluster.cfg.dropReplies {
		return a
	}
	raw, err := body.AppendStored(make([]byte, 0, m.Size()), m)
	if err != nil || len(m.Body) > b.cluster.cfg.maxMessageSize {
		return a // a log line of the broker's
	}
	s, err := b.put(t, m.QueueID, []entry{{Raw: raw, TagHash: tags.HashOf(m.Properties)}})
	if err == nil {
		err = s.Write.WaitFor(b.cluster.cfg.syncFlushTimeout)
	}
	if err != nil && !errors.Is(err, store.ErrUnsynced) {
		return a // and here
	}
	result.OffsetMessageID, result.QueueOffset = body.OffsetMessageID(m.StoreHost, s.LogOffsets[0]), s.FirstOffset
	a.fields = fields.Send{Result: &result}
	return a
}
