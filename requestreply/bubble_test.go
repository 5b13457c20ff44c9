package requestreply_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/requestreply"
)

// gone is what a broker says that does not know the requester.
const gone = "push reply message fail, channel of <x> not found."

// on has each request of a code suffer what fault returns, with the number of the request,
// from 1 on.
func (w *world) on(code headers.RequestCode, fault func(n int64, r embedded.Request) embedded.Fault) {
	var n atomic.Int64
	w.embedded.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Code != code {
			return embedded.Fault{}
		}
		return fault(n.Add(1), r)
	})
}

// introductionTime is how long a request waits for brokers to know its requester.
const introductionTime = time.Second

// closing closes what a test has made, when it is over and inside of the bubble.
func closing(t *testing.T, close func() error) {
	t.Helper()
	require.NoError(t, close())
}

// Every broker that may get a request knows its requester before, however late heartbeats
// are worked on: also if the topic is yet to be created.
func TestKnownBeforeTheRequest(t *testing.T) {
	for name, topic := range map[string]string{"known topic": topic, "new topic": "new"} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.on(headers.CodeHeartbeat, func(int64, embedded.Request) embedded.Fault { return embedded.Delay(200 * time.Millisecond) })
				var unknown, requests atomic.Int64
				w.on(headers.CodeSendMessageV2, func(int64, embedded.Request) embedded.Fault {
					requests.Add(1)
					for _, b := range w.embedded.Brokers() {
						if len(b.Producers("requesters")) == 0 {
							unknown.Add(1)
						}
					}
					return embedded.Fault{}
				})
				requester := w.requester(t)
				defer closing(t, requester.Close)
				responder := w.responder(t)
				defer closing(t, responder.Close)
				defer w.serve(t, topic, responder.Handler(echo))()
				for range 4 {
					_, err := requester.Request(t.Context(), topic, newRequest("x"))
					require.NoError(t, err)
				}
				require.EqualValues(t, 4, requests.Load())
				require.Zero(t, unknown.Load())
			}, embedded.WithBrokers(2))
		})
	}
}

// A request that nobody waits for any more is acked and not handled, unless that is wanted.
func TestExpiredRequest(t *testing.T) {
	for name, handle := range map[string]bool{"dropped": false, "handled": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.Timeout = 5 * time.Second })
				defer closing(t, requester.Close)
				begin := time.Now()
				_, err := requester.Request(t.Context(), topic, newRequest("x"))
				require.ErrorIs(t, err, requestreply.ErrTimeout)
				require.Equal(t, 5*time.Second, time.Since(begin))
				time.Sleep(time.Second)

				responder := w.responder(t, func(cfg *requestreply.ResponderConfig) { cfg.HandleExpired = handle })
				defer closing(t, responder.Close)
				var calls atomic.Int64
				defer w.serve(t, topic, responder.Handler(func(request *message.Message) (*message.Message, error) {
					calls.Add(1)
					_, bounded := request.Context().Deadline()
					require.False(t, bounded)
					return echo(request)
				}))()
				time.Sleep(time.Minute)
				want := int64(0)
				if handle {
					want = 1
				}
				require.Equal(t, want, calls.Load())
				require.Equal(t, want, requester.Stats().Late)
			})
		})
	}
}

// The context of a request ends when nobody waits any more, and its handler's error has it
// handled no further.
func TestHandlersContextEnds(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.Timeout = 5 * time.Second })
		defer closing(t, requester.Close)
		responder := w.responder(t)
		defer closing(t, responder.Close)
		causes := make(chan error, 10)
		defer w.serve(t, topic, responder.Handler(func(request *message.Message) (*message.Message, error) {
			ctx := request.Context()
			what, ok := requestreply.RequestFromContext(ctx)
			require.True(t, ok)
			end, _ := ctx.Deadline()
			require.Equal(t, what.Deadline, end)
			require.Equal(t, 5*time.Second, what.TTL)
			require.Equal(t, "DefaultCluster", what.Cluster)
			require.Equal(t, "broker-a", what.Broker)
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return nil, ctx.Err()
		}))()
		_, err := requester.Request(t.Context(), topic, newRequest("x"))
		require.ErrorIs(t, err, requestreply.ErrTimeout)
		time.Sleep(time.Minute)
		require.ErrorIs(t, <-causes, requestreply.ErrExpired)
		require.Empty(t, causes, "it was handled once")
		require.Zero(t, requester.Stats())
	})
}

