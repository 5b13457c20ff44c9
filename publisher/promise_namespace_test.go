package publisher_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Results have the topic without the namespace, however the message was sent.
func TestPromiseNamespaceOneway(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("ns%orders", 1))
		var seen []publisher.Result
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.Namespace = "ns"
			cfg.OnResult = func(r publisher.Result) { seen = append(seen, r) }
		})
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.Equal(t, orders, seen[0].MessageQueue.Topic)
		require.NoError(t, p.PublishOneway(orders, newMessage("x")))
		require.Equal(t, orders, seen[1].MessageQueue.Topic)
	})
}

// So have attempts, of callers that leave, and those that hooks are told of.
func TestPromiseNamespaceAttempts(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("ns%orders", 1))
		var attempts []publisher.AttemptEvent
		p := publisherOn(t, c, func(cfg *publisher.Config) {
			cfg.Namespace = "ns"
			cfg.Hooks.AfterAttempt = func(e publisher.AttemptEvent) { attempts = append(attempts, e) }
		})
		require.NoError(t, p.Publish(orders, newMessage("x")))
		firstSend(c, embedded.Ignore())
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		own, cancelOwn := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancelOwn()
		e := failureOf(t, p.Publish(orders, messageIn(ctx), messageIn(own)))
		for _, r := range e.Results {
			for _, a := range r.Failed {
				require.Contains(t, []string{"", orders}, a.MessageQueue.Topic, "of a caller that left")
			}
		}
		synctest.Wait() // the attempt that all callers have left ends by itself
		for _, a := range attempts {
			require.Equal(t, orders, a.Attempt.MessageQueue.Topic)
		}
	})
}

// Any group and namespace that a publisher may have will do for traces too.
func TestTraceInNamespace(t *testing.T) {
	for _, traced := range []bool{false, true} {
		p, err := publisher.New(publisher.Config{
			NameServers: []string{"127.0.0.1:1"}, ProducerGroup: strings.Repeat("g", 80), Namespace: strings.Repeat("n", 20),
			Trace: publisher.TraceConfig{Enabled: traced},
		}, nil)
		require.NoError(t, err)
		require.NoError(t, p.Close())
	}
}
