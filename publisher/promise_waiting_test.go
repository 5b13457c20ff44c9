package publisher_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// room limits the messages that may be inside, and lets time be no matter.
func room(messages int) func(*publisher.Config) {
	return func(c *publisher.Config) {
		c.Waiting.Messages = messages
		c.SendTimeout, c.AttemptTimeout = time.Hour, time.Hour
	}
}

// slowly has every send take a second.
func slowly(int, request) embedded.Fault { return embedded.DelayAnswer(time.Second) }

// messagesOf returns n messages of one payload.
func messagesOf(payload string, n int) []*message.Message {
	messages := make([]*message.Message, n)
	for i := range messages {
		messages[i] = newMessage(payload)
	}
	return messages
}

// At the limit calls wait and get in in the order of coming.
func TestPromiseWaitingInOrder(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, slowly)
		p := publisherOn(t, c, room(1))
		calls := gathering(p, numbered(6)...)
		require.Len(t, seen.list(), 1)
		require.Equal(t, publisher.WaitingConfig{Messages: 1, Bytes: 39}, publisher.Inside(p))
		requirePublished(t, calls...)
		for i, u := range calls {
			require.Equal(t, time.Duration(i+1)*time.Second, u.took)
			require.Equal(t, []string{numbered(6)[i]}, seen.list()[i].bodies)
		}
		require.Zero(t, publisher.Inside(p))
	})
}

// The limit is on messages and not on calls, and what fits goes in together.
func TestPromiseWaitingMessages(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, slowly)
		p := publisherOn(t, c, room(4))
		calls := []*underWay{
			publishing(p, orders, messagesOf("a", 3)...), // and one place is free
			publishing(p, orders, messagesOf("b", 2)...),
			publishing(p, orders, messagesOf("c", 2)...),
			publishing(p, orders, messagesOf("d", 1)...),
		}
		require.Equal(t, 3, publisher.Inside(p).Messages)
		require.Len(t, seen.list(), 1)
		requirePublished(t, calls...)
		var took []time.Duration
		for _, u := range calls {
			took = append(took, u.took)
		}
		// b and c come in together, and one is sent beside the other 50 ms later.
		second := 2050 * time.Millisecond
		require.ElementsMatch(t, []time.Duration{time.Second, 2 * time.Second, second, second + time.Second}, took)
		require.Zero(t, publisher.Inside(p))
	})
}

// So is the limit on bytes: of payload, UUID and metadata.
func TestPromiseWaitingBytes(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, slowly)
		sized := func(payload string) *message.Message {
			msg := message.NewMessage("uuid", []byte(payload))
			msg.Metadata.Set("key", "val")
			return msg // of 10 bytes and the payload
		}
		p := publisherOn(t, c, func(c *publisher.Config) {
			room(1000)(c)
			c.Waiting.Bytes = 100
		})
		calls := []*underWay{
			publishing(p, orders, sized(strings.Repeat("a", 50))),
			publishing(p, orders, sized(strings.Repeat("b", 20)), sized("")), // 100 in all
			publishing(p, "invoices", sized("")),
		}
		require.Equal(t, publisher.WaitingConfig{Messages: 3, Bytes: 100}, publisher.Inside(p))
		require.Len(t, seen.list(), 1)
		requirePublished(t, calls...)
		require.Equal(t, 2*time.Second, calls[2].took)
		require.Zero(t, publisher.Inside(p))
	})
}

// A small call does not overtake a big one that waits, or the big one might wait
// for ever.
func TestPromiseWaitingNoOvertaking(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, slowly)
		p := publisherOn(t, c, room(4))
		inside := publishing(p, orders, messagesOf("inside", 2)...)
		big := publishing(p, orders, messagesOf("big", 3)...)
		small := publishing(p, "invoices", messagesOf("small", 1)...) // no other reason to wait
		require.Len(t, seen.list(), 1)
		requirePublished(t, inside, big, small)
		require.Equal(t, 2*time.Second, big.took)
		require.Equal(t, 2*time.Second, small.took)
	})
}

