package publisher_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/components/delay"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// recallable publishes a message with a delay of an hour and returns its handle.
func recallable(t testing.TB, p *publisher.Publisher, seen *results) string {
	t.Helper()
	require.NoError(t, p.Publish(orders, delayed(delay.For(time.Hour))))
	handle := seen.next(t).RecallHandle
	require.NotEmpty(t, handle)
	return handle
}

func recallRequests(c *embedded.Cluster) int {
	synctest.Wait()
	return c.Stats().Requests(headers.CodeRecallMessage)
}

// recallErrorOf returns the *RecallError that Recall promises to return.
func recallErrorOf(t testing.TB, err error) *publisher.RecallError {
	t.Helper()
	require.IsType(t, (*publisher.RecallError)(nil), err)
	return err.(*publisher.RecallError)
}

// A recalled message does not come, its neighbour does. Any publisher can recall.
func TestPromiseRecall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
		gone := recallable(t, p, seen)
		stays := delayed(delay.For(time.Hour))
		require.NoError(t, p.Publish(orders, stays))
		other := publisherOn(t, c, nil)
		require.NoError(t, other.Recall(t.Context(), gone))
		require.NoError(t, p.Recall(t.Context(), gone), "and again")
		time.Sleep(2 * time.Hour)
		all := messagesIn(c, orders)
		require.Len(t, all, 1)
		require.Equal(t, stays.UUID, all[0].Keys)
	}, embedded.WithRecall(), embedded.WithBrokers(2))
}

// Only timer messages have a handle, from brokers since 5.3.3.
func TestPromiseRecallHandle(t *testing.T) {
	for version, has := range map[headers.Version]bool{
		headers.Version5_5_0: true, headers.Version5_3_3: true, headers.Version5_3_3 - 1: false, headers.Version4_9_7: false,
	} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			seen := newResults()
			p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
			require.NoError(t, p.Publish(orders, delayed(delay.For(time.Minute))))
			require.Equal(t, has, seen.next(t).RecallHandle != "", "%d", version)
			require.NoError(t, p.Publish(orders, newMessage("x")))
			require.Zero(t, len(seen.next(t).RecallHandle))
		}, embedded.WithVersion(version))
	}
}

// What keeps a message from being recalled has a type of its own, and is not
// tried again.
func TestPromiseRecallIsRefused(t *testing.T) {
	ahead := headers.RecallHandle{Topic: orders, BrokerName: "broker-a", Timestamp: time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC).UnixMilli(), UniqueKey: "ID"}
	past, far, other := ahead, ahead, ahead
	past.Timestamp, far.Timestamp = 1, ahead.Timestamp+7*24*time.Hour.Milliseconds()
	other.Topic = "unknown"
	on := embedded.WithRecall()
	for _, test := range []struct {
		name   string
		handle string
		opts   []embedded.Option
		want   error
		asked  int
	}{
		{"not enabled", ahead.String(), nil, publisher.ErrRecallDisabled, 1},
		{"no handle", "?", []embedded.Option{on}, publisher.ErrRecallHandle, 0},
		{"empty", "", []embedded.Option{on}, publisher.ErrRecallHandle, 0},
		{"another form", strings.TrimRight(ahead.String(), "=")[:8], []embedded.Option{on}, publisher.ErrRecallHandle, 0},
		{"past", past.String(), []embedded.Option{on}, publisher.ErrRecallTooLate, 1},
		{"too far ahead", far.String(), []embedded.Option{on}, publisher.ErrRecallTooLate, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				err := publisherOn(t, c, nil).Recall(t.Context(), test.handle)
				require.ErrorIs(t, err, test.want)
				require.Equal(t, publisher.NotSent, recallErrorOf(t, err).Outcome)
				require.Equal(t, test.asked, recallRequests(c))
			}, test.opts...)
		})
	}
	t.Run("unknown topic", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			err := publisherOn(t, c, nil).Recall(t.Context(), other.String())
			require.Equal(t, "unknown", recallErrorOf(t, err).Topic)
			require.Equal(t, "ID", recallErrorOf(t, err).MessageID)
			require.ErrorContains(t, err, "unknown")
		}, on, embedded.WithoutAutoCreateTopic())
	})
	for _, version := range []headers.Version{headers.Version4_9_7, headers.Version5_3_3 - 1} {
		t.Run("too old", func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				requireRecallUnsupported(t, publisherOn(t, c, nil).Recall(t.Context(), ahead.String()))
				require.Zero(t, recallRequests(c))
			}, on, embedded.WithVersion(version))
		})
	}
	t.Run("unknown code", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			onRecall(c, embedded.Answer(headers.RequestNotSupported, " request type 370 not supported"))
			requireRecallUnsupported(t, publisherOn(t, c, nil).Recall(t.Context(), ahead.String()))
			require.Equal(t, 1, recallRequests(c))
		}, on)
	})
	t.Run("not allowed", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			onRecall(c, embedded.Answer(headers.NoPermission, "User:x has no permission to access Topic:y"))
			err := publisherOn(t, c, nil).Recall(t.Context(), ahead.String())
			require.NotErrorIs(t, err, publisher.ErrRecallDisabled)
			require.ErrorIs(t, err, &headers.StatusError{Code: headers.NoPermission})
			require.Equal(t, 1, recallRequests(c))
		}, on)
	})
}

func requireRecallUnsupported(t testing.TB, err error) {
	t.Helper()
	var unsupported *rocketmq.UnsupportedError
	require.ErrorAs(t, err, &unsupported)
	require.Equal(t, rocketmq.FeatureRecall, unsupported.Feature)
	require.Equal(t, "5.3.3", unsupported.Since)
	require.NotZero(t, unsupported.Version)
	require.Equal(t, publisher.NotSent, recallErrorOf(t, err).Outcome)
}

