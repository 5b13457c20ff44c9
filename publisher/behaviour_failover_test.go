package publisher_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// twin is a cluster of two masters and two name servers that creates no topics by
// itself, and what befalls its second broker, broker-b.
type twin struct {
	*world
	orderTopic, shrink, remove func(t testing.TB, topic string)
	// Each of these begins with true and ends with false.
	dead, hanging, busy, readOnly func(t testing.TB, yes bool)
	full                          func(t testing.TB, yes bool) // nil where it cannot be
	hangNameServer                func(t testing.TB, i int, yes bool)
	leave                         func(t testing.TB) // goes away, and comes back when that is over
	badQueue                      headers.ResponseCode
}

func embeddedTwin(t testing.TB, version headers.Version) *twin {
	w := embeddedWorld(t, embedded.WithBrokers(2), embedded.WithNameServers(2), embedded.WithVersion(version), embedded.WithoutAutoCreateTopic())
	c, b := w.embedded, w.embedded.Broker(1)
	in := func(condition embedded.Condition) func(testing.TB, bool) {
		return func(_ testing.TB, yes bool) {
			if yes {
				b.SetCondition(condition)
			} else {
				b.SetCondition(embedded.Well)
			}
		}
	}
	each := func(do func(b *embedded.Broker, topic string)) func(testing.TB, string) {
		return func(_ testing.TB, topic string) {
			for _, b := range c.Brokers() {
				do(b, topic)
			}
		}
	}
	tw := &twin{
		world:      w,
		orderTopic: func(t testing.TB, topic string) { require.NoError(t, c.SetOrderTopic(topic)) },
		shrink:     each(func(b *embedded.Broker, topic string) { b.SetQueues(topic, 1, 1) }),
		remove:     each((*embedded.Broker).DeleteTopic),
		dead: func(t testing.TB, yes bool) {
			if yes {
				b.Kill()
				return
			}
			require.NoError(t, b.Start())
		},
		hanging:  in(embedded.Hanging),
		busy:     in(embedded.Busy),
		full:     in(embedded.DiskFull),
		readOnly: func(_ testing.TB, yes bool) { b.SetWritable(!yes) },
		badQueue: headers.InvalidParameter,
	}
	if version < headers.Version5_5_0 {
		tw.badQueue = headers.SystemError
	} else {
		tw.leave = func(t testing.TB) {
			b.SetCondition(embedded.GoingAway)
			require.Eventually(t, func() bool { return c.Stats()["broker-b"].Open == 0 }, patience, time.Millisecond)
			b.Stop()
			b.SetCondition(embedded.Well)
			require.NoError(t, b.Start())
		}
	}
	remove := [2]func(){}
	tw.hangNameServer = func(_ testing.TB, i int, yes bool) {
		if !yes {
			remove[i]()
			return
		}
		remove[i] = c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Server == fmt.Sprintf("nameserver-%d", i) {
				return embedded.Ignore()
			}
			return embedded.Fault{}
		})
	}
	return tw
}

func realTwin(t *testing.T, cfg realbroker.Config) *twin {
	cfg.Brokers, cfg.NameServers = 2, 2
	props := map[string]string{
		"autoCreateTopicEnable": "false",
		// So that it has no room for messages while transientStorePoolEnable is on.
		"transientStorePoolSize": "0",
	}
	for name, value := range cfg.BrokerProps {
		props[name] = value
	}
	cfg.BrokerProps = props
	w := ownCluster(t, cfg)
	c, b := w.real, w.real.Broker(1)
	set := func(t testing.TB, key, value string) {
		c.Admin(t, "updateBrokerConfig", "-b", b.Addr, "-k", key, "-v", value)
	}
	tw := &twin{
		world: w,
		orderTopic: func(t testing.TB, topic string) {
			// The second time the name servers know that it is one. Before, a broker that
			// registers is told of other order topics only, and takes it for none
			// (TopicConfigManager.updateOrderTopicConfig, 4.9.7).
			for range 2 {
				c.Admin(t, "updateTopic", "-c", "DefaultCluster", "-t", topic, "-r", "2", "-w", "2", "-o", "true")
			}
		},
		shrink: func(t testing.TB, topic string) { c.CreateTopic(t, topic, 1) },
		remove: func(t testing.TB, topic string) { c.Admin(t, "deleteTopic", "-c", "DefaultCluster", "-t", topic) },
		dead: func(t testing.TB, yes bool) {
			if yes {
				require.NoError(t, b.Kill())
				return
			}
			require.NoError(t, b.Start())
		},
		hanging: func(t testing.TB, yes bool) {
			if yes {
				require.NoError(t, b.Pause())
				return
			}
			require.NoError(t, b.Resume())
		},
		busy: func(t testing.TB, yes bool) { set(t, "transientStorePoolEnable", strconv.FormatBool(yes)) },
		readOnly: func(t testing.TB, yes bool) {
			permission := headers.PermRead | headers.PermWrite
			if yes {
				permission = headers.PermRead
			}
			set(t, "brokerPermission", strconv.Itoa(permission))
		},
		hangNameServer: func(t testing.TB, i int, yes bool) {
			if yes {
				require.NoError(t, c.NameServerPause(i))
				return
			}
			require.NoError(t, c.NameServerResume(i))
		},
		badQueue: headers.InvalidParameter,
	}
	if strings.HasPrefix(cfg.Version, "4.") || strings.HasPrefix(cfg.Version, "5.1.") {
		tw.badQueue = headers.SystemError
	}
	return tw
}

