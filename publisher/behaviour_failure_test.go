package publisher_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// ownCluster starts a real cluster for one test.
func ownCluster(t *testing.T, cfg realbroker.Config) *world {
	t.Helper()
	return realWorld(t, realbroker.Start(t, cfg))
}

// stream publishes numbered messages from several goroutines until stopped, and
// keeps what Publish said of each.
type stream struct {
	publisher *publisher.Publisher
	topic     string
	next      atomic.Int64
	// acked counts messages that Publish returned nil for.
	acked atomic.Int64

	mu     sync.Mutex
	stored []string // payloads Publish returned nil for
	errs   []error

	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// startStream starts the stream, which ends with the test at the latest: one that
// goes on after a failed test would collect errors until memory is full.
func startStream(t testing.TB, p *publisher.Publisher, topic string, workers int) *stream {
	s := &stream{publisher: p, topic: topic}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	t.Cleanup(s.stop)
	for range workers {
		s.wg.Go(func() {
			for ctx.Err() == nil {
				payload := fmt.Sprint("message ", s.next.Add(1))
				err := p.Publish(topic, message.NewMessage(watermill.NewUUID(), []byte(payload)))
				s.mu.Lock()
				if err == nil {
					s.stored = append(s.stored, payload)
					s.acked.Add(1)
				} else {
					s.errs = append(s.errs, err)
				}
				s.mu.Unlock()
			}
		})
	}
	return s
}

// await waits until n more messages have been acknowledged.
func (s *stream) await(t testing.TB, n int64) {
	t.Helper()
	want := s.acked.Load() + n
	require.Eventually(t, func() bool { return s.acked.Load() >= want }, patience, time.Millisecond)
}

func (s *stream) stop() {
	s.cancel()
	s.wg.Wait()
}

// requireAllStored checks that every acknowledged message is there. More may be:
// one whose answer was lost.
func (s *stream) requireAllStored(t testing.TB, all []stored) {
	t.Helper()
	there := make(map[string]bool, len(all))
	for _, m := range all {
		there[string(m.Body)] = true
	}
	missing := 0
	for _, payload := range s.stored {
		if !there[payload] {
			missing++
		}
	}
	require.Zero(t, missing, "of %d acknowledged messages", len(s.stored))
	t.Logf("%d messages acknowledged, %d stored", len(s.stored), len(all))
}

// A publisher with time enough does not notice that a broker is restarted, and
// what it published before and after is there when the broker is back.
func TestBrokerRestart(t *testing.T) {
	t.Parallel()
	longEnough := func(c *publisher.Config) { c.SendTimeout = 10 * time.Minute }
	t.Run("embedded", func(t *testing.T) {
		w := embeddedWorld(t)
		topic := newTopic(t, "restart")
		w.createTopic(t, topic, 4)
		s := startStream(t, publisherIn(t, w, longEnough), topic, 4)
		s.await(t, 100)
		w.embedded.Broker(0).Stop()
		require.NoError(t, w.embedded.Broker(0).Start())
		s.await(t, 100)
		s.stop()
		require.Empty(t, s.errs)
		var all []stored
		for _, m := range messagesIn(w.embedded, topic) {
			all = append(all, fromEmbedded(t, m))
		}
		s.requireAllStored(t, all)
	})
	for _, version := range realbroker.Versions() {
		t.Run("real "+version, func(t *testing.T) {
			w := ownCluster(t, realbroker.Config{Version: version})
			topic := newTopic(t, "restart")
			w.createTopic(t, topic, 4)
			s := startStream(t, publisherIn(t, w, longEnough), topic, 4)
			s.await(t, 1000)
			seen := newResults()
			known := message.NewMessage(watermill.NewUUID(), []byte("known"))
			require.NoError(t, publisherIn(t, w, func(c *publisher.Config) { c.OnResult = seen.add }).Publish(topic, known))
			require.NoError(t, w.real.Broker(0).Stop())
			require.NoError(t, w.real.Broker(0).Start())
			s.await(t, 1000)
			s.stop()
			require.Empty(t, s.errs)
			s.requireAllStored(t, readAtLeast(t, w, topic, len(s.stored)))

			// Log, queue and index are the same as before.
			result := seen.next(t)
			requireSameMessage(t, known, unmarshal(t, at(t, readAtLeast(t, w, topic, len(s.stored)), result)))
			requireSameMessage(t, known, unmarshal(t, fromWitness(w.real.QueryKey(t, topic, known.UUID)[0])))
			requireSameMessage(t, known, unmarshal(t, fromWitness(w.real.QueryID(t, topic, result.MessageID)[0])))
			requireSameMessage(t, known, unmarshal(t, fromWitness(w.real.View(t, topic, result.OffsetMessageID)[0])))
		})
	}
}

// Nothing that was acknowledged is missing after kill -9 of a broker that
// flushes each message to disk (the commit log's checkpoint and recovery).
func TestBrokerKilled(t *testing.T) {
	t.Parallel()
	for _, version := range realbroker.Versions() {
		t.Run("real "+version, func(t *testing.T) {
			w := ownCluster(t, realbroker.Config{Version: version, BrokerProps: map[string]string{"flushDiskType": "SYNC_FLUSH"}})
			topic := newTopic(t, "killed")
			w.createTopic(t, topic, 4)
			p := publisherIn(t, w, func(c *publisher.Config) { c.SendTimeout = 10 * time.Minute })
			s := startStream(t, p, topic, 16)
			for range 2 {
				s.await(t, 500)
				require.NoError(t, w.real.Broker(0).Kill()) // in the middle of publishing
				require.NoError(t, w.real.Broker(0).Start())
			}
			s.await(t, 500) // the same publisher goes on by itself
			s.stop()
			require.Empty(t, s.errs)
			s.requireAllStored(t, readAtLeast(t, w, topic, len(s.stored)))
		})
	}
}

// readAtLeast reads a topic that has n messages or more.
func readAtLeast(t testing.TB, w *world, topic string, n int) []stored {
	t.Helper()
	var all []stored
	for _, m := range w.real.Read(t, topic, n) {
		all = append(all, fromWitness(m))
	}
	return all
}

// With two masters a publisher goes to the other one when
// one dies, and says in the result what it tried.
func TestOtherBroker(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, w *world, kill func()) {
		topic := newTopic(t, "other")
		w.createTopic(t, topic, 2)
		seen := newResults()
		p := publisherIn(t, w, func(c *publisher.Config) { c.OnResult = seen.add })
		for range 8 {
			require.NoError(t, p.Publish(topic, message.NewMessage(watermill.NewUUID(), []byte("x"))))
			seen.next(t)
		}
		kill()
		for range 8 {
			require.NoError(t, p.Publish(topic, message.NewMessage(watermill.NewUUID(), []byte("x"))))
			result := seen.next(t)
			require.Equal(t, "broker-b", result.MessageQueue.BrokerName)
			for _, failed := range result.Failed {
				require.Equal(t, "broker-a", failed.MessageQueue.BrokerName)
			}
		}
	}
	t.Run("embedded", func(t *testing.T) {
		w := embeddedWorld(t, embedded.WithBrokers(2))
		test(t, w, func() { w.embedded.Broker(0).Kill() })
	})
	t.Run("real 5.5.0", func(t *testing.T) {
		w := ownCluster(t, realbroker.Config{Version: "5.5.0", Brokers: 2, NameServers: 2})
		test(t, w, func() {
			require.NoError(t, w.real.NameServerStop(0))
			require.NoError(t, w.real.Broker(0).Kill())
		})
		require.NoError(t, w.real.Broker(0).Start())
		testFrozenBroker(t, w)
	})
}

