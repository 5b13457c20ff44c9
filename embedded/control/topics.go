package control

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// topicState is a topic, on all brokers that have it.
type topicState struct {
	Name string `json:"name"`
	// WatermillName is the name that publishers and subscribers have for the topic, if it
	// is another one and can be told from Name alone.
	WatermillName string `json:"watermillName,omitempty"`
	// System is set for RocketMQ's own topics, and those of groups.
	System bool `json:"system"`
	// Stored counts the messages that were stored since there is the topic, those that
	// were dropped included, and Delivered those that consumers were given since Start.
	Stored     int64             `json:"stored"`
	Delivered  int64             `json:"delivered"`
	Messages   int64             `json:"messages"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Queues     []queueState      `json:"queues"`
}

// queueState is one queue of a topic.
type queueState struct {
	Broker     string     `json:"broker"`
	Queue      int32      `json:"queue"`
	MinOffset  int64      `json:"minOffset"`
	MaxOffset  int64      `json:"maxOffset"`
	Delivered  int64      `json:"delivered"`
	LastStored *time.Time `json:"lastStored,omitempty"`
}

// topicList is the answer to GET /v1/topics.
type topicList struct {
	Topics []topicState `json:"topics"`
}

// escaped begins RocketMQ's names of Watermill topics that cannot have their own.
const escaped = "_wm_"

// topicName is RocketMQ's name of a topic whose name is RocketMQ's or Watermill's.
func topicName(name string) string {
	if mapped, err := (marshaler.EscapeTopics{}).MapTopic(name); err == nil && !strings.HasPrefix(name, escaped) {
		return mapped.Name
	}
	return name
}

// topic is the name of the topic in the path.
func (c *call) topic() string { return topicName(c.args["topic"]) }

func isSystem(topic string) bool {
	return headers.IsSystemTopic(topic) || len(topic) > 0 && topic[0] == '%'
}

func (h *Handler) topics() topicList {
	byName := make(map[string]*topicState)
	for _, b := range h.cluster.Brokers() {
		for _, t := range b.Topics() {
			s := byName[t.Name]
			if s == nil {
				s = &topicState{Name: t.Name, System: isSystem(t.Name), Attributes: t.Attributes, Queues: []queueState{}}
				if name, err := (marshaler.EscapeTopics{}).UnmapTopic(t.Name, nil); err == nil && name != t.Name {
					s.WatermillName = name
				}
				byName[t.Name] = s
			}
			s.add(b, t.Name)
		}
	}
	list := topicList{Topics: make([]topicState, 0, len(byName))}
	for _, s := range byName {
		list.Topics = append(list.Topics, *s)
	}
	slices.SortFunc(list.Topics, func(x, y topicState) int {
		if x.System != y.System {
			if y.System {
				return -1
			}
			return 1
		}
		return cmp.Compare(x.Name, y.Name)
	})
	return list
}

func (s *topicState) add(b *embedded.Broker, name string) {
	for _, q := range b.Queues(name) {
		state := queueState{Broker: b.Name(), Queue: q.ID, MinOffset: q.MinOffset, MaxOffset: q.MaxOffset, Delivered: q.Delivered}
		if !q.LastStored.IsZero() {
			state.LastStored = &q.LastStored
		}
		s.Stored += q.MaxOffset
		s.Messages += q.MaxOffset - q.MinOffset
		s.Delivered += q.Delivered
		s.Queues = append(s.Queues, state)
	}
}

// has reports whether there is a queue of the topic.
func (s *topicState) has(broker string, queue int64) bool {
	return slices.ContainsFunc(s.Queues, func(q queueState) bool { return q.Broker == broker && int64(q.Queue) == queue })
}

func (h *Handler) topic(name string) (topicState, error) {
	list := h.topics().Topics
	if i := slices.IndexFunc(list, func(t topicState) bool { return t.Name == name }); i >= 0 {
		return list[i], nil
	}
	return topicState{}, refuse(http.StatusNotFound, "there is no topic %.256q", name)
}

func (h *Handler) getTopics(c *call) error { return reply(c, http.StatusOK, h.topics()) }

func (h *Handler) getTopic(c *call) error {
	t, err := h.topic(c.topic())
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, t)
}

// maxQueues is how many queues a topic may be given here, on each broker.
const maxQueues = 1024

func (h *Handler) putTopic(c *call) error {
	var body struct {
		Queues int `json:"queues"`
	}
	if err := decode(c, &body, false); err != nil {
		return err
	}
	if body.Queues < 1 || body.Queues > maxQueues {
		return refuse(http.StatusBadRequest, "queues has to be from 1 to %d, not %d", maxQueues, body.Queues)
	}
	name := c.topic()
	if err := h.cluster.CreateTopic(name, body.Queues); err != nil {
		return refuse(http.StatusBadRequest, "%v", err)
	}
	t, err := h.topic(name)
	if err != nil {
		return err
	}
	return reply(c, http.StatusOK, t)
}

func (h *Handler) deleteTopic(c *call) error {
	name := c.topic()
	if _, err := h.topic(name); err != nil {
		return err
	}
	if err := c.empty(); err != nil {
		return err
	}
	h.cluster.DeleteTopic(name)
	return c.done()
}