// A request that waits for its turn is bounded by its time, and is not sent.
func TestMaxWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.MaxWaiting, cfg.Timeout = 1, 10*time.Second })
		defer closing(t, requester.Close)
		var all sync.WaitGroup
		all.Go(func() {
			_, err := requester.Request(t.Context(), topic, newRequest("first"))
			require.Equal(t, publisher.Stored, requestError(t, err).Outcome)
		})
		synctest.Wait()
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := requester.Request(ctx, topic, newRequest("second"))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NotErrorIs(t, err, requestreply.ErrTimeout, "it was the caller's")
		require.True(t, requestError(t, err).SafeToRetry(), err)
		require.Empty(t, requestError(t, err).CorrelationID)
		require.Equal(t, 1, requester.Stats().Waiting)
		all.Wait()
		stored, err := w.embedded.Stored(topic)
		require.NoError(t, err)
		require.Equal(t, 1, stored)
	})
}

// What keeps a request from being sent is told at once, with what can be done.
func TestRequestIsNotSent(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) {
			cfg.Publisher.CreateTopics.Enabled = false
			cfg.Timeout = time.Minute
		})
		defer closing(t, requester.Close)
		begin := time.Now()
		_, err := requester.Request(t.Context(), "unknown", newRequest("x"))
		require.Equal(t, publisher.NotSent, requestError(t, err).Outcome)
		require.True(t, requestError(t, err).SafeToRetry(), err)

		_, err = requester.Request(t.Context(), topic, nil)
		require.ErrorIs(t, err, publisher.ErrNilMessage)
		require.False(t, requestError(t, err).SafeToRetry())

		bad := newRequest("x")
		bad.Metadata.Set(marshaler.MetadataTag, "a|b")
		_, err = requester.Request(t.Context(), topic, bad)
		require.ErrorIs(t, err, publisher.ErrPermanent)
		require.False(t, requestError(t, err).SafeToRetry())

		_, err = requester.Request(t.Context(), "", newRequest("x"))
		require.ErrorIs(t, err, publisher.ErrPermanent)

		w.embedded.Broker(0).Kill()
		_, err = requester.Request(t.Context(), topic, newRequest("x"))
		require.Equal(t, publisher.NotSent, requestError(t, err).Outcome)
		require.ErrorIs(t, err, publisher.ErrSendTimeout)
		require.Less(t, time.Since(begin), 2*time.Minute)
	}, embedded.WithoutAutoCreateTopic())
}

// A reply that is there before the broker has answered the request's sending is not held
// up, and the message is no failure to hooks.
func TestReplyBeforeTheAnswer(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.on(headers.CodeSendMessageV2, func(int64, embedded.Request) embedded.Fault { return embedded.DelayAnswer(time.Second) })
		results := make(chan publisher.Result, 1)
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) {
			cfg.Publisher.OnResult = func(r publisher.Result) { results <- r }
		})
		defer closing(t, requester.Close)
		responder := w.responder(t)
		defer closing(t, responder.Close)
		defer w.serve(t, topic, responder.Handler(echo))()
		begin := time.Now()
		_, err := requester.Request(t.Context(), topic, newRequest("x"))
		require.NoError(t, err)
		require.Less(t, time.Since(begin), time.Second)
		result := <-results
		require.NoError(t, result.Err)
		require.Equal(t, publisher.Stored, result.Outcome)
	})
}

// A request whose answer is lost is sent again and handled twice; one reply counts. If it
// is not known until the end whether it was stored, its reply tells.
func TestAnswerIsLost(t *testing.T) {
	for name, always := range map[string]bool{"once": false, "always": true} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.on(headers.CodeSendMessageV2, func(n int64, _ embedded.Request) embedded.Fault {
					if always || n == 1 {
						return embedded.StoreThenDrop() // and with the connection the way of the reply
					}
					return embedded.Fault{}
				})
				requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.Timeout = time.Minute })
				defer closing(t, requester.Close)
				responder := w.responder(t)
				defer closing(t, responder.Close)
				wait := make(chan struct{})
				defer w.serve(t, topic, responder.Handler(func(request *message.Message) (*message.Message, error) {
					<-wait
					return echo(request)
				}))()
				if always {
					time.AfterFunc(10*time.Second, func() { close(wait) })
				} else {
					close(wait)
				}
				reply, err := requester.Request(t.Context(), topic, newRequest("x"))
				require.NoError(t, err)
				require.Equal(t, "reply to x", string(reply.Payload))
				time.Sleep(time.Second)
				stored, err := w.embedded.Stored(topic)
				require.NoError(t, err)
				require.Greater(t, stored, 1)
				require.EqualValues(t, stored-1, requester.Stats().Late)
			})
		})
	}
}