// A call that is over a limit by itself goes on when it is alone, and keeps
// others out meanwhile.
func TestPromiseWaitingOversize(t *testing.T) {
	for name, limit := range map[string]publisher.WaitingConfig{
		"messages": {Messages: 3},
		"bytes":    {Bytes: 100},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				record(c, slowly)
				p := publisherOn(t, c, func(c *publisher.Config) {
					room(0)(c)
					c.Waiting = limit
				})
				require.NoError(t, p.Publish(orders, newMessages(10)...))
				elapsed := stopwatch()
				first := publishing(p, orders, newMessages(1)...)
				large := publishing(p, orders, newMessages(10)...)
				require.Equal(t, 1, publisher.Inside(p).Messages)
				last := publishing(p, orders, newMessages(1)...)
				requirePublished(t, first)
				synctest.Wait()
				require.Equal(t, 10, publisher.Inside(p).Messages)
				requirePublished(t, large, last)
				require.Equal(t, 2*time.Second, large.took)
				require.Equal(t, 3*time.Second, last.took)
				require.Equal(t, 3*time.Second, elapsed())
				require.Zero(t, publisher.Inside(p))
			})
		})
	}
}

// A context ends the wait of its call; those behind get in if that was what they
// waited for.
func TestPromiseWaitingCancelled(t *testing.T) {
	errShutdown := errors.New("shutting down")
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, slowly)
		p := publisherOn(t, c, room(4))
		inside := publishing(p, orders, messagesOf("inside", 3)...)
		ctx, cancel := context.WithCancelCause(t.Context())
		big := publishing(p, orders, newMessage("big"), messageIn(ctx), newMessage("big"))
		small := publishing(p, "invoices", newMessage("small"))
		require.Len(t, seen.list(), 1)
		time.AfterFunc(500*time.Millisecond, func() { cancel(errShutdown) })

		failed := failureOf(t, big.wait())
		require.Equal(t, 500*time.Millisecond, big.took)
		require.Same(t, &failed.Results[1], failed.Cause(), "the message whose context it was")
		require.ErrorIs(t, failed, errShutdown)
		require.ErrorIs(t, failed, context.Canceled)
		require.Equal(t, publisher.ErrNotAttempted, failed.Results[0].Err)
		require.Equal(t, publisher.ErrNotAttempted, failed.Results[2].Err)
		for _, r := range failed.Results {
			require.Equal(t, publisher.NotSent, r.Outcome)
			require.Zero(t, r.Attempts)
		}
		requirePublished(t, inside, small)
		require.Equal(t, 1500*time.Millisecond, small.took, "in when the big one had left")
		require.NotContains(t, bodies(c, orders), "big")
		require.Zero(t, publisher.Inside(p))
	})
}

// SendTimeout counts the wait.
func TestPromiseWaitingCounts(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(2*time.Second))
		p := publisherOn(t, c, func(c *publisher.Config) { c.Waiting.Messages = 4; oneAttempt(c) })
		first := publishing(p, orders, newMessages(4)...)
		second := publishing(p, orders, newMessages(2)...) // has a second left when it is in
		third := publishing(p, "invoices", withOwnContexts(t, 2)...)
		requirePublished(t, first)
		failed := failureOf(t, second.wait())
		require.Equal(t, 3*time.Second, second.took)
		require.Error(t, third.wait())
		require.Equal(t, 3*time.Second, third.took)
		require.Equal(t, []publisher.Outcome{publisher.MayBeStored, publisher.MayBeStored}, outcomes(failed))
		require.Zero(t, publisher.Inside(p))
	})
}

// SendTimeout ends the wait, and nothing of the call is sent.
func TestPromiseWaitingSendTimeout(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.Waiting.Messages = 2
			c.Marshaler = marshalerFunc(func(topic string, msg *message.Message) (marshaler.Message, error) {
				time.Sleep(time.Minute) // of the call inside: what waits is not marshaled
				return marshaler.Default{}.Marshal(topic, msg)
			})
		})
		inside := publishing(p, orders, newMessage("x"))
		outside := publishing(p, orders, newMessages(2)...)
		failed := failureOf(t, outside.wait())
		require.Equal(t, 3*time.Second, outside.took)
		require.Same(t, &failed.Results[0], failed.Cause())
		require.Equal(t, publisher.ErrSendTimeout, failed.Results[0].Err)
		require.Equal(t, publisher.ErrNotAttempted, failed.Results[1].Err)
		require.Equal(t, publisher.NotSent, failed.Outcome())
		require.Equal(t, 1, publisher.Inside(p).Messages)
		require.Equal(t, publisher.ErrSendTimeout, inside.resultOf(t).Err)
		require.Zero(t, publisher.Inside(p))
		require.Zero(t, sends(c))
	})
}

