package publisher_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// item returns the one item of an aspect.
func item(t testing.TB, report publisher.CheckReport, aspect publisher.CheckAspect) publisher.CheckItem {
	t.Helper()
	all := itemsOf(report, aspect)
	require.Len(t, all, 1, "%s in:\n%s", aspect, report)
	return all[0]
}

func itemsOf(report publisher.CheckReport, aspect publisher.CheckAspect) []publisher.CheckItem {
	var all []publisher.CheckItem
	for _, i := range report.Items {
		if i.Aspect == aspect {
			all = append(all, i)
		}
	}
	return all
}

// check returns the report, which must be there.
func check(t testing.TB, p *publisher.Publisher, topics ...string) publisher.CheckReport {
	t.Helper()
	report, err := p.Check(t.Context(), topics...)
	require.NoError(t, err)
	for _, i := range report.Items {
		require.NotEmpty(t, i.Reason, "%+v", i)
		require.NotEmpty(t, i.Subject, "%+v", i)
		require.Equal(t, i.Verdict == publisher.CheckBad, i.Advice != "", "advice for what is bad: %+v", i)
		require.False(t, i.Warning && i.Verdict != publisher.CheckBad, "%+v", i)
	}
	return report
}

// requireVerdict shows the report when an item is not as it should be. What is bad
// is no warning.
func requireVerdict(t testing.TB, want publisher.CheckVerdict, report publisher.CheckReport, aspect publisher.CheckAspect, reason string) publisher.CheckItem {
	t.Helper()
	i := item(t, report, aspect)
	require.Equal(t, want, i.Verdict, "%s in:\n%s", aspect, report)
	require.False(t, i.Warning, "%s in:\n%s", aspect, report)
	require.Contains(t, i.Reason, reason)
	return i
}

// requireWarning is for what is bad and keeps no message from being published.
func requireWarning(t testing.TB, report publisher.CheckReport, aspect publisher.CheckAspect, reason string) publisher.CheckItem {
	t.Helper()
	i := item(t, report, aspect)
	require.Equal(t, publisher.CheckBad, i.Verdict, "%s in:\n%s", aspect, report)
	require.True(t, i.Warning, "%s in:\n%s", aspect, report)
	require.Contains(t, i.Reason, reason)
	return i
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
			state = append(state, topic, w.embedded.Stored(topic.Name))
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
		report := check(t, p, topic, topic+"-missing")
		require.Equal(t, before, stateOf(t, w))
		t.Log(report)

		require.Zero(t, report.Count(publisher.CheckNotKnown), report)
		topics := itemsOf(report, publisher.CheckTopic)
		require.Len(t, topics, 2)
		require.Contains(t, topics[0].Reason, "exists, 3 queues on broker-a")
		require.True(t, topics[1].Warning)
		require.Contains(t, topics[1].Advice, "mqadmin updateTopic -n "+w.nameServers[0]+" -c DefaultCluster -t "+topic+"-missing")
		require.Contains(t, topics[1].Reason, "would create it by itself")
		requireWarning(t, report, publisher.CheckAutoCreate, "creates a topic for each unknown name")
		require.Equal(t, 2, report.Count(publisher.CheckBad), report)

		require.Positive(t, item(t, report, publisher.CheckNameServer).Took)
		requireVerdict(t, publisher.CheckOK, report, publisher.CheckMessageSize, "4194304 bytes")
		requireVerdict(t, publisher.CheckOK, report, publisher.CheckClock, "this machine's")
		requireVerdict(t, publisher.CheckOK, report, publisher.CheckHeartbeat, topic)
		requireVerdict(t, publisher.CheckOK, report, publisher.CheckWritePermission, "granted")
		requireVerdict(t, publisher.CheckOK, report, publisher.CheckMaster, "present")
		broker := requireVerdict(t, publisher.CheckOK, report, publisher.CheckBroker, "RocketMQ")
		switch {
		case isFive(broker):
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckTimer, "up to 72h0m0s ahead")
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckRecall, "recallMessageEnable=false")
		default:
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckTimer, "4.9.7 knows 18 delay levels only")
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckRecall, "needs RocketMQ 5.3.3, this is 4.9.7")
		}

		// None of that keeps messages from being published.
		require.NoError(t, report.Err())
		require.Equal(t, []publisher.CheckItem{topics[1], item(t, report, publisher.CheckAutoCreate)}, report.Warnings())
		require.Empty(t, report.Without(publisher.CheckAutoCreate, publisher.CheckTopic).Warnings())

		// The brokers know the producer, and no name server has a new topic.
		if w.real != nil {
			require.Len(t, w.real.Producers(t, topic), 1)
		}

		// Without topics it is about the cluster.
		cluster := check(t, p)
		require.Empty(t, itemsOf(cluster, publisher.CheckTopic))
		require.NotEmpty(t, itemsOf(cluster, publisher.CheckBroker))
	})
}