// tally publishes numbered messages to a topic, none of which may fail, and keeps
// what became of them.
type tally struct {
	*publisher.Publisher
	topic   string
	seen    *results
	results map[string]publisher.Result // by payload
	// renew takes a publisher that avoids no broker yet.
	renew func()
}

// How long an attempt of a tally may take. The hasty ones find out about a broker that
// hangs; the others do not take one that a busy machine keeps waiting for one in trouble.
const (
	hasty  = 2 * time.Second
	steady = time.Minute
)

// tallyOf makes a topic of two queues on each broker and a publisher that knows it.
// The publisher avoids a broker that has failed for that long.
func tallyOf(t testing.TB, tw *twin, attempt, failedFor time.Duration, prepare ...func(t testing.TB, topic string)) *tally {
	t.Helper()
	topic := newTopic(t, "failover")
	tw.createTopic(t, topic, 2)
	for _, do := range prepare {
		do(t, topic)
	}
	y := &tally{topic: topic, seen: newResults(), results: make(map[string]publisher.Result)}
	y.renew = func() {
		y.Publisher = publisherIn(t, tw.world, func(c *publisher.Config) {
			c.OnResult, c.Avoidance.FailedFor = y.seen.add, failedFor
			c.SendTimeout, c.AttemptTimeout = 10*time.Minute, attempt
			c.Avoidance.SlowAfter = time.Hour // a crowded machine is slow
		})
	}
	y.renew()
	return y
}

// publish publishes n messages, one after the other, and returns what became of them.
func (y *tally) publish(t testing.TB, n int) []publisher.Result {
	t.Helper()
	var all []publisher.Result
	for range n {
		payload := fmt.Sprint("message ", len(y.results))
		require.NoError(t, y.Publish(y.topic, message.NewMessage(watermill.NewUUID(), []byte(payload))))
		result := y.seen.next(t)
		y.results[payload] = result
		all = append(all, result)
	}
	return all
}

// until publishes until a message is stored by that broker.
func (y *tally) until(t testing.TB, broker string) {
	t.Helper()
	require.Eventually(t, func() bool {
		result := y.publish(t, 1)[0]
		if wasSilent(result, broker) {
			y.renew() // the publisher may avoid it for an hour
			return false
		}
		return result.MessageQueue.BrokerName == broker
	}, patience, 20*time.Millisecond)
}

// wasSilent reports whether an attempt at that broker had no answer.
func wasSilent(r publisher.Result, broker string) bool {
	return slices.ContainsFunc(r.Failed, func(a publisher.Attempt) bool {
		return a.MessageQueue.BrokerName == broker && isSilence(a.Err)
	})
}

// check has the witness find each message where its result says, and no message
// twice whose failed attempts are all said to have sent nothing.
func (y *tally) check(t testing.TB, w *world) {
	t.Helper()
	var all []stored
	if w.real != nil {
		all = readAtLeast(t, w, y.topic, len(y.results))
	} else {
		for _, m := range messagesIn(w.embedded, y.topic) {
			all = append(all, fromEmbedded(t, m))
		}
	}
	copies := make(map[string]int)
	for _, m := range all {
		copies[string(m.Body)]++
	}
	for payload, result := range y.results {
		require.Equal(t, payload, string(at(t, all, result).Body))
		doubtful := false
		for _, failed := range result.Failed {
			doubtful = doubtful || failed.Outcome != publisher.NotSent
		}
		if !doubtful {
			require.Equal(t, 1, copies[payload], "%s: %+v", payload, result)
		}
	}
}

