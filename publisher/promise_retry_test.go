package publisher_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Retries go on until the time is over, not to a count, with pauses that double
// from 10 ms to 1 s and are drawn from the upper half of their length.
func TestPromiseBackoff(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Broker(0).Kill() // being refused takes no time, so all that is left is the pauses
		p := publisherOn(t, c, func(c *publisher.Config) { c.SendTimeout = time.Minute })
		began := time.Now()
		err := p.Publish(orders, newMessage("x"))
		require.Equal(t, time.Minute, time.Since(began))
		result := failureOf(t, err).Results[0]
		require.Greater(t, result.Attempts, 60, "no pause is longer than a second")
		require.Less(t, result.Attempts, 130, "nor shorter than half of it, once grown")

		require.Len(t, result.Failed, 16, "the first and the latest eight")
		first, latest := result.Failed[:8], result.Failed[8:]
		require.True(t, began.Equal(first[0].Began))
		length := 10 * time.Millisecond
		for i := range first[1:] {
			requirePause(t, first[i], first[i+1], length)
			length *= 2
		}
		uneven := false
		for i := range latest[1:] {
			requirePause(t, latest[i], latest[i+1], time.Second)
			uneven = uneven || latest[i+1].Began.Sub(latest[i].Began) != latest[1].Began.Sub(latest[0].Began)
		}
		require.True(t, uneven, "many publishers must not come back at one moment")
		require.LessOrEqual(t, time.Since(latest[7].Began), time.Second)
		require.Greater(t, latest[0].Began.Sub(first[7].Began), 30*time.Second, "those between are dropped")
	})
}

func requirePause(t *testing.T, before, after publisher.Attempt, length time.Duration) {
	t.Helper()
	pause := after.Began.Sub(before.Began.Add(before.Took))
	require.GreaterOrEqual(t, pause, length/2)
	require.LessOrEqual(t, pause, length)
}

// With time enough the restart of a broker goes by without an error.
func TestPromiseBridgesARestart(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.SendTimeout = time.Minute; c.OnResult = seen.add })
		publishOne(t, p, seen)
		c.Broker(0).Stop()
		time.AfterFunc(45*time.Second, func() { _ = c.Broker(0).Start() })
		elapsed := stopwatch()
		result := publishOne(t, p, seen)
		require.Greater(t, result.Attempts, 45)
		require.LessOrEqual(t, elapsed(), 46*time.Second, "at most one pause late")
		require.Len(t, messagesIn(c, orders), 2)
	})
}

// A retry goes to the broker that has not failed, if there is one. Without
// Avoidance this is all that is learnt from a failure.
func TestPromiseAvoidsTheFailedBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Send != nil && r.Server == "broker-a" {
				return embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]")
			}
			return embedded.Fault{}
		})
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult, c.Avoidance.Disabled = seen.add, true })
		failed := 0
		for range 24 {
			result := publishOne(t, p, seen)
			require.Equal(t, "broker-b", result.MessageQueue.BrokerName)
			require.LessOrEqual(t, len(result.Failed), 1)
			failed += len(result.Failed)
		}
		require.Equal(t, 12, failed, "first attempts stay even: half of them go to broker-a")
	}, embedded.WithBrokers(2), embedded.WithTopic(orders, 4))
}

func TestPromiseAlternatesBetweenFailingBrokers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.Answer(headers.SystemBusy, "[REJECTREQUEST]"))
		p := publisherOn(t, c, func(c *publisher.Config) { c.SendTimeout = 20 * time.Second })
		row := failureOf(t, p.Publish(orders, newMessage("x"))).Results[0].Failed
		require.Len(t, row, 16)
		for i := 1; i < len(row); i++ {
			if i != 8 { // where the row is cut
				require.NotEqual(t, row[i-1].MessageQueue.BrokerName, row[i].MessageQueue.BrokerName)
			}
		}
	}, embedded.WithBrokers(3), embedded.WithTopic(orders, 4))
}

// The broker that hangs costs one AttemptTimeout, then another one has the
// message.
func TestPromiseHangingBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Send != nil && r.Server == "broker-a" {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
		p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout = time.Second })
		for range 4 {
			elapsed := stopwatch()
			require.NoError(t, p.Publish(orders, newMessage("x")))
			require.LessOrEqual(t, elapsed(), 1010*time.Millisecond)
		}
	}, embedded.WithBrokers(2))
}

// A broker that is alive but too slow for AttemptTimeout stores every attempt,
// all under one message id.
func TestPromiseSlowBroker(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		everySend(c, embedded.DelayAnswer(1500*time.Millisecond))
		p := publisherOn(t, c, func(c *publisher.Config) { c.AttemptTimeout = time.Second })
		failed := failureOf(t, p.Publish(orders, newMessage("x")))
		require.Equal(t, publisher.MayBeStored, failed.Outcome())
		stored := messagesIn(c, orders)
		require.Len(t, stored, failed.Results[0].Attempts)
		for _, m := range stored {
			require.Equal(t, failed.Results[0].MessageID, m.UniqueKey)
		}
	})
}
