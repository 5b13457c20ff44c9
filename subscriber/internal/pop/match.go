package pop

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// place is where a message stands in the offsets of an answer: which of the queues, and
// which of its offsets. A queue of -1 says that it stands nowhere.
type place struct{ queue, index int }

var nowhere = place{-1, -1}

// topicNames are the names that a message may have as its topic: the one that was asked
// for, and the retry topics by kind. A broker puts the first into messages of the others,
// unless it is configured not to (popResponseReturnActualRetryTopic of 5.5.0).
type topicNames [3]string

// match finds the place of each message. The n-th of the body is the n-th of the offsets,
// unless some were left out, as brokers do with messages that they cannot encode
// (PopMessageProcessor.readGetMessageResult of 5.5.0). Then a message has the only place
// that it can have; one that may be at several is nowhere: to ack it might ack another.
func match(queues []headers.PopQueue, names topicNames, messages []delivery.Message) []place {
	flat := make([]place, 0, len(messages))
	for i := range queues {
		for j := range queues[i].Offsets {
			flat = append(flat, place{i, j})
		}
	}
	fits := func(m *delivery.Message, at place) bool {
		q := &queues[at.queue]
		return m.Stored.QueueID == q.QueueID && m.Stored.QueueOffset == q.Offsets[at.index] &&
			(m.Stored.Topic == names[headers.RetryNone] || m.Stored.Topic == names[q.Retry])
	}
	places := make([]place, len(messages))
	whole := len(flat) == len(messages)
	for i := range messages {
		whole = whole && fits(&messages[i], flat[i])
	}
	if whole {
		copy(places, flat)
		return places
	}
	taken := make(map[place]bool, len(messages))
	for i := range messages {
		places[i] = nowhere
		found := 0
		for _, at := range flat {
			if fits(&messages[i], at) {
				places[i] = at
				found++
			}
		}
		if found != 1 || taken[places[i]] {
			places[i] = nowhere
			continue
		}
		taken[places[i]] = true
	}
	return places
}
