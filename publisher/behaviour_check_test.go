package publisher_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// item returns the one item of an aspect.
func item(t testing.TB, report check.Report, aspect check.Aspect) check.Item {
	t.Helper()
	all := itemsOf(report, aspect)
	require.Len(t, all, 1, "%s in:\n%s", aspect, report)
	return all[0]
}

func itemsOf(report check.Report, aspect check.Aspect) []check.Item {
	var all []check.Item
	for _, i := range report.Items {
		if i.Aspect == aspect {
			all = append(all, i)
		}
	}
	return all
}

// checked returns the report of a check, which must be there.
func checked(t testing.TB, p *publisher.Publisher, topics ...string) check.Report {
	t.Helper()
	report, err := p.Check(t.Context(), topics...)
	require.NoError(t, err)
	for _, i := range report.Items {
		require.NotEmpty(t, i.Reason, "%+v", i)
		require.NotEmpty(t, i.Subject, "%+v", i)
		require.Equal(t, i.Status == check.Bad || i.Status == check.Warning, i.Advice != "", "advice for what is bad: %+v", i)
	}
	return report
}

// checkedInTime returns the report of a check whose questions all had an answer in time: a
// question has three seconds, and a busy machine may take longer.
func checkedInTime(t testing.TB, p *publisher.Publisher, topics ...string) check.Report {
	t.Helper()
	late := func(i check.Item) bool {
		return errors.Is(i.Err, context.DeadlineExceeded) || errors.Is(i.Err, routing.ErrNoAnswer) || strings.Contains(i.Reason, "no answer within")
	}
	for began := time.Now(); ; {
		report := checked(t, p, topics...)
		if !slices.ContainsFunc(report.Items, late) {
			return report
		}
		require.Less(t, time.Since(began), patience, "%v", report)
	}
}

// requireStatus shows the report when an item is not as it should be.
func requireStatus(t testing.TB, want check.Status, report check.Report, aspect check.Aspect, reason string) check.Item {
	t.Helper()
	i := item(t, report, aspect)
	require.Equal(t, want, i.Status, "%s in:\n%s", aspect, report)
	require.Contains(t, i.Reason, reason)
	return i
}

// requireWarning is for what is bad and keeps no message from being published.
func requireWarning(t testing.TB, report check.Report, aspect check.Aspect, reason string) check.Item {
	t.Helper()
	return requireStatus(t, check.Warning, report, aspect, reason)
}

// stateOf is all that the brokers keep.
func stateOf(t testing.TB, w *world) any {
	t.Helper()
	if w.real != nil {
		return w.real.State(t)
	}
	var state []any
	for _, b := range w.embedded.Brokers() {
		for _, topic := range b.Topics() {
			state = append(state, topic, storedIn(w.embedded, topic.Name))
		}
	}
	return state
}

// A healthy cluster, on which nothing is stored by the check: topics, groups and
// the end of the log stay what they were.
func TestCheck(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "checked")
		w.createTopic(t, topic, 3)
		p := publisherIn(t, w, func(c *publisher.Config) { c.ProducerGroup = topic })
		_ = stateOf(t, w) // the Java client leaves its own traces when it is first used
		before := stateOf(t, w)
		report := checkedInTime(t, p, topic, topic+"-missing")
		require.Equal(t, before, stateOf(t, w))
		t.Log(report)

		require.Zero(t, report.Count(check.Unknown), report)
		topics := itemsOf(report, check.Topic)
		require.Len(t, topics, 2)
		require.Contains(t, topics[0].Reason, "exists, 3 queues on broker-a")
		require.Equal(t, check.Warning, topics[1].Status)
		require.Contains(t, topics[1].Advice, "mqadmin updateTopic -n "+w.nameServers[0]+" -c DefaultCluster -t "+topic+"-missing")
		require.Contains(t, topics[1].Reason, "would create it by itself")
		requireWarning(t, report, check.AutoCreate, "creates a topic for each unknown name")
		require.Equal(t, 2, report.Count(check.Warning), report)
		require.Zero(t, report.Count(check.Bad), report)

		require.Positive(t, item(t, report, check.NameServer).Took)
		requireStatus(t, check.OK, report, check.MessageSize, "4194304 bytes")
		requireStatus(t, check.OK, report, check.Clock, "this machine's")
		requireStatus(t, check.OK, report, check.Heartbeat, topic)
		requireStatus(t, check.OK, report, check.WritePermission, "granted")
		requireStatus(t, check.OK, report, check.Master, "present")
		broker := requireStatus(t, check.OK, report, check.Broker, "RocketMQ")
		switch {
		case isFive(broker):
			requireStatus(t, check.OK, report, check.Timer, "up to 72h0m0s ahead")
			requireStatus(t, check.OK, report, check.Recall, "recallMessageEnable=false")
		default:
			requireStatus(t, check.OK, report, check.Timer, "4.9.7 knows 18 delay levels only")
			requireStatus(t, check.OK, report, check.Recall, "needs RocketMQ 5.3.3, this is 4.9.7")
		}

		// None of that keeps messages from being published.
		require.NoError(t, report.Err())
		require.Equal(t, []check.Item{topics[1], item(t, report, check.AutoCreate)}, report.Warnings())
		require.Empty(t, report.Without(check.AutoCreate, check.Topic).Warnings())

		// The brokers know the producer, and no name server has a new topic.
		if w.real != nil {
			require.Len(t, w.real.Producers(t, topic), 1)
		}

		// Without topics it is about the cluster.
		cluster := checkedInTime(t, p)
		require.Empty(t, itemsOf(cluster, check.Topic))
		require.NotEmpty(t, itemsOf(cluster, check.Broker))
	})
}