// Close drains those who wait for room as well, for as long as it may.
func TestPromiseWaitingClose(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, slowly)
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) { room(1)(c); c.CloseTimeout = 2500 * time.Millisecond })
		calls := gathering(p, "a", "b", "in flight", "outside", "outside too")
		elapsed := stopwatch()
		require.Equal(t, publisher.ErrCloseTimeout, p.Close())
		require.Equal(t, 2500*time.Millisecond, elapsed())
		requirePublished(t, calls[:2]...)
		result := calls[2].resultOf(t)
		require.ErrorIs(t, result.Err, publisher.ErrClosed)
		require.Equal(t, publisher.MayBeStored, result.Outcome)
		for _, u := range calls[3:] {
			result := u.resultOf(t)
			require.Equal(t, 2500*time.Millisecond, u.took)
			require.Equal(t, publisher.ErrClosed, result.Err)
			require.Equal(t, publisher.NotSent, result.Outcome)
		}
		require.NotContains(t, bodies(c, orders), "outside")
		require.Zero(t, publisher.Inside(p))
	})
}

// Close does not leave those outside to a call inside that does not end.
func TestPromiseWaitingCloseBehindAHangingCall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
			room(1)(c)
			c.CloseTimeout = time.Second
			c.Marshaler = marshalerFunc(func(topic string, msg *message.Message) (marshaler.Message, error) {
				time.Sleep(time.Minute)
				return marshaler.Default{}.Marshal(topic, msg)
			})
		})
		inside, outside := publishing(p, orders, newMessage("x")), publishing(p, orders, newMessage("x"))
		require.Equal(t, publisher.ErrCloseTimeout, p.Close())
		require.Equal(t, publisher.ErrClosed, outside.resultOf(t).Err)
		require.Equal(t, time.Second, outside.took)
		require.Equal(t, publisher.ErrClosed, inside.resultOf(t).Err)
		require.Zero(t, publisher.Inside(p))
	})
}

// What waits for room has not been encoded: it is the encoded messages that the
// limit keeps few.
func TestPromiseWaitingIsBeforeEncoding(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, slowly)
		var marshaled atomic.Int32
		p := publisherOn(t, c, func(c *publisher.Config) {
			room(1)(c)
			c.Marshaler = marshalerFunc(func(topic string, msg *message.Message) (marshaler.Message, error) {
				marshaled.Add(1)
				return marshaler.Default{}.Marshal(topic, msg)
			})
		})
		calls := gathering(p, numbered(5)...)
		require.EqualValues(t, 1, marshaled.Load())
		requirePublished(t, calls...)
		require.EqualValues(t, 5, marshaled.Load())
	})
}

// However a call ends, it gives back the room it had: one that takes all of it
// gets in after each.
func TestPromiseWaitingRoomIsGivenBack(t *testing.T) {
	ended := func(t *testing.T) context.Context {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		return ctx
	}
	for name, call := range map[string]func(t *testing.T, c *embedded.Cluster, p *publisher.Publisher) error{
		"refused by the broker": func(_ *testing.T, c *embedded.Cluster, p *publisher.Publisher) error {
			firstSend(c, embedded.Answer(headers.MessageIllegal, ""))
			return p.Publish(orders, newMessage("x"))
		},
		"refused by the marshaler": func(_ *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.Publish(orders, newMessage("x"), newMessage("refuse"))
		},
		"nil": func(_ *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.Publish(orders, newMessage("x"), nil)
		},
		"topic": func(_ *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.Publish("", newMessage("x"))
		},
		"cancelled before": func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.Publish(orders, messageIn(ended(t)))
		},
		"some cancelled before": func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			return p.Publish(orders, newMessage("x"), messageIn(ended(t)))
		},
		"timed out": func(_ *testing.T, c *embedded.Cluster, p *publisher.Publisher) error {
			firstSend(c, embedded.Ignore())
			return p.Publish(orders, newMessages(3)...)
		},
		"panic of the marshaler": func(t *testing.T, _ *embedded.Cluster, p *publisher.Publisher) error {
			require.Panics(t, func() { _ = p.Publish(orders, newMessage("x"), newMessage("panic")) })
			return errors.New("panicked")
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				p := publisherOn(t, c, func(c *publisher.Config) {
					oneAttempt(c)
					c.Waiting.Messages = 4
					c.Marshaler = marshalerFunc(func(topic string, msg *message.Message) (marshaler.Message, error) {
						switch string(msg.Payload) {
						case "refuse":
							return marshaler.Message{}, errors.New("refused")
						case "panic":
							panic("mine")
						}
						return marshaler.Default{}.Marshal(topic, msg)
					})
				})
				require.Error(t, call(t, c, p))
				require.Zero(t, publisher.Inside(p))
				elapsed := stopwatch()
				require.NoError(t, p.Publish(orders, newMessages(4)...))
				require.Zero(t, elapsed())
				require.Zero(t, publisher.Inside(p))
			})
		})
	}
}