func isFive(broker publisher.CheckItem) bool {
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
			c.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if addr != w.nameServers[0] {
					return nil, refused
				}
				return dial(ctx, network, addr)
			}
		})
		report := check(t, p, topic)
		i := requireVerdict(t, publisher.CheckBad, report, publisher.CheckBroker, "no route to host")
		require.Contains(t, i.Advice, "brokerIP1")
		require.ErrorIs(t, report.Err(), refused)
		requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckHeartbeat, "cannot be reached")
		requireVerdict(t, publisher.CheckOK, report, publisher.CheckTopic, "exists")
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
			cluster := realbroker.Start(t, realbroker.Config{Version: version, BrokerProps: map[string]string{
				"autoCreateTopicEnable": "false", "maxMessageSize": "65536",
				"timerMaxDelaySec": "7200", "recallMessageEnable": "true",
			}})
			w := realWorld(t, cluster)
			p := publisherIn(t, w, nil)
			report := check(t, p, "orders")
			t.Log(report)
			requireVerdict(t, publisher.CheckBad, report, publisher.CheckTopic, "brokers do not create it: Publish fails")
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckAutoCreate, "autoCreateTopicEnable=false")
			requireVerdict(t, publisher.CheckBad, report, publisher.CheckMessageSize, "65536 bytes at most")
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckTimer, "up to 2h0m0s ahead")
			if version == "5.5.0" {
				requireVerdict(t, publisher.CheckOK, report, publisher.CheckRecall, "takes back timer messages")
			} else {
				requireVerdict(t, publisher.CheckOK, report, publisher.CheckRecall, "needs RocketMQ 5.3.3, this is 5.1.4")
			}

			// A topic that nobody may write to, by the Java admin's word.
			cluster.CreateTopic(t, "closed", 2)
			cluster.Admin(t, "updateTopicPerm", "-c", "DefaultCluster", "-t", "closed", "-p", "4")
			report = check(t, p, "closed")
			requireVerdict(t, publisher.CheckBad, report, publisher.CheckWritePermission, "no broker lets producers write")

			creates := publisherIn(t, w, func(c *publisher.Config) { c.CreateTopics.Enabled = true; c.MaxMessageSize = 65536 })
			report = check(t, creates, "orders")
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckTopic, "the first Publish creates it")
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckCreateTopics, "access control is off")
			require.NoError(t, report.Err())
			require.NotContains(t, cluster.Topics(t), "orders")

			// The classic: brokerIP1 is an address that is not reachable from here. The
			// broker tells the name server when it next registers.
			const elsewhere = "192.0.2.1" // for documentation, RFC 5737
			cluster.Admin(t, "updateBrokerConfig", "-b", cluster.Broker(0).Addr, "-k", "brokerIP1", "-v", elsewhere)
			require.Eventually(t, func() bool {
				report = check(t, p)
				return strings.Contains(item(t, report, publisher.CheckBroker).Subject, elsewhere)
			}, time.Minute, 100*time.Millisecond)
			i := item(t, report, publisher.CheckBroker)
			require.Equal(t, publisher.CheckBad, i.Verdict, report)
			require.Contains(t, i.Advice, "brokerIP1")
			t.Log(report)
		})
	}
}