// onRecall makes things happen to recalls, one to each, and nothing to those that
// follow.
func onRecall(c *embedded.Cluster, faults ...embedded.Fault) {
	c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Code != headers.CodeRecallMessage || len(faults) == 0 {
			return embedded.Fault{}
		}
		fault := faults[0]
		faults = faults[1:]
		return fault
	})
}

// A recall is tried again, as it does no harm: after a lost answer, a broker that
// is busy or restarts, and one that cannot store the mark.
func TestPromiseRecallTriesAgain(t *testing.T) {
	for name, fault := range map[string]embedded.Fault{
		"lost answer": embedded.StoreThenDrop(),
		"cut":         embedded.DropConnection(),
		"busy":        embedded.Answer(headers.SystemBusy, ""),
		"starting":    embedded.Answer(headers.ServiceNotAvailable, "recall failed, broker service not available"),
		"store":       embedded.Answer(headers.SystemError, "recall failed, execute error"),
		"slave":       embedded.Answer(headers.SlaveNotAvailable, "recall failed, broker service not available"),
		"go away":     embedded.Answer(headers.GoAway, ""),
		"hangs":       embedded.Ignore(),
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				seen := newResults()
				p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
				handle := recallable(t, p, seen)
				onRecall(c, fault)
				require.NoError(t, p.Recall(t.Context(), handle))
				require.Equal(t, 2, recallRequests(c))
				time.Sleep(2 * time.Hour)
				require.Zero(t, storedIn(c, orders))
			}, embedded.WithRecall())
		})
	}
}

// A recall ends with SendTimeout, with its context and with the publisher.
func TestPromiseRecallEnds(t *testing.T) {
	hanging := func(t *testing.T, test func(t *testing.T, c *embedded.Cluster, p *publisher.Publisher, handle string)) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			seen := newResults()
			p := unclosedPublisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
			defer p.Close()
			handle := recallable(t, p, seen)
			c.Intercept(func(r embedded.Request) embedded.Fault {
				if r.Code == headers.CodeRecallMessage {
					return embedded.Ignore()
				}
				return embedded.Fault{}
			})
			test(t, c, p, handle)
		}, embedded.WithRecall())
	}
	t.Run("timeout", func(t *testing.T) {
		hanging(t, func(t *testing.T, c *embedded.Cluster, p *publisher.Publisher, handle string) {
			since := stopwatch()
			err := p.Recall(t.Context(), handle)
			require.ErrorIs(t, err, publisher.ErrSendTimeout)
			require.Equal(t, 3*time.Second, since())
			require.Equal(t, publisher.MayBeStored, recallErrorOf(t, err).Outcome)
			require.ErrorContains(t, err, "may have the recall")
		})
	})
	t.Run("context", func(t *testing.T) {
		hanging(t, func(t *testing.T, c *embedded.Cluster, p *publisher.Publisher, handle string) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			since := stopwatch()
			err := p.Recall(ctx, handle)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, publisher.ErrSendTimeout)
			require.Equal(t, time.Second, since())
		})
	})
	t.Run("context that has ended", func(t *testing.T) {
		hanging(t, func(t *testing.T, c *embedded.Cluster, p *publisher.Publisher, handle string) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			err := p.Recall(ctx, handle)
			require.ErrorIs(t, err, context.Canceled)
			require.Equal(t, publisher.NotSent, recallErrorOf(t, err).Outcome)
			require.Zero(t, recallRequests(c))
		})
	})
	t.Run("closed before", func(t *testing.T) {
		hanging(t, func(t *testing.T, c *embedded.Cluster, p *publisher.Publisher, handle string) {
			require.NoError(t, p.Close())
			require.ErrorIs(t, p.Recall(context.Background(), handle), publisher.ErrClosed)
		})
	})
	t.Run("closed meanwhile", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			seen := newResults()
			p := unclosedPublisherOn(t, c, func(c *publisher.Config) {
				c.OnResult = seen.add
				c.SendTimeout, c.AttemptTimeout, c.CloseTimeout = time.Hour, time.Hour, time.Second
			})
			handle := recallable(t, p, seen)
			onRecall(c, embedded.Ignore())
			ended := make(chan error, 1)
			go func() { ended <- p.Recall(context.Background(), handle) }()
			synctest.Wait()
			require.ErrorIs(t, p.Close(), publisher.ErrCloseTimeout)
			err := <-ended
			require.ErrorIs(t, err, publisher.ErrClosed)
			require.Equal(t, publisher.MayBeStored, recallErrorOf(t, err).Outcome)
		}, embedded.WithRecall())
	})
}

// Only a message that goes alone can have a handle. One that came with the answer to a
// batch, or a handle of absurd length, would be kept once for each message.
func TestPromiseRecallHandleOfNoTimer(t *testing.T) {
	for name, test := range map[string]struct{ messages, handle int }{
		"batch": {16, 64}, "long": {1, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				onSend(c, func(_ int, r embedded.Request) embedded.Fault {
					frame, err := headers.AppendAnswer(nil, headers.JSON, headers.Version5_5_0, r.Command.Opaque, headers.Success, "",
						&headers.SendResult{OffsetMessageID: "7F00000100002A9F0000000000000000", RecallHandle: strings.Repeat("x", test.handle)}, nil)
					if err != nil {
						t.Error(err)
					}
					return embedded.AnswerBytes(frame)
				})
				seen := newResults()
				p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = seen.add })
				require.NoError(t, p.Publish(orders, newMessages(test.messages)...))
				for range test.messages {
					require.Zero(t, len(seen.next(t).RecallHandle))
				}
			})
		})
	}
}