// A broker that is frozen with its connections open costs an attempt's time-out;
// the message goes to the other one, and the error of the attempt says that the
// frozen one may have it.
func testFrozenBroker(t *testing.T, w *world) {
	topic := newTopic(t, "frozen")
	w.createTopic(t, topic, 1)
	seen := newResults()
	p := publisherIn(t, w, func(c *publisher.Config) {
		c.OnResult, c.SendTimeout, c.AttemptTimeout = seen.add, 10*time.Minute, 5*time.Second
		c.Avoidance.SlowAfter = time.Hour // a broker that answers late is not avoided
	})
	for range 2 { // connect to both
		require.NoError(t, p.Publish(topic, message.NewMessage("1", []byte("x"))))
		seen.next(t)
	}
	require.NoError(t, w.real.Broker(1).Pause())
	defer func() { require.NoError(t, w.real.Broker(1).Resume()) }()
	frozen := 0
	for i := 0; frozen == 0 && i < 20; i++ { // it is avoided for a while if it was silent before
		require.NoError(t, p.Publish(topic, message.NewMessage("2", []byte("x"))))
		result := seen.next(t)
		require.Equal(t, "broker-a", result.MessageQueue.BrokerName)
		for _, failed := range result.Failed {
			if failed.MessageQueue.BrokerName == "broker-a" { // the machine is busy
				require.True(t, isSilence(failed.Err), "%+v", failed)
				continue
			}
			frozen++
		}
	}
	require.NotZero(t, frozen, "round robin must have tried the frozen broker")
}

