package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// mishap is what happens to a random request: for the most part nothing.
func mishap() embedded.Fault {
	upTo := func(d time.Duration) time.Duration { return rand.N(d) }
	switch rand.IntN(30) {
	case 0, 1, 2, 3, 4, 5, 6, 7:
		return embedded.DelayAnswer(upTo(50 * time.Millisecond))
	case 8:
		return embedded.Delay(upTo(500 * time.Millisecond)) // too late, now and then
	case 9:
		return embedded.DropConnection()
	case 10:
		return embedded.StoreThenDrop()
	case 11:
		return embedded.CutAnswer(rand.IntN(40))
	case 12:
		return embedded.Ignore()
	case 13:
		return embedded.Answer(headers.FlowControl, "")
	case 14:
		return embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]")
	case 15, 16:
		return embedded.Answer(headers.MessageIllegal, "")
	case 17:
		return embedded.StoreThenAnswer(headers.FlushDiskTimeout, "")
	case 18:
		return embedded.Answer(4711, "")
	case 19:
		return embedded.Answer(headers.GoAway, "")
	default:
		return embedded.Fault{}
	}
}

// randomCall makes a call: few messages or many, small or large, with contexts
// that end or do not.
func randomCall(ctx context.Context, name string) (messages []*message.Message, done func()) {
	var cancels []context.CancelFunc
	shared, cancel := context.WithTimeout(ctx, rand.N(400*time.Millisecond))
	cancels = append(cancels, cancel)
	kind := rand.IntN(4)
	for i := range 1 + rand.IntN(12) {
		size := rand.IntN(300)
		if rand.IntN(20) == 0 {
			size = 6000 // compressed, so sent alone
		}
		msg := message.NewMessage(fmt.Sprint(name, "-", i), []byte(strings.Repeat(name, 1+size/len(name))))
		switch {
		case kind == 1:
			msg.SetContext(shared)
		case kind == 2 && rand.IntN(3) == 0:
			own, cancel := context.WithTimeout(ctx, rand.N(400*time.Millisecond))
			cancels = append(cancels, cancel)
			msg.SetContext(own)
		}
		messages = append(messages, msg)
	}
	return messages, func() {
		for _, cancel := range cancels {
			cancel()
		}
	}
}

// Whatever happens, what a result says is true: of a message that is published
// that it is stored there, and of one that is not sent that it is not stored.
func TestPromiseBatchStress(t *testing.T) {
	t.Run("Publish", func(t *testing.T) {
		stress(t, func(p *publisher.Publisher, _ *results, topic string, messages []*message.Message) {
			_ = p.Publish(topic, messages...) // what becomes of it is in the results
		})
	})
	t.Run("PublishAsync", func(t *testing.T) {
		stress(t, func(p *publisher.Publisher, refused *results, topic string, messages []*message.Message) {
			err := p.PublishAsync(topic, messages...)
			if err != nil {
				for _, r := range failureOf(t, err).Results {
					refused.add(r)
				}
			}
			if errors.Is(err, publisher.ErrWaitingFull) || rand.IntN(3) == 0 {
				_ = p.Flush(context.Background())
			}
		})
	})
}

// stress gives publish the results to add those to that OnResult is not told.
func stress(t *testing.T, publish func(*publisher.Publisher, *results, string, []*message.Message)) {
	topics := []string{"one", "two", "three"}
	var opts []embedded.Option
	for _, topic := range topics {
		opts = append(opts, embedded.WithTopic(topic, 2))
	}
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, func(int, request) embedded.Fault { return mishap() })
		results := newResults()
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			c.Batch = publisher.BatchConfig{MaxMessages: 16, MaxBytes: 4000}
			c.Waiting = publisher.WaitingConfig{Messages: 150, Bytes: 60_000}
			c.AttemptTimeout, c.SendTimeout = 200*time.Millisecond, time.Second
			c.OnResult = results.add
		})
		var mu sync.Mutex
		payloads := make(map[string]string)
		var wg sync.WaitGroup
		for worker := range 48 {
			wg.Go(func() {
				for n := range 25 {
					messages, done := randomCall(t.Context(), fmt.Sprint("w", worker, "n", n))
					mu.Lock()
					for _, msg := range messages {
						payloads[msg.UUID] = string(msg.Payload)
					}
					mu.Unlock()
					publish(p, results, topics[rand.IntN(len(topics))], messages)
					for _, msg := range messages {
						clear(msg.Payload) // nobody may look at it any more
					}
					done()
				}
			})
		}
		wg.Wait()
		require.NoError(t, p.Flush(t.Context()))
		require.Zero(t, publisher.Inside(p))
		time.Sleep(10 * time.Second) // until what is late has come
		require.Len(t, goroutines(), 1, "the one that is always there")
		require.NoError(t, p.Close())

		byID := make(map[string][]stored)
		for _, topic := range topics {
			for _, m := range messagesIn(c, topic) {
				s := fromEmbedded(t, m)
				require.Equal(t, payloads[s.Keys], string(s.Body))
				byID[s.UniqueID] = append(byID[s.UniqueID], s)
			}
		}
		count := make(map[publisher.Outcome]int)
		for range payloads {
			r := results.next(t)
			count[r.Outcome]++
			copies := byID[r.MessageID]
			delete(byID, r.MessageID)
			for _, s := range copies {
				require.Equal(t, r.UUID, s.Keys)
			}
			switch {
			case r.Outcome == publisher.Stored:
				s := at(t, copies, r)
				require.Equal(t, s.OffsetMessageID, r.OffsetMessageID)
			case r.Outcome == publisher.NotSent:
				require.Error(t, r.Err)
				require.Empty(t, copies, "%+v", r)
			default:
				require.Error(t, r.Err)
			}
		}
		require.Empty(t, byID, "stored, and nobody was told")
		require.Empty(t, results.c)
		t.Log(count)
		require.Len(t, count, 3, "each outcome should be there to be checked: %v", count)
	}, append(opts, embedded.WithBrokers(2))...)
}