// failedOf returns the failed attempts behind the results.
func failedOf(all []publisher.Result) []publisher.Attempt {
	var failed []publisher.Attempt
	for _, r := range all {
		failed = append(failed, r.Failed...)
	}
	return failed
}

// testTrouble has a trouble begin while messages are published. One attempt finds
// out; no message after it is late or fails, and all are stored by the other broker.
// When the trouble is over a publisher that tries again uses the broker again. It
// reports whether it took an attempt to find out.
func testTrouble(t *testing.T, tw *twin, attempt time.Duration, trouble func(t testing.TB, yes bool), check func(publisher.Attempt), prepare ...func(t testing.TB, topic string)) (found bool) {
	t.Helper()
	once, again := tallyOf(t, tw, attempt, time.Hour, prepare...), tallyOf(t, tw, attempt, 200*time.Millisecond, prepare...)
	for _, y := range []*tally{once, again} {
		y.until(t, "broker-a")
		y.until(t, "broker-b")
	}
	trouble(t, true)
	over := sync.OnceFunc(func() { trouble(t, false) })
	defer over() // also when something fails: the cluster is used on
	for _, y := range []*tally{once, again} {
		all := y.publish(t, 20)
		for _, r := range all {
			require.Equal(t, "broker-a", r.MessageQueue.BrokerName)
		}
		failed := 0
		isBusy := false // the machine: a broker that is well has missed an attempt's time
		for _, attempt := range failedOf(all) {
			if attempt.MessageQueue.BrokerName == "broker-a" && isSilence(attempt.Err) {
				isBusy = true
				continue
			}
			require.Equal(t, "broker-b", attempt.MessageQueue.BrokerName)
			if isBusy && isSilence(attempt.Err) {
				continue
			}
			check(attempt)
			failed++
		}
		if y == once {
			if !isBusy { // else the one in trouble is tried again
				require.LessOrEqual(t, failed, 1)
			}
			found = failed > 0
		}
	}
	over()
	again.until(t, "broker-b")
	once.check(t, tw.world)
	again.check(t, tw.world)
	return found
}

// isSilence reports whether an attempt had no answer in time, or shared a connection with
// one that had none.
func isSilence(err error) bool {
	return errors.Is(err, publisher.ErrAttemptTimeout) || errors.Is(err, transport.ErrStalled)
}

// hasCode is a check of attempts that a broker has answered.
func hasCode(t *testing.T, code headers.ResponseCode, fragment string) func(publisher.Attempt) {
	return func(a publisher.Attempt) {
		var status *headers.StatusError
		require.ErrorAs(t, a.Err, &status)
		require.Equal(t, code, status.Code)
		require.Contains(t, status.Remark, fragment)
		require.Equal(t, publisher.NotSent, a.Outcome)
	}
}

// Whatever befalls one of two brokers, messages are published by the other.
func TestFailover(t *testing.T) {
	t.Parallel()
	t.Run("embedded 5.5", func(t *testing.T) { testFailover(t, embeddedTwin(t, headers.Version5_5_0)) })
	t.Run("embedded 4.9", func(t *testing.T) { testFailover(t, embeddedTwin(t, headers.Version4_9_7)) })
	for _, version := range []string{"5.5.0", "5.1.4", "4.9.7"} {
		t.Run("real "+version, func(t *testing.T) {
			realbroker.RequireVersion(t, version)
			testFailover(t, realTwin(t, realbroker.Config{Version: version}))
		})
	}
}