// A topic that does not exist where brokers create none is a clear error at once.
func TestNoTopic(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, w *world) {
		p := publisherIn(t, w, nil)
		topic := newTopic(t, "none")
		err := p.Publish(topic, message.NewMessage("1", []byte("x")))
		var noRoute *routing.NoRouteError
		require.ErrorAs(t, err, &noRoute)
		require.Equal(t, topic, noRoute.Topic)
		require.ElementsMatch(t, w.nameServers, noRoute.NameServers)
		var failed *publisher.Error
		require.ErrorAs(t, err, &failed)
		require.Equal(t, publisher.NotSent, failed.Outcome())
		requireOneAttempt(t, *failed.Cause())
	}
	t.Run("embedded", func(t *testing.T) { test(t, embeddedWorld(t, embedded.WithoutAutoCreateTopic())) })
	t.Run("real 5.5.0", func(t *testing.T) {
		test(t, ownCluster(t, realbroker.Config{Version: "5.5.0", BrokerProps: map[string]string{"autoCreateTopicEnable": "false"}}))
	})
}

// A broker that cannot do what it is configured for stores the message and says
// so: success by default, an error by choice, and never sent again.
func TestNotDurable(t *testing.T) {
	t.Parallel()
	test := func(t *testing.T, w *world, want publisher.SendStatus) {
		topic := newTopic(t, "undurable")
		w.createTopic(t, topic, 1)
		seen := newResults()
		err := publisherIn(t, w, func(c *publisher.Config) { c.OnResult, c.RequireDurable = seen.add, true }).
			Publish(topic, message.NewMessage("1", []byte("x")), message.NewMessage("2", []byte("x")))
		var undurable *publisher.NotDurableError
		require.ErrorAs(t, err, &undurable)
		require.Equal(t, want, undurable.Status)
		result := seen.next(t)
		require.Equal(t, publisher.Stored, result.Outcome)
		require.Equal(t, want, result.Status)
		requireOneAttempt(t, result)
		require.Equal(t, want, seen.next(t).Status, "they shared a request")

		// In a router the order is handled once.
		p := publisherIn(t, w, func(c *publisher.Config) { c.OnResult = seen.add })
		require.Equal(t, 1, routed(t, p, topic, relay).deliver(t, newMessage("3")))
		require.Equal(t, want, seen.next(t).Status)
		require.Len(t, w.read(t, topic, 3), 3)
	}
	for code, status := range map[string]publisher.SendStatus{
		"10": publisher.FlushDiskTimeout, "11": publisher.SlaveNotAvailable, "12": publisher.FlushSlaveTimeout,
	} {
		t.Run("embedded code "+code, func(t *testing.T) {
			w := embeddedWorld(t)
			w.embedded.Intercept(storeThenAnswer(code))
			test(t, w, status)
		})
	}
	t.Run("real 4.9.7 without a slave", func(t *testing.T) {
		test(t, ownCluster(t, realbroker.Config{Version: "4.9.7", BrokerProps: map[string]string{"brokerRole": "SYNC_MASTER"}}), publisher.SlaveNotAvailable)
	})
}

