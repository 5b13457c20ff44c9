package pull

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// Whatever answers come to pulls, no offset is committed beyond a message that was handed
// out and not acked, and all messages are handed out in the end.
func TestHostileAnswers(t *testing.T) {
	for seed := range uint64(20) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := newPeer(t, c.Config(), group, func(cfg *engine.Config) { cfg.CommitInterval = 100 * time.Millisecond })
			want := fill(t, c, p.client, "m", 400)
			var mu sync.Mutex
			rnd := rand.New(rand.NewPCG(seed, 2))
			// Offsets by queue that were handed out and never acked. One that was acked may
			// come once more, when an answer has moved the queue back.
			open := make(map[int32]map[int64]bool)
			acked := make(map[int32]map[int64]bool)
			honest := c.Intercept(func(r embedded.Request) embedded.Fault {
				mu.Lock()
				defer mu.Unlock()
				switch r.Code {
				case headers.CodePullMessage:
					return hostile(t, rnd, &r)
				case headers.CodeUpdateConsumerOffset:
					h, err := headers.ParseUpdateConsumerOffset(&r.Command)
					if err != nil || h.Topic != topic {
						break
					}
					for offset := range open[h.QueueID] {
						if offset < h.CommitOffset {
							t.Errorf("queue %d: committed %d, and %d is not acked", h.QueueID, h.CommitOffset, offset)
						}
					}
				}
				return embedded.Fault{}
			})
			s := p.subscribe(engine.Topic{Name: topic}, func(m *message.Message) {
				stored := delivery.FromContext(m.Context()).Received().Stored
				mu.Lock()
				defer mu.Unlock()
				if open[stored.QueueID] == nil {
					open[stored.QueueID], acked[stored.QueueID] = make(map[int64]bool), make(map[int64]bool)
				}
				// The seventh pause may be the broker's, whose copy of the message is as good as
				// an ack.
				if delivery.FromContext(m.Context()).Number >= 7 || rnd.IntN(4) > 0 {
					delete(open[stored.QueueID], stored.QueueOffset)
					acked[stored.QueueID][stored.QueueOffset] = true
					m.Ack()
					return
				}
				if !acked[stored.QueueID][stored.QueueOffset] {
					open[stored.QueueID][stored.QueueOffset] = true
				}
				m.Nack() // and again soon
			}, nil)
			time.Sleep(time.Minute)
			honest()
			time.Sleep(2 * time.Minute)
			got := make(map[string]bool)
			for _, name := range s.received() {
				got[name] = true
			}
			require.Len(t, got, len(want))
			s.end()
			require.Equal(t, []int64{100, 100, 100, 100}, offsets(c, group))
			p.close()
		})
	}
}

// hostile is what is to happen to a pull: in one of two cases what should. No answer takes a
// queue over messages that it does not bring: only the broker can know that there are none.
func hostile(t *testing.T, rnd *rand.Rand, r *embedded.Request) embedded.Fault {
	h, err := headers.ParsePullMessage(&r.Command)
	if err != nil || h.Topic != topic {
		return embedded.Fault{}
	}
	result := headers.PullResult{NextOffset: h.QueueOffset, MaxOffset: 1000}
	var body []byte
	code := headers.Success
	switch rnd.IntN(10) {
	case 0:
		return embedded.CutAnswer(rnd.IntN(200))
	case 1:
		return embedded.Answer(headers.ResponseCode(rnd.IntN(30)), "no")
	case 2: // cut within a message
		body = storedIn(t, h.QueueID, h.QueueOffset, h.QueueOffset+1)
		body, result.NextOffset = body[:len(body)-1-rnd.IntN(len(body)/2-2)], h.QueueOffset+2
	case 3: // of another queue
		body, result.NextOffset = storedIn(t, h.QueueID+1, h.QueueOffset), h.QueueOffset+1
	case 4: // before the one asked for, or beyond what comes next
		offset := h.QueueOffset + rnd.Int64N(5) - 2
		body, result.NextOffset = storedIn(t, h.QueueID, offset), min(offset, h.QueueOffset)
	case 5: // nowhere
		code = []headers.ResponseCode{headers.PullNotFound, headers.PullRetryImmediately, headers.PullOffsetMoved}[rnd.IntN(3)]
		result.NextOffset, result.MaxOffset = -1-rnd.Int64N(100), 50
	case 6: // back to a place that was there
		code = headers.PullOffsetMoved
		result.NextOffset = rnd.Int64N(h.QueueOffset + 1)
	default:
		return embedded.Fault{}
	}
	frame, err := headers.AppendAnswer(nil, headers.JSON, headers.Version5_5_0, r.Command.Opaque, code, "", &result, body)
	require.NoError(t, err)
	return embedded.AnswerBytes(frame)
}
