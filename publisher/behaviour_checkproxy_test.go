package publisher_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// A proxy takes the place of name servers and brokers, and tells little of them.
func TestCheckProxy(t *testing.T) {
	w := ownCluster(t, realbroker.Config{Version: realbroker.Versions()[0], Proxy: true})
	topic := newTopic(t, "checked")
	w.createTopic(t, topic, 2)
	through := func(enabled bool) *publisher.Publisher {
		return publisherIn(t, w, func(c *publisher.Config) {
			c.NameServers = []string{w.real.Proxy()}
			c.CreateTopics.Enabled = enabled
		})
	}
	p := through(false)
	_ = stateOf(t, w)
	before := stateOf(t, w)
	report := check(t, p, topic)
	t.Log(report)
	require.Equal(t, before, stateOf(t, w))
	requireVerdict(t, publisher.CheckOK, report, publisher.CheckNameServer, "it is a proxy")
	requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckBrokers, "no name server has told")
	requireVerdict(t, publisher.CheckOK, report, publisher.CheckTopic, "exists, 2 queues")
	requireVerdict(t, publisher.CheckOK, report, publisher.CheckHeartbeat, "taken")
	requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckMessageSize, "does not tell its configuration")
	require.NoError(t, report.Err())

	err := through(true).CreateTopic(t.Context(), topic+"-new")
	var failed *publisher.CreateTopicError
	require.ErrorAs(t, err, &failed)
	require.NotContains(t, w.real.Topics(t), topic+"-new")
	err = through(true).Publish(topic+"-new", newMessage("x"))
	require.ErrorAs(t, err, &failed)
	require.Equal(t, 1, failureOf(t, err).Results[0].Attempts)
}
