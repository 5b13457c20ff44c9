package embedded_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
)

// Requests that a fault holds for hours are stored by the time Advance returns,
// in the order and at the times that they were held until, without any time
// going by.
func TestAdvanceRunsWhatBecomesDue(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("orders", 1))
		hold := []time.Duration{2 * time.Hour, time.Hour, 3 * time.Hour}
		c.Intercept(func(embedded.Request) embedded.Fault {
			d := hold[0]
			hold = hold[1:]
			return embedded.Delay(d)
		})
		cl := dial(t, c, c.Broker(0).Addr())
		began := time.Now()
		require.Equal(t, began, c.Now())
		for _, text := range []string{"two", "one", "three"} {
			cl.send(message("orders"), []byte(text))
			synctest.Wait()
		}

		c.Advance(150 * time.Minute)
		require.Equal(t, began.Add(150*time.Minute), c.Now())
		stored := messagesIn(c, "orders")
		require.Len(t, stored, 2)
		require.Equal(t, "one", string(stored[0].Body))
		require.True(t, began.Add(time.Hour).Equal(stored[0].StoreTimestamp))
		require.Equal(t, "two", string(stored[1].Body))
		require.True(t, began.Add(2*time.Hour).Equal(stored[1].StoreTimestamp))

		c.Advance(-time.Hour)
		require.Equal(t, began.Add(150*time.Minute), c.Now())
		require.Equal(t, began, time.Now())

		// What still waits waits for the rest of its time.
		_, err := c.AwaitMessages(context.Background(), "orders", 3)
		require.NoError(t, err)
		require.Equal(t, 30*time.Minute, time.Since(began))
	}, embedded.WithIdleTimeout(24*time.Hour))
}

// Waits that end on the way may begin others that do so as well: here a pull, that
// is held once more by the broker.
func TestAdvanceGoesOnWithWhatItBegan(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("orders", 1))
		c.Intercept(func(embedded.Request) embedded.Fault { return embedded.Delay(time.Hour) })
		cl := dial(t, c, c.Broker(0).Addr())
		cl.send(pull("orders", 0, suspended(time.Minute)), nil)
		synctest.Wait()
		began := time.Now()
		c.Advance(time.Hour + time.Minute)
		cl.receive()
		require.Equal(t, began, time.Now())
	})
}
