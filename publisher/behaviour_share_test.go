package publisher_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Twenty publishers that are lent one Client have one connection to each server between
// them, and every broker takes the one heartbeat that names them all. A busy machine may lose
// one, as that heartbeat has three seconds, and not time after time.
func TestShare(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		for try := 1; !shareConnections(t, w); try++ {
			require.Less(t, try, 3, "a connection was made anew")
		}
	})
}

// shareConnections reports whether each server had one connection.
func shareConnections(t *testing.T, w *world) bool {
	topic := newTopic(t, "shared")
	w.createTopic(t, topic, 4)
	var mu sync.Mutex
	dialed := make(map[string]int)
	dial := w.dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	client, err := rocketmq.Connect(rocketmq.Cluster{
		NameServers: w.nameServers[:1], DialTimeout: time.Minute,
		Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
			mu.Lock()
			dialed[addr]++
			mu.Unlock()
			return dial(ctx, network, addr)
		},
	}, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })

	const members, messages = 20, 10
	all := make([]*publisher.Publisher, members)
	for i := range all {
		all[i] = publisherIn(t, w, func(c *publisher.Config) {
			c.Cluster, c.Client, c.ProducerGroup = rocketmq.Cluster{}, client, fmt.Sprint("sharing-", i)
		})
	}
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() {
			for _, msg := range newMessages(messages) {
				if err := p.Publish(topic, msg); err != nil {
					t.Error(err)
				}
			}
			if i%2 == 0 { // the others go on
				if err := p.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	again := func() bool {
		mu.Lock()
		defer mu.Unlock()
		require.Len(t, dialed, 2, "a name server and a broker")
		for _, count := range dialed {
			if count > 1 {
				return true
			}
		}
		return false
	}
	if again() {
		return false // and a message may be there twice
	}
	require.Len(t, w.read(t, topic, members*messages), members*messages)
	require.Error(t, all[0].Publish(topic, newMessage("x")))
	require.NoError(t, all[1].Publish(topic, newMessage("x")))
	report := checkedInTime(t, all[1], topic)
	require.NoError(t, report.Err())
	require.Less(t, report.Took, time.Minute)
	return !again()
}