func testFailover(t *testing.T, tw *twin) {
	t.Run("read-only", func(t *testing.T) {
		var begun time.Time
		readOnly := func(t testing.TB, yes bool) {
			if yes {
				begun = time.Now()
			}
			tw.readOnly(t, yes)
		}
		found := testTrouble(t, tw, steady, readOnly, hasCode(t, headers.NoPermission, "sending message is forbidden"), tw.orderTopic)
		// On a busy machine the route is looked up before, and tells as well.
		require.True(t, found || tw.real != nil && time.Since(begun) > routing.DefaultRefreshInterval/2)
	})
	t.Run("route without write", func(t *testing.T) { testRouteWithoutWrite(t, tw) })
	t.Run("busy", func(t *testing.T) {
		require.True(t, testTrouble(t, tw, steady, tw.busy, hasCode(t, headers.SystemBusy, "[REJECTREQUEST]")))
	})
	if tw.full != nil {
		t.Run("full", func(t *testing.T) {
			require.True(t, testTrouble(t, tw, steady, tw.full, hasCode(t, headers.ServiceNotAvailable, "service not available now")))
		})
	}
	t.Run("hanging", func(t *testing.T) {
		require.True(t, testTrouble(t, tw, hasty, tw.hanging, func(a publisher.Attempt) { require.True(t, isSilence(a.Err), a.Err) }))
	})
	t.Run("dead", func(t *testing.T) {
		// The route may tell before an attempt does.
		testTrouble(t, tw, steady, tw.dead, func(a publisher.Attempt) {
			var op *transport.OpError
			require.ErrorAs(t, a.Err, &op)
			require.Equal(t, op.Sent, a.Outcome == publisher.MayBeStored)
		})
	})
	t.Run("name servers", func(t *testing.T) { testNameServers(t, tw) })
	t.Run("fewer queues", func(t *testing.T) { testFewerQueues(t, tw) })
	t.Run("topic deleted", func(t *testing.T) { testTopicDeleted(t, tw) })
}

// A read-only broker still stores what it is sent, but for order topics. The route
// tells publishers to keep away.
func testRouteWithoutWrite(t *testing.T, tw *twin) {
	y := tallyOf(t, tw, steady, time.Hour)
	y.until(t, "broker-b")
	tw.readOnly(t, true)
	fresh := publisherIn(t, tw.world, func(c *publisher.Config) { c.OnResult = y.seen.add })
	y.Publisher = fresh                  // it knows no route yet
	for _, r := range y.publish(t, 20) { // an attempt has a minute
		require.Equal(t, "broker-a", r.MessageQueue.BrokerName)
		for _, failed := range r.Failed { // the machine is busy
			require.Equal(t, "broker-a", failed.MessageQueue.BrokerName)
			require.True(t, isSilence(failed.Err), "%+v", failed)
		}
	}
	tw.readOnly(t, false)
	y.check(t, tw.world)
}

// A name server that is silent is replaced by the other, whichever it is.
func testNameServers(t *testing.T, tw *twin) {
	for i := range 2 {
		y := tallyOf(t, tw, steady, time.Hour)
		next := newTopic(t, "failover")
		tw.createTopic(t, next, 2)
		y.publish(t, 1)
		tw.hangNameServer(t, i, true)
		require.NoError(t, y.Publish(next, message.NewMessage("1", []byte("x"))), "a topic that has to be looked up")
		tw.hangNameServer(t, i, false)
		require.Len(t, tw.read(t, next, 1), 1)
	}
}

// A queue that is gone is found out by the broker's answer, and the message goes to
// one that is there.
func testFewerQueues(t *testing.T, tw *twin) {
	y := tallyOf(t, tw, steady, time.Hour)
	// It is the broker's answer that tells, not the route.
	y.Publisher = publisherIn(t, tw.world, func(c *publisher.Config) {
		c.OnResult, c.Cluster.RouteRefreshInterval = y.seen.add, time.Hour
	})
	y.publish(t, 4)
	tw.shrink(t, y.topic)
	all := y.publish(t, 8)
	failed := slices.DeleteFunc(failedOf(all), func(a publisher.Attempt) bool { return isSilence(a.Err) })
	require.NotEmpty(t, failed)
	for _, attempt := range failed {
		hasCode(t, tw.badQueue, "queueId[1] is illegal")(attempt)
	}
	for _, r := range all {
		require.Zero(t, r.MessageQueue.QueueID)
	}
}

// A topic that was deleted is a clear error, and nothing is sent.
func testTopicDeleted(t *testing.T, tw *twin) {
	y := tallyOf(t, tw, steady, time.Hour)
	const attempts = 3
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	y.Publisher = publisherIn(t, tw.world, func(c *publisher.Config) {
		c.OnResult, c.Avoidance.FailedFor = y.seen.add, time.Hour
		c.SendTimeout = time.Hour
		c.Hooks = append(c.Hooks, publisher.Hooks{Retry: func(_ context.Context, e publisher.RetryEvent) {
			if e.Failed == attempts {
				cancel() // now, since no attempt is under way whose end would be unknown
			}
		}})
	})
	y.publish(t, 4)
	tw.remove(t, y.topic)
	err := y.Publish(y.topic, messageIn(ctx))
	require.ErrorIs(t, err, context.Canceled, "the topic may come back")
	require.ErrorIs(t, err, &headers.StatusError{Code: headers.TopicNotExist})
	failed := failureOf(t, err).Results[0].Failed
	require.Len(t, failed, attempts)
	for _, attempt := range failed {
		hasCode(t, headers.TopicNotExist, "not exist")(attempt)
	}
	require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
}

