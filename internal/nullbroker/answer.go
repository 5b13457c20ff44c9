package nullbroker

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// versionStandardJSON is the first version of clients whose JSON has its numeric
// names in quotes (ClientRequestProcessor of 5.5.0).
const versionStandardJSON = headers.Version4_9_4

// messageID is an offset message id; its length is that of real ones.
const messageID = "7F00000100002A9F0000000000000000"

// messageIDs are as many ids as an answer has at most, with commas between them.
var messageIDs = strings.Repeat(messageID+",", 4096)

// answer appends the answer to a request. Headers are JSON, as those of 5.x.
func (c *conn) answer(rq *headers.Command) error {
	var err error
	switch code := headers.RequestCode(rq.Code); code {
	case headers.CodeSendMessage, headers.CodeSendMessageV2, headers.CodeSendBatchMessage:
		return c.send(rq)
	case headers.CodeTopicRoute:
		err = c.reply(rq, headers.Success, nil, c.route(rq))
	case headers.CodeMaxOffset:
		err = c.maxOffset(rq)
	case headers.CodeHeartbeat, headers.CodeUnregisterClient, headers.CodeCreateTopic:
		err = c.reply(rq, headers.Success, nil, nil)
	default:
		err = c.reply(rq, headers.RequestNotSupported, nil, nil)
	}
	return err
}

func (c *conn) reply(rq *headers.Command, code headers.ResponseCode, fields headers.FieldAppender, body []byte) error {
	if rq.IsOneway() {
		return nil
	}
	var err error
	c.out, err = headers.AppendResponse(c.out, headers.JSON, rq.Opaque, code, "", fields, body)
	return err
}

// send counts the messages of a request.
func (c *conn) send(rq *headers.Command) error {
	topicField, queueField := "b", "e"
	if headers.RequestCode(rq.Code) == headers.CodeSendMessage {
		topicField, queueField = "topic", "queueId"
	}
	queue, _, err := rq.Fields.Int(queueField, 32)
	name, ok := rq.Fields.Get(topicField)
	if err != nil || !ok || queue < 0 || queue >= Queues {
		return c.reply(rq, headers.InvalidParameter, nil, nil)
	}
	n := 1
	if rq.Fields.Bool("m") || rq.Fields.Bool("batch") {
		if n, err = batchSize(rq.Body); err != nil {
			return c.reply(rq, headers.MessageIllegal, nil, nil)
		}
	}
	end := c.topic(name)[queue].Add(int64(n))
	ids := messageIDs[:min(n*(len(messageID)+1), len(messageIDs))-1]
	c.result = headers.SendResult{OffsetMessageID: ids, QueueID: int32(queue), QueueOffset: end - int64(n)}
	return c.reply(rq, headers.Success, &c.result, nil)
}

// topic returns the counts of a topic without the broker's lock.
func (c *conn) topic(name []byte) *topic {
	t := c.topics[string(name)]
	if t == nil {
		t = c.broker.topic(name)
		c.topics[string(name)] = t
	}
	return t
}

// batchSize counts the messages of a batch by their lengths.
func batchSize(batch []byte) (int, error) {
	n := 0
	for len(batch) > 0 {
		if len(batch) < 4 {
			return 0, fmt.Errorf("nullbroker: %w: batch", headers.ErrMalformed)
		}
		size := int(binary.BigEndian.Uint32(batch))
		if size < 4 || size > len(batch) {
			return 0, fmt.Errorf("nullbroker: %w: batch", headers.ErrMalformed)
		}
		batch = batch[size:]
		n++
	}
	return n, nil
}

// maxOffset answers how many messages a queue has had.
func (c *conn) maxOffset(rq *headers.Command) error {
	queue, _, err := rq.Fields.Int("queueId", 32)
	name, ok := rq.Fields.Get("topic")
	if err != nil || !ok || queue < 0 || queue >= Queues {
		return c.reply(rq, headers.InvalidParameter, nil, nil)
	}
	offset := c.topic(name)[queue].Load()
	return c.reply(rq, headers.Success, headers.FieldList{{Name: "offset", Value: fmt.Sprint(offset)}}, nil)
}

// route is the route of any topic: this broker.
func (c *conn) route(rq *headers.Command) []byte {
	id := "0"
	if rq.Version >= versionStandardJSON || rq.Fields.Bool("acceptStandardJsonOnly") {
		id = `"0"`
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"brokerDatas":[{"brokerAddrs":{%s:%q},"brokerName":%q,"cluster":"DefaultCluster"}],"filterServerTable":{},`,
		id, c.broker.Addr(), Name)
	fmt.Fprintf(&b, `"queueDatas":[{"brokerName":%q,"perm":6,"readQueueNums":%d,"topicSysFlag":0,"writeQueueNums":%d}]}`,
		Name, Queues, Queues)
	return b.Bytes()
}