// A responder asks again while the broker does not know the requester, or is in trouble.
func TestReplyIsTriedAgain(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"gone": embedded.Answer(headers.SystemError, gone), "busy": embedded.Answer(headers.SystemBusy, "busy"), "lost": embedded.DropConnection(),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.on(headers.CodeSendReplyMessageV2, func(n int64, _ embedded.Request) embedded.Fault {
					if n <= 3 {
						return fault
					}
					return embedded.Fault{}
				})
				requester := w.requester(t)
				defer closing(t, requester.Close)
				responder := w.responder(t)
				defer closing(t, responder.Close)
				var calls atomic.Int64
				defer w.serve(t, topic, responder.Handler(func(request *message.Message) (*message.Message, error) {
					calls.Add(1)
					return echo(request)
				}))()
				_, err := requester.Request(t.Context(), topic, newRequest("x"))
				require.NoError(t, err)
				require.EqualValues(t, 1, calls.Load())
			})
		})
	}
}

// A reply that fails for another reason than a requester that is gone has the request
// handled again, for as long as it is waited for.
func TestReplyFails(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.on(headers.CodeSendReplyMessageV2, func(int64, embedded.Request) embedded.Fault { return embedded.Answer(headers.SystemBusy, "busy") })
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.Timeout = 20 * time.Second })
		defer closing(t, requester.Close)
		responder := w.responder(t)
		defer closing(t, responder.Close)
		var calls atomic.Int64
		failures := make(chan error, 100)
		handler := responder.Handler(func(request *message.Message) (*message.Message, error) {
			calls.Add(1)
			return echo(request)
		})
		defer w.serve(t, topic, func(msg *message.Message) error {
			err := handler(msg)
			if err != nil {
				failures <- err
			}
			return err
		})()
		_, err := requester.Request(t.Context(), topic, newRequest("x"))
		require.ErrorIs(t, err, requestreply.ErrTimeout)
		time.Sleep(time.Minute)
		require.Greater(t, calls.Load(), int64(2))
		var failed *requestreply.ReplyError
		require.ErrorAs(t, <-failures, &failed)
		require.False(t, failed.Gone)
		require.Greater(t, failed.Attempts, 3)
		var status *headers.StatusError
		require.ErrorAs(t, failed, &status)
		require.Equal(t, headers.SystemBusy, status.Code)
		require.NotErrorIs(t, failed, publisher.ErrPermanent)
		n := calls.Load()
		time.Sleep(10 * time.Minute)
		require.Equal(t, n, calls.Load(), "it was acked when nobody waited any more")
	})
}

// A message that is no request is handled, and its reply goes nowhere.
func TestNoRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		pub, err := publisher.New(publisher.Config{Cluster: w.cluster}, nil)
		require.NoError(t, err)
		defer closing(t, pub.Close)
		responder := w.responder(t)
		defer closing(t, responder.Close)
		handled := make(chan error, 10)
		handler := responder.Handler(func(msg *message.Message) (*message.Message, error) {
			_, is := requestreply.RequestFromContext(msg.Context())
			require.False(t, is)
			reply, err := echo(msg)
			handled <- responder.Reply(msg.Context(), msg, reply)
			return reply, err
		})
		defer w.serve(t, topic, handler)()
		require.NoError(t, pub.Publish(topic, newRequest("x")))
		time.Sleep(time.Minute)
		err = <-handled
		require.ErrorIs(t, err, requestreply.ErrNotRequest)
		require.ErrorIs(t, err, publisher.ErrPermanent)
		require.Empty(t, handled, "it was acked")
		require.NoError(t, handler(message.NewMessage("", nil)), "one that no subscriber has received")
	})
}

