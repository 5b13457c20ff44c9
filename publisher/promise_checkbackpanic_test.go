package publisher_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// unreadingMarshaler cannot read what an older version of the program has written.
type unreadingMarshaler struct{ marshaler.Default }

func (unreadingMarshaler) Unmarshal(string, marshaler.Message) (*message.Message, error) {
	panic("unknown version")
}

// panickingTopics cannot map topics back.
type panickingTopics struct{ marshaler.PlainTopics }

func (panickingTopics) UnmapTopic(string, []headers.Property) (string, error) {
	panic("no topic of mine")
}

// What the user has written for messages panics in a check, on a goroutine that is
// not the user's. It is logged, and Check is asked all the same: it can mostly say
// without the message what became of the transaction.
func TestPromiseCheckDespitePanic(t *testing.T) {
	for what, change := range map[string]func(*publisher.Config){
		"Config.Marshaler": func(c *publisher.Config) { c.Marshaler = unreadingMarshaler{} },
		"Config.Topics":    func(c *publisher.Config) { c.Topics = panickingTopics{} },
	} {
		t.Run(what, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				j := judging(publisher.TransactionCommit)
				logs := watermill.NewCaptureLogger()
				cfg := publisher.Config{Cluster: c.Config(), ProducerGroup: shop}
				cfg.Transaction.Check, cfg.Transaction.Concurrency = j.check, 1 // one after the other
				change(&cfg)
				p, err := publisher.New(cfg, logs)
				require.NoError(t, err)
				first, second := begin(t, p, "first"), begin(t, p, "second")
				first.Unknown()
				second.Unknown()
				synctest.Wait()
				require.Equal(t, 2, c.Broker(0).CheckTransactions())
				synctest.Wait()
				require.Equal(t, 2, storedIn(c, orders))
				require.Equal(t, 2, j.count())
				for _, asked := range j.asked { // side by side, so in any order
					require.Equal(t, orders, asked.Topic)
					require.Equal(t, map[string]string{
						first.Info().UUID: "first", second.Info().UUID: "second",
					}[asked.UUID], string(asked.Message.Payload))
					if what == "Config.Marshaler" {
						require.ErrorContains(t, asked.UnmarshalErr, "Config.Marshaler panicked: unknown version")
					}
				}
				require.NoError(t, p.Close())
				logged := logs.Captured()[watermill.ErrorLogLevel]
				require.Len(t, logged, 1, "of the same kind one in 30 s")
				require.Equal(t, what+" panicked", logged[0].Msg)
				require.Contains(t, logged[0].Err.Error(), "promise_checkbackpanic_test.go", "where it was")
			})
		})
	}
}

// The same of the credentials for the answer. The broker asks again, and is answered.
func TestPromiseCheckDespiteCredentials(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionCommit)
		var failing atomic.Bool
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			withCheck(j)(cfg)
			cfg.Cluster.Credentials = rocketmq.CredentialsFunc(func(context.Context) (rocketmq.Credentials, error) {
				if failing.Load() {
					panic("no keys")
				}
				return rocketmq.NewCredentials("shop", "secret"), nil
			})
		})
		begin(t, p, "x").Unknown()
		synctest.Wait()
		failing.Store(true)
		require.Equal(t, 1, c.Broker(0).CheckTransactions())
		synctest.Wait()
		failing.Store(false)
		require.Equal(t, 1, j.count())
		require.Zero(t, endRequests(c))
		require.Equal(t, 1, c.Broker(0).CheckTransactions())
		synctest.Wait()
		require.Equal(t, 1, storedIn(c, orders))
	})
}

// Whatever can be wrong with a check, a flood of them is a line in the log.
func TestPromiseChecksLogLittle(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		logs := watermill.NewCaptureLogger()
		cfg := publisher.Config{Cluster: c.Config(), ProducerGroup: shop}
		cfg.Transaction.Check = func(context.Context, publisher.CheckedMessage) publisher.TransactionState {
			return publisher.TransactionUnknown
		}
		p, err := publisher.New(cfg, logs)
		require.NoError(t, err)
		synctest.Wait()
		flood := func(n int) {
			for range n {
				require.Equal(t, 1, c.Broker(0).SendToClients(headers.CodeCheckTransactionState, nil, nil))
				check, half := forgedCheck(t, "other", watermill.NewUUID(), "")
				require.Equal(t, 1, c.Broker(0).SendToClients(headers.CodeCheckTransactionState, check, half))
			}
			synctest.Wait()
		}
		flood(50)
		time.Sleep(31 * time.Second)
		flood(1)
		logged := logs.Captured()[watermill.ErrorLogLevel]
		require.Equal(t, 4, len(logged), "two kinds, twice: no offsets, and the half message of another group")
		require.Equal(t, 49, logged[2].Fields["unlogged"])
		require.NoError(t, p.Close())
	})
}