func isFive(broker check.Item) bool {
	return len(broker.Reason) > 0 && broker.Reason[len(broker.Reason)-len("5.5.0")] == '5'
}

// A broker that advertises an address that cannot be dialed from here.
func TestCheckUnreachableBroker(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "checked")
		w.createTopic(t, topic, 1)
		dial := w.dial
		if dial == nil {
			dial = (&net.Dialer{}).DialContext
		}
		refused := errors.New("no route to host")
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.Cluster.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if addr != w.nameServers[0] {
					return nil, refused
				}
				return dial(ctx, network, addr)
			}
		})
		report := checkedInTime(t, p, topic)
		i := requireStatus(t, check.Bad, report, check.Broker, "no route to host")
		require.Contains(t, i.Advice, "brokerIP1")
		require.ErrorIs(t, report.Err(), refused)
		requireStatus(t, check.Unknown, report, check.Heartbeat, "cannot be reached")
		requireStatus(t, check.OK, report, check.Topic, "exists")
	})
}

// Real brokers that create no topics, with limits of their own, and with an
// address that nobody can reach.
func TestCheckSettings(t *testing.T) {
	if testing.Short() {
		t.Skip("needs real brokers")
	}
	for _, version := range []string{"5.1.4", "5.5.0"} {
		t.Run(version, func(t *testing.T) {
			realbroker.RequireVersion(t, version)
			cluster := realbroker.Start(t, realbroker.Config{Version: version, BrokerProps: map[string]string{
				"autoCreateTopicEnable": "false", "maxMessageSize": "65536",
				"timerMaxDelaySec": "7200", "recallMessageEnable": "true",
			}})
			w := realWorld(t, cluster)
			p := publisherIn(t, w, nil)
			report := checkedInTime(t, p, "orders")
			t.Log(report)
			requireStatus(t, check.Bad, report, check.Topic, "brokers do not create it: Publish fails")
			requireStatus(t, check.OK, report, check.AutoCreate, "autoCreateTopicEnable=false")
			requireStatus(t, check.Bad, report, check.MessageSize, "65536 bytes at most")
			requireStatus(t, check.OK, report, check.Timer, "up to 2h0m0s ahead")
			if version == "5.5.0" {
				requireStatus(t, check.OK, report, check.Recall, "takes back timer messages")
			} else {
				requireStatus(t, check.OK, report, check.Recall, "needs RocketMQ 5.3.3, this is 5.1.4")
			}

			// A topic that nobody may write to, by the Java admin's word.
			cluster.CreateTopic(t, "closed", 2)
			cluster.Admin(t, "updateTopicPerm", "-c", "DefaultCluster", "-t", "closed", "-p", "4")
			report = checkedInTime(t, p, "closed")
			requireStatus(t, check.Bad, report, check.WritePermission, "no broker lets producers write")

			creates := publisherIn(t, w, func(c *publisher.Config) { c.CreateTopics.Enabled = true; c.MaxMessageSize = 65536 })
			report = checkedInTime(t, creates, "orders")
			requireStatus(t, check.OK, report, check.Topic, "the first Publish creates it")
			requireStatus(t, check.OK, report, check.CreateTopics, "access control is off")
			require.NoError(t, report.Err())
			require.NotContains(t, cluster.Topics(t), "orders")

			// The classic: brokerIP1 is an address that is not reachable from here. The
			// broker tells the name server when it next registers.
			const elsewhere = "192.0.2.1" // for documentation, RFC 5737
			cluster.Admin(t, "updateBrokerConfig", "-b", cluster.Broker(0).Addr, "-k", "brokerIP1", "-v", elsewhere)
			require.Eventually(t, func() bool {
				report = checked(t, p) // the dial to there may have no answer
				return strings.Contains(item(t, report, check.Broker).Subject, elsewhere)
			}, patience, 100*time.Millisecond)
			i := item(t, report, check.Broker)
			require.Equal(t, check.Bad, i.Status, report)
			require.Contains(t, i.Advice, "brokerIP1")
			t.Log(report)
		})
	}
}
