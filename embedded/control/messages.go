package control

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// messageState is a message as it is stored, with its payload as consumers get it.
type messageState struct {
	Topic           string            `json:"topic"`
	Broker          string            `json:"broker"`
	Queue           int32             `json:"queue"`
	Offset          int64             `json:"offset"`
	CommitLogOffset int64             `json:"commitLogOffset"`
	UUID            string            `json:"uuid,omitempty"`
	UniqueKey       string            `json:"uniqueKey,omitempty"`
	OffsetMessageID string            `json:"offsetMessageId"`
	Keys            string            `json:"keys,omitempty"`
	Tags            string            `json:"tags,omitempty"`
	Born            time.Time         `json:"born"`
	BornHost        string            `json:"bornHost"`
	Stored          time.Time         `json:"stored"`
	ReconsumeTimes  int32             `json:"reconsumeTimes"`
	Flag            int32             `json:"flag"`
	SysFlag         int32             `json:"sysFlag"`
	BodySize        int               `json:"bodySize"`
	Properties      map[string]string `json:"properties"`
	Payload         payloadState      `json:"payload"`
}

// messageList is the answer to questions for several messages.
type messageList struct {
	Messages []messageState `json:"messages"`
}

// newMessage describes a message, with at most so many bytes of its payload.
func newMessage(m *embedded.Message, most int) messageState {
	s := messageState{
		Topic: m.Topic, Broker: m.BrokerName, Queue: m.QueueID, Offset: m.QueueOffset, CommitLogOffset: m.CommitLogOffset,
		UniqueKey: m.UniqueKey, OffsetMessageID: m.OffsetMessageID, Keys: m.Keys, Tags: m.Tags,
		Born: m.BornTimestamp, BornHost: m.BornHost, Stored: m.StoreTimestamp,
		ReconsumeTimes: m.ReconsumeTimes, Flag: m.Flag, SysFlag: m.SysFlag, BodySize: len(m.Body), Properties: m.Properties,
	}
	msg, err := m.Watermill()
	if err != nil {
		s.Payload = payloadState{Format: formatBinary, Error: err.Error()}
		return s
	}
	s.UUID, s.Payload = msg.UUID, newPayload(msg.Payload, most)
	return s
}

func newMessages(list []embedded.Message) messageList {
	out := messageList{Messages: make([]messageState, 0, len(list))}
	for i := range list {
		out.Messages = append(out.Messages, newMessage(&list[i], maxListedPayload))
	}
	return out
}

// Bounds of what an answer has.
const (
	messagesInAnswer    = 20
	maxMessagesInAnswer = 100
	maxOffset           = 1<<63 - 1
	maxQueueID          = 1<<31 - 1
)

// getQueue reads a queue from an offset on.
func (h *Handler) getQueue(c *call) error {
	topic := c.topic()
	state, err := h.topic(topic)
	if err != nil {
		return err
	}
	name := c.r.URL.Query().Get("broker")
	if name == "" && len(state.Queues) > 0 {
		name = state.Queues[0].Broker
	}
	b, err := h.broker(name)
	if err != nil {
		return err
	}
	queue, err1 := c.number("queue", 0, 0, maxQueueID)
	offset, err2 := c.number("offset", 0, 0, maxOffset)
	limit, err3 := c.number("limit", messagesInAnswer, 1, maxMessagesInAnswer)
	if err := errors.Join(err1, err2, err3); err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	list := b.MessagesAt(topic, int32(queue), offset, int(limit))
	if len(list) == 0 && !state.has(name, queue) {
		return noQueue(topic, name, queue)
	}
	return reply(c, http.StatusOK, newMessages(list))
}

func noQueue(topic, broker string, queue int64) error {
	return refuse(http.StatusNotFound, "there is no queue %d of topic %.256q on %s", queue, topic, broker)
}

// getMessage is one message, with its whole payload.
func (h *Handler) getMessage(c *call) error {
	m, err := h.messageAt(c.topic(), c.args["broker"], c.args["queue"], c.args["offset"])
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, newMessage(m, maxPayload))
}

func (h *Handler) messageAt(topic, broker, queueText, offsetText string) (*embedded.Message, error) {
	b, err := h.broker(broker)
	if err != nil {
		return nil, err
	}
	queue, err := parseNumber("the queue", queueText, 0, maxQueueID)
	if err != nil {
		return nil, err
	}
	offset, err := parseNumber("the offset", offsetText, 0, maxOffset)
	if err != nil {
		return nil, err
	}
	list := b.MessagesAt(topic, int32(queue), offset, 1)
	if len(list) == 0 || list[0].QueueOffset != offset {
		return nil, refuse(http.StatusNotFound, "there is no message at offset %d of queue %d of topic %.256q on %s", offset, queue, topic, broker)
	}
	return &list[0], nil
}

// findMessages looks for a name in all topics, or one.
func (h *Handler) findMessages(c *call) error {
	query := c.r.URL.Query()
	limit, err := c.number("limit", messagesInAnswer, 1, maxMessagesInAnswer)
	if err != nil {
		return err
	}
	name := query.Get("name")
	if name == "" {
		return refuse(http.StatusBadRequest, "name has to be a key, a Watermill UUID, a unique id or an offset message id")
	}
	topic := topicName(query.Get("topic"))
	if topic != "" {
		if _, err := h.topic(topic); err != nil {
			return err
		}
	}
	list, err := h.findNamed(c.r.Context(), name, topic, int(limit))
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, newMessages(list))
}

// findNamed returns the messages that have a name, of all topics if none is given. It stops
// between two topics when ctx ends.
func (h *Handler) findNamed(ctx context.Context, name, topic string, limit int) ([]embedded.Message, error) {
	var found []embedded.Message
	for _, b := range h.cluster.Brokers() {
		for _, t := range b.Topics() {
			if ctx.Err() != nil {
				return nil, gone(ctx)
			}
			if (topic == "" || t.Name == topic) && len(found) < limit {
				found = append(found, b.FindMessages(t.Name, name, limit-len(found))...)
			}
		}
	}
	return found, nil
}