// Replies that can never be sent are not tried.
func TestPermanentReplies(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.Timeout = 5 * time.Second })
		defer closing(t, requester.Close)
		responder := w.responder(t, func(cfg *requestreply.ResponderConfig) {
			cfg.MaxReplySize, cfg.Compression.Codec = 100, publisher.NoCompression
		})
		defer closing(t, responder.Close)
		failures := make(chan error, 100)
		defer w.serve(t, topic, func(msg *message.Message) error {
			illegal := newRequest("x")
			illegal.Metadata.Set(marshaler.MetadataTag, "a|b")
			tooMuch := newRequest("x")
			tooMuch.Metadata.Set("k", strings.Repeat("x", headers.MaxPropertiesSize))
			for _, reply := range []*message.Message{nil, newRequest(strings.Repeat("x", 101)), illegal, tooMuch} {
				failures <- responder.Reply(msg.Context(), msg, reply)
			}
			return nil
		})()
		_, err := requester.Request(t.Context(), topic, newRequest("x"))
		require.ErrorIs(t, err, requestreply.ErrTimeout)
		require.Len(t, failures, 4)
		for range 4 {
			var failed *requestreply.ReplyError
			require.ErrorAs(t, <-failures, &failed)
			require.ErrorIs(t, failed, publisher.ErrPermanent)
			require.Zero(t, failed.Attempts)
		}
		require.Zero(t, w.embedded.Stats().Requests(headers.CodeSendReplyMessageV2))
	})
}

type unreadable struct{ marshaler.Default }

var errUnreadable = errors.New("unreadable")

func (unreadable) Unmarshal(string, marshaler.Message) (*message.Message, error) {
	return nil, errUnreadable
}

// A reply that cannot be read is an error that says that the request was handled.
func TestUnreadableReply(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.Unmarshaler = unreadable{} })
		defer closing(t, requester.Close)
		small := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.MaxReplySize = 1000 })
		defer closing(t, small.Close)
		responder := w.responder(t)
		defer closing(t, responder.Close)
		defer w.serve(t, topic, responder.Handler(echo))()
		_, err := requester.Request(t.Context(), topic, newRequest("x"))
		var failed *requestreply.UnreadableError
		require.ErrorAs(t, err, &failed)
		require.ErrorIs(t, err, errUnreadable)
		require.Equal(t, publisher.Stored, requestError(t, err).Outcome)

		_, err = small.Request(t.Context(), topic, newRequest(strings.Repeat("x", 10_000)))
		require.ErrorAs(t, err, &failed)
		var body *marshaler.BodyError
		require.ErrorAs(t, err, &body)
	})
}

// The reply goes by the broker that has the request, and by another one if that has died.
func TestReplyGoesByTheRequestsBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		var mu sync.Mutex
		var requests, replies []string
		w.on(headers.CodeSendMessageV2, func(_ int64, r embedded.Request) embedded.Fault {
			mu.Lock()
			defer mu.Unlock()
			requests = append(requests, r.Server)
			return embedded.Fault{}
		})
		w.on(headers.CodeSendReplyMessageV2, func(_ int64, r embedded.Request) embedded.Fault {
			mu.Lock()
			defer mu.Unlock()
			replies = append(replies, r.Server)
			return embedded.Fault{}
		})
		requester := w.requester(t)
		defer closing(t, requester.Close)
		responder := w.responder(t)
		defer closing(t, responder.Close)
		var kill atomic.Bool
		defer w.serve(t, topic, responder.Handler(func(request *message.Message) (*message.Message, error) {
			if what, _ := requestreply.RequestFromContext(request.Context()); kill.CompareAndSwap(true, false) {
				for _, b := range w.embedded.Brokers() {
					if b.Name() == what.Broker {
						b.Kill()
					}
				}
			}
			return echo(request)
		}))()
		for range 10 {
			_, err := requester.Request(t.Context(), topic, newRequest("x"))
			require.NoError(t, err)
		}
		require.Equal(t, requests, replies)
		slices.Sort(replies)
		require.Len(t, slices.Compact(replies), 3, "each broker was asked")
		kill.Store(true)
		_, err := requester.Request(t.Context(), topic, newRequest("x"))
		require.NoError(t, err)
		require.NotEqual(t, requests[len(requests)-1], replies[len(replies)-1])
	}, embedded.WithBrokers(3))
}