// A static topic, as mqadmin makes one, is refused by name.
func TestStaticTopic(t *testing.T) {
	w := realWorld(t, sharedCluster(t, "5.5.0"))
	topic := newTopic(t, "static")
	w.real.Admin(t, "updateStaticTopic", "-c", "DefaultCluster", "-t", topic, "-qn", "4")
	err := publisherIn(t, w, nil).Publish(topic, newMessage("x"))
	var static *routing.StaticTopicError
	require.ErrorAs(t, err, &static)
	require.Equal(t, topic, static.Topic)
	require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
	requireOneAttempt(t, failureOf(t, err).Results[0])
}

// A real broker speaks TLS with a certificate of its own making: a publisher
// that verifies refuses it at once, one that is told not to talks to it.
func TestTLSOfRealBroker(t *testing.T) {
	w := realWorld(t, sharedCluster(t, "5.5.0"))
	topic := newTopic(t, "tls")
	w.createTopic(t, topic, 1)
	err := publisherIn(t, w, func(c *publisher.Config) { c.Cluster.TLS = &tls.Config{} }).
		Publish(topic, message.NewMessage("1", []byte("x")))
	var untrusted *tls.CertificateVerificationError
	require.ErrorAs(t, err, &untrusted)
	var failed *publisher.Error
	require.ErrorAs(t, err, &failed)
	require.Equal(t, publisher.NotSent, failed.Outcome())

	trusting := &tls.Config{InsecureSkipVerify: true}
	require.NoError(t, publisherIn(t, w, func(c *publisher.Config) { c.Cluster.TLS = trusting }).
		Publish(topic, message.NewMessage("2", []byte("x"))))
	w.read(t, topic, 1)
}

// A connection that was idle until the broker closed it, after 120 s, is
// replaced without an error; one that heartbeats keep alive is still the same.
func TestOutlivesIdleClose(t *testing.T) {
	w := realWorld(t, sharedCluster(t, "5.5.0"))
	t.Parallel()
	topic := newTopic(t, "idle")
	w.createTopic(t, topic, 1)
	dials := func(heartbeats time.Duration) (*publisher.Publisher, *countingDialer) {
		d := &countingDialer{}
		return publisherIn(t, w, func(c *publisher.Config) {
			c.Cluster.Dial, c.Cluster.HeartbeatInterval, c.Cluster.RouteRefreshInterval = d.dial, heartbeats, time.Hour
		}), d
	}
	silent, silentDials := dials(time.Hour)
	lively, livelyDials := dials(30 * time.Second)
	for _, p := range []*publisher.Publisher{silent, lively} {
		require.NoError(t, p.Publish(topic, message.NewMessage("1", []byte("x"))))
	}
	broker := w.real.Broker(0).Addr
	require.Eventually(t, func() bool { return silentDials.closed(broker) == 1 }, patience, 100*time.Millisecond)
	require.Equal(t, 0, livelyDials.closed(broker))
	for _, p := range []*publisher.Publisher{silent, lively} {
		require.NoError(t, p.Publish(topic, message.NewMessage("2", []byte("x"))))
	}
	require.Equal(t, 2, silentDials.opened(broker))
	require.Equal(t, 1, livelyDials.opened(broker))
}
