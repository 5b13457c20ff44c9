package pop

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/receive"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

var testNames = topicNames{"orders", "%RETRY%billing_orders", "%RETRY%billing+orders"}

// at is a message as far as its place goes.
func at(topic string, queue int32, offset int64) delivery.Message {
	m := receive.Message{}
	m.Stored.Topic, m.Stored.QueueID, m.Stored.QueueOffset = topic, queue, offset
	return delivery.Message{Message: m}
}

func queue(retry headers.RetryKind, id int32, offsets ...int64) headers.PopQueue {
	return headers.PopQueue{Retry: retry, QueueID: id, StartOffset: offsets[0], Offsets: offsets}
}

func TestMatch(t *testing.T) {
	queues := []headers.PopQueue{queue(headers.RetryV1, 0, 3), queue(headers.RetryNone, 0, 3, 4), queue(headers.RetryNone, 1, 3)}
	first, second, third, fourth := place{0, 0}, place{1, 0}, place{1, 1}, place{2, 0}
	tests := map[string]struct {
		messages []delivery.Message
		want     []place
	}{
		"all by position": {
			[]delivery.Message{at("orders", 0, 3), at("orders", 0, 3), at("orders", 0, 4), at("orders", 1, 3)},
			[]place{first, second, third, fourth},
		},
		"retry topic by its name": {
			[]delivery.Message{at(testNames[1], 0, 3), at("orders", 0, 3), at("orders", 0, 4), at("orders", 1, 3)},
			[]place{first, second, third, fourth},
		},
		"another order, and which of two is unknown": {
			[]delivery.Message{at("orders", 1, 3), at("orders", 0, 3), at("orders", 0, 4), at("orders", 0, 3)},
			[]place{fourth, nowhere, third, nowhere},
		},
		"one was left out, and which is unknown": {
			[]delivery.Message{at("orders", 0, 3), at("orders", 0, 4), at("orders", 1, 3)},
			[]place{nowhere, third, fourth},
		},
		"one was left out, and the topic tells which": {
			[]delivery.Message{at(testNames[1], 0, 3), at("orders", 0, 4), at("orders", 1, 3)},
			[]place{first, third, fourth},
		},
		"of another topic": {
			[]delivery.Message{at("others", 0, 3), at("orders", 0, 3), at("orders", 0, 4), at("orders", 1, 3)},
			[]place{nowhere, nowhere, third, fourth},
		},
		"the other retry topic": {
			[]delivery.Message{at(testNames[2], 0, 3), at("orders", 1, 3)},
			[]place{nowhere, fourth},
		},
		"not in the answer": {
			[]delivery.Message{at("orders", 2, 3), at("orders", 0, 5), at("orders", 1, 3)},
			[]place{nowhere, nowhere, fourth},
		},
		"twice": {
			[]delivery.Message{at("orders", 1, 3), at("orders", 1, 3)},
			[]place{fourth, nowhere},
		},
		"one too many": {
			[]delivery.Message{at("orders", 0, 3), at("orders", 0, 3), at("orders", 0, 4), at("orders", 1, 3), at("orders", 1, 4)},
			[]place{nowhere, nowhere, third, fourth, nowhere},
		},
		"none": {nil, []place{}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, match(queues, testNames, test.messages))
		})
	}
}