// A request that waits while its broker is restarted has its reply afterwards, as soon as
// the broker knows the requester again.
func TestRestart(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.Timeout = time.Minute })
		defer closing(t, requester.Close)
		responder := w.responder(t, func(cfg *requestreply.ResponderConfig) { cfg.ReplyTimeout = 30 * time.Second })
		defer closing(t, responder.Close)
		broker := w.embedded.Broker(0)
		var down atomic.Bool
		down.Store(true)
		defer w.serve(t, topic, responder.Handler(func(request *message.Message) (*message.Message, error) {
			if down.CompareAndSwap(true, false) {
				broker.Kill()
				time.AfterFunc(5*time.Second, func() { require.NoError(t, broker.Start()) })
			}
			return echo(request)
		}))()
		_, err := requester.Request(t.Context(), topic, newRequest("x"))
		require.NoError(t, err)
		_, err = requester.Request(t.Context(), topic, newRequest("y"))
		require.NoError(t, err)
	})
}

// A broker that hangs costs a request some time, and not each.
func TestHangingBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		requester := w.requester(t)
		defer closing(t, requester.Close)
		responder := w.responder(t)
		defer closing(t, responder.Close)
		defer w.serve(t, topic, responder.Handler(echo))()
		ask := func() time.Duration {
			begin := time.Now()
			_, err := requester.Request(t.Context(), topic, newRequest("x"))
			require.NoError(t, err)
			return time.Since(begin)
		}
		ask()
		w.embedded.Broker(1).SetCondition(embedded.Hanging)
		slow := 0
		begin := time.Now()
		for time.Since(begin) < 5*time.Minute {
			if ask() >= introductionTime {
				slow++
			}
			time.Sleep(time.Second)
		}
		require.Less(t, slow, 40)
		w.embedded.Broker(1).SetCondition(embedded.Well)
		ask()
	}, embedded.WithBrokers(2))
}

// A publisher that shares a Client with the requester's configuration and is closed does
// not make the requester deaf.
func TestLentClient(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		client, err := rocketmq.Connect(w.cluster, nil)
		require.NoError(t, err)
		defer closing(t, client.Close)
		requester := w.requester(t, func(cfg *requestreply.RequesterConfig) {
			cfg.Publisher.Cluster, cfg.Publisher.Client = rocketmq.Cluster{}, client
		})
		defer closing(t, requester.Close)
		responder := w.responder(t, func(cfg *requestreply.ResponderConfig) { cfg.Cluster, cfg.Client = rocketmq.Cluster{}, client })
		defer closing(t, responder.Close)
		defer w.serve(t, topic, responder.Handler(echo))()
		pub, err := publisher.New(publisher.Config{Client: client, ProducerGroup: "another"}, nil)
		require.NoError(t, err)
		require.NoError(t, pub.Publish(topic, newRequest("plain")))
		_, err = requester.Request(t.Context(), topic, newRequest("x"))
		require.NoError(t, err)
		require.NoError(t, pub.Close())
		_, err = requester.Request(t.Context(), topic, newRequest("y"))
		require.NoError(t, err)
	})
}

// 4.9 writes other properties strings, and RocketMQ's clients may be named by a namespace.
func TestOtherClusters(t *testing.T) {
	for name, opts := range map[string][]embedded.Option{
		"4.9.7": {embedded.WithVersion(headers.Version4_9_7)}, "replies are not stored": {embedded.WithoutStoredReplies()}, "binary": {embedded.WithBinaryAnswers()},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				if name == "4.9.7" {
					w.pull()
				}
				w.cluster.Namespace = "ns"
				requester := w.requester(t)
				defer closing(t, requester.Close)
				responder := w.responder(t)
				defer closing(t, responder.Close)
				defer w.serve(t, topic, responder.Handler(echo))()
				reply, err := requester.Request(t.Context(), topic, newRequest("x"))
				require.NoError(t, err)
				require.Equal(t, "reply to x", string(reply.Payload))
				synctest.Wait() // the broker stores the reply when the requester has it
				stored, err := w.embedded.Stored(headers.ReplyTopic("DefaultCluster"))
				require.NoError(t, err)
				want := 1
				if name == "replies are not stored" {
					want = 0
				}
				require.Equal(t, want, stored)
			}, opts...)
		})
	}
}