// A broker whose disk is full refuses messages, for as long as it is.
func TestFullBroker(t *testing.T) {
	t.Parallel()
	// 5.x takes no limit below 35 %, which the disk at hand may not have reached.
	tw := realTwin(t, realbroker.Config{Version: "4.9.7", Only: map[string]realbroker.BrokerSettings{
		"broker-b": {JavaOptions: []string{"-Drocketmq.broker.diskSpaceWarningLevelRatio=0.001"}},
	}})
	y := tallyOf(t, tw, steady, time.Hour)
	// The broker looks at its disk now and then, first some time after its start.
	var full publisher.Attempt
	require.Eventually(t, func() bool {
		all := y.publish(t, 1)
		failed := slices.DeleteFunc(failedOf(all), func(a publisher.Attempt) bool { return isSilence(a.Err) })
		if len(failed) > 0 {
			full = failed[0]
		} else if wasSilent(all[0], "broker-b") {
			y.renew() // it would avoid that broker for an hour
		}
		return len(failed) > 0
	}, patience, 100*time.Millisecond)
	require.Equal(t, "broker-b", full.MessageQueue.BrokerName)
	hasCode(t, headers.ServiceNotAvailable, "service not available now")(full)
	for _, r := range y.publish(t, 20) {
		require.Equal(t, "broker-a", r.MessageQueue.BrokerName)
		for _, failed := range r.Failed {
			require.True(t, isSilence(failed.Err), "%+v", failed) // the machine is busy
		}
	}
	y.check(t, tw.world)
}

// A broker that shuts down gracefully answers GO_AWAY until its end. No message
// fails, all are stored, and the connection is not used on.
func TestGoAway(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, tw *twin) {
		topic := newTopic(t, "goaway")
		tw.createTopic(t, topic, 2)
		var dialer countingDialer
		told := make(chan struct{}, 100_000)
		p := publisherIn(t, tw.world, func(c *publisher.Config) {
			c.Cluster.Dial = dialer.dial               // both kinds of cluster are on TCP
			c.Cluster.RouteRefreshInterval = time.Hour // it is the answer that tells, not the route
			c.Avoidance.SlowAfter = time.Hour          // a broker that answers late is not avoided
			c.OnResult = func(r publisher.Result) {
				for _, failed := range r.Failed {
					var status *headers.StatusError
					if errors.As(failed.Err, &status) && status.Code == headers.GoAway {
						told <- struct{}{}
					}
				}
			}
		})
		s := startStream(t, p, topic, 4)
		s.await(t, 100)
		// A broker that stands still on a busy machine may be gone before it has answered.
		for range 3 {
			tw.leave(t)
			s.await(t, 100)
			if len(told) > 0 {
				break
			}
		}
		s.stop()
		require.Empty(t, s.errs)
		require.NotEmpty(t, told)
		if tw.real != nil {
			s.requireAllStored(t, readAtLeast(t, tw.world, topic, len(s.stored)))
		} else {
			var all []stored
			for _, m := range messagesIn(tw.embedded, topic) {
				all = append(all, fromEmbedded(t, m))
			}
			s.requireAllStored(t, all)
		}
		require.Positive(t, dialer.closed(tw.addrOfB()), "the connection that was told to go is closed")
	}
	t.Run("embedded", func(t *testing.T) { test(t, embeddedTwin(t, headers.Version5_5_0)) })
	t.Run("real 5.5.0", func(t *testing.T) {
		tw := realTwin(t, realbroker.Config{Version: "5.5.0", BrokerProps: map[string]string{
			"enableShutdownGracefully": "true", "shutdownWaitTimeSeconds": "5",
		}})
		tw.leave = func(t testing.TB) {
			require.NoError(t, tw.real.Broker(1).Stop())
			require.NoError(t, tw.real.Broker(1).Start())
		}
		test(t, tw)
	})
}

// addrOfB is where broker-b listens.
func (tw *twin) addrOfB() string {
	if tw.real != nil {
		return tw.real.Broker(1).Addr
	}
	return tw.embedded.Broker(1).Addr()
}
