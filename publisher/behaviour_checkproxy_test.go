package publisher_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// A proxy takes the place of name servers and brokers, and tells little of them.
func TestCheckProxy(t *testing.T) {
	w := ownCluster(t, realbroker.Config{Version: realbroker.Versions()[0], Proxy: true})
	topic := newTopic(t, "checked")
	w.createTopic(t, topic, 2)
	through := func(enabled bool) *publisher.Publisher {
		return publisherIn(t, w, func(c *publisher.Config) {
			c.Cluster.NameServers = []string{w.real.Proxy()}
			c.CreateTopics.Enabled = enabled
		})
	}
	p := through(false)
	_ = stateOf(t, w)
	before := stateOf(t, w)
	report := checkedInTime(t, p, topic)
	t.Log(report)
	require.Equal(t, before, stateOf(t, w))
	requireStatus(t, check.OK, report, check.NameServer, "it is a proxy")
	requireStatus(t, check.Unknown, report, check.Brokers, "no name server has told")
	requireStatus(t, check.OK, report, check.Topic, "exists, 2 queues")
	requireStatus(t, check.OK, report, check.Heartbeat, "taken")
	requireStatus(t, check.Unknown, report, check.MessageSize, "does not tell its configuration")
	require.NoError(t, report.Err())

	err := through(true).CreateTopic(t.Context(), topic+"-new")
	var failed *topics.CreateError
	require.ErrorAs(t, err, &failed)
	require.NotContains(t, w.real.Topics(t), topic+"-new")
	err = through(true).Publish(topic+"-new", newMessage("x"))
	require.ErrorAs(t, err, &failed)
	requireOneAttempt(t, failureOf(t, err).Results[0])
}
