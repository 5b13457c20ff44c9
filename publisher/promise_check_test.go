package publisher_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// onRequest makes one thing happen to all requests of a code, until remove.
func onRequest(c *embedded.Cluster, code headers.RequestCode, fault func(r embedded.Request) embedded.Fault) (remove func()) {
	return c.Intercept(func(r embedded.Request) embedded.Fault {
		if r.Code != code {
			return embedded.Fault{}
		}
		return fault(r)
	})
}

// withBody answers a request with a body.
func withBody(t testing.TB, body string) func(r embedded.Request) embedded.Fault {
	return func(r embedded.Request) embedded.Fault {
		raw, err := headers.AppendResponse(nil, headers.JSON, r.Command.Opaque, headers.Success, "", nil, []byte(body))
		require.NoError(t, err)
		return embedded.AnswerBytes(raw)
	}
}

// When the context has ended already, the report has all that would have been
// looked at, as unknown.
func TestCheckWithoutTime(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		cause := errors.New("no time")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		report, err := p.Check(ctx, orders, "bad name\x00")
		require.NoError(t, err)
		require.NoError(t, report.Without(check.TLS).Err())
		require.Equal(t, 1, report.Count(check.OK), "TLS is off whatever the time is: %s", report)
		for _, aspect := range []check.Aspect{check.NameServer, check.Brokers, check.Broker, check.Clock} {
			requireStatus(t, check.Unknown, report, aspect, "no time")
		}
		require.Zero(t, c.Stats().Requests(headers.CodeHeartbeat))
	})
}

// A server that hangs costs 3 s, or what the context leaves.
func TestCheckHangingServers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		onRequest(c, headers.CodeHeartbeat, func(embedded.Request) embedded.Fault { return embedded.Ignore() })
		report := checked(t, p, orders)
		require.Equal(t, 3*time.Second, report.Took)
		requireStatus(t, check.Bad, report, check.Heartbeat, "no answer within 3s")
		requireStatus(t, check.Unknown, report, check.Credentials, "the heartbeat failed")
		requireStatus(t, check.OK, report, check.MessageSize, "4194304")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		report, err := p.Check(ctx, orders)
		require.NoError(t, err)
		require.Equal(t, time.Second, report.Took)
		requireStatus(t, check.Unknown, report, check.Heartbeat, "the check has ended")
		requireStatus(t, check.Unknown, report, check.MessageSize, "the check has ended")
		requireStatus(t, check.Unknown, report, check.Clock, "the check has ended")
		requireStatus(t, check.OK, report, check.Topic, "exists")

		onRequest(c, headers.CodeClusterInfo, func(embedded.Request) embedded.Fault { return embedded.Ignore() })
		report = checked(t, p, orders)
		requireStatus(t, check.Bad, report, check.NameServer, "no answer within 3s")
		requireStatus(t, check.Unknown, report, check.Brokers, "no name server has told")
		requireStatus(t, check.Unknown, report, check.Topic, "no name server answers")
	})
}

// Close waits for a check, and cuts it off when its time is over.
func TestCheckAndClose(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, func(cfg *publisher.Config) { cfg.CloseTimeout = time.Second })
		onRequest(c, headers.CodeHeartbeat, func(embedded.Request) embedded.Fault { return embedded.Ignore() })
		done := make(chan check.Report, 1)
		go func() {
			report, err := p.Check(context.Background(), orders)
			if err == nil {
				done <- report
			}
			close(done)
		}()
		synctest.Wait()
		require.ErrorIs(t, p.Close(), publisher.ErrCloseTimeout)
		report := <-done
		requireStatus(t, check.Unknown, report, check.Heartbeat, "publisher closed")
		_, err := p.Check(t.Context(), orders)
		require.ErrorIs(t, err, publisher.ErrClosed)
	})
}

func TestCheckNameServers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		report := checked(t, p, orders)
		require.Len(t, itemsOf(report, check.NameServer), 2)
		require.NoError(t, report.Err())

		// One of two does not know the topic, as for a while after its start.
		remove := c.Intercept(func(r embedded.Request) embedded.Fault {
			switch {
			case r.Server != "nameserver-1":
				return embedded.Fault{}
			case r.Code == headers.CodeTopicRoute:
				return embedded.Answer(headers.TopicNotExist, "not yet")
			}
			return withBody(t, `{"brokerAddrTable":{},"clusterAddrTable":{}}`)(r)
		})
		report = checked(t, p, orders)
		requireWarning(t, report, check.Topic, "name server "+c.NameServer(1).Addr()+" does not know it")
		requireWarning(t, report, check.Brokers, c.NameServer(1).Addr()+" does not know broker-a")
		requireStatus(t, check.OK, report, check.Broker, "5.5.0")
		require.NoError(t, publisherOn(t, c, nil).Publish(orders, newMessage("x")))
		remove()

		c.NameServer(1).Stop()
		report = checked(t, p, orders)
		servers := itemsOf(report, check.NameServer)
		require.Equal(t, check.OK, servers[0].Status)
		require.Equal(t, check.Warning, servers[1].Status, "the other is asked instead")
		require.Equal(t, c.NameServer(1).Addr(), servers[1].Subject)
		requireStatus(t, check.OK, report, check.Topic, "exists")

		// A proxy in the name server's place knows routes only.
		onRequest(c, headers.CodeClusterInfo, func(embedded.Request) embedded.Fault { return embedded.Answer(headers.RequestNotSupported, "no") })
		report = checked(t, p, orders)
		require.Contains(t, itemsOf(report, check.NameServer)[0].Reason, "it is a proxy")
		requireStatus(t, check.Unknown, report, check.Brokers, "no name server has told")
		requireStatus(t, check.OK, report, check.Broker, "5.5.0")
		creates := publisherOn(t, c, func(cfg *publisher.Config) { cfg.CreateTopics.Enabled = true })
		requireStatus(t, check.Bad, checked(t, creates, "missing"), check.Topic, "a proxy creates none")
	}, embedded.WithNameServers(2))
}

func TestCheckBrokersGone(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		c.Broker(0).Kill()
		report := checked(t, p, orders)
		brokers := itemsOf(report, check.Broker)
		require.Len(t, brokers, 2)
		require.Equal(t, check.Bad, brokers[0].Status, report)
		require.Contains(t, brokers[0].Advice, "brokerIP1")
		require.Equal(t, check.OK, brokers[1].Status, report)

		// Without any master there is none that gets the others' messages.
		remove := onRequest(c, headers.CodeClusterInfo, withBody(t, `{"brokerAddrTable":{
			"broker-a":{"cluster":"c","brokerName":"broker-a","brokerAddrs":{1:"`+c.Broker(0).Addr()+`"}}}}`))
		requireStatus(t, check.Bad, checked(t, p), check.Broker, "it has no master")
		remove()

		c.Broker(0).Unregister()
		c.Broker(1).Unregister()
		report = checked(t, p, orders)
		requireStatus(t, check.Bad, report, check.Brokers, "no broker is registered")
		requireStatus(t, check.Bad, report, check.Topic, "does not exist, as far as is known without a broker")
		requireStatus(t, check.Unknown, report, check.Broker, "no name server has told of a broker")
	}, embedded.WithBrokers(2))
}

// A topic that brokers exist for, but not for writing; and one that cannot be.
func TestCheckTopics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(cfg *publisher.Config) { cfg.Topics = marshaler.PlainTopics{} })
		c.Broker(0).SetPermission(orders, headers.PermRead)
		report := checked(t, p, orders)
		requireWarning(t, report, check.WritePermission, "broker-a does not let producers write; others get all messages")
		c.Broker(1).SetPermission(orders, headers.PermRead)
		report = checked(t, p, orders)
		requireStatus(t, check.Bad, report, check.WritePermission, "no broker lets producers write")
		c.Broker(0).SetQueues(orders, 1, 0)
		c.Broker(1).SetQueues(orders, 1, 0)
		report = checked(t, p, orders)
		requireStatus(t, check.Bad, report, check.Topic, "no queues to write to")

		report = checked(t, p, "not.a.topic")
		requireStatus(t, check.Bad, report, check.Topic, "not.a.topic")

		remove := onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[
			{"brokerName":"broker-a","readQueueNums":4,"writeQueueNums":4,"perm":6},
			{"brokerName":"broker-b","readQueueNums":4,"writeQueueNums":4,"perm":6}],
			"brokerDatas":[
			{"cluster":"c","brokerName":"broker-a","brokerAddrs":{"1":"127.0.0.1:1"}},
			{"cluster":"c","brokerName":"broker-b","brokerAddrs":{"0":"`+c.Broker(1).Addr()+`"}}]}`))
		report = checked(t, p, orders)
		requireWarning(t, report, check.Master, "broker-a has no master: its queues get no messages")
		require.Equal(t, check.Warning, itemsOf(report, check.Broker)[0].Status, report)
		require.NoError(t, report.Err())
		remove()
		// The one with a master is closed: nothing is left.
		remove = onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[
			{"brokerName":"broker-a","readQueueNums":4,"writeQueueNums":4,"perm":6},
			{"brokerName":"broker-b","readQueueNums":4,"writeQueueNums":4,"perm":4}],
			"brokerDatas":[
			{"cluster":"c","brokerName":"broker-a","brokerAddrs":{"1":"127.0.0.1:1"}},
			{"cluster":"c","brokerName":"broker-b","brokerAddrs":{"0":"`+c.Broker(1).Addr()+`"}}]}`))
		report = checked(t, p, orders)
		requireStatus(t, check.Bad, report, check.Master, "broker-a has no master")
		requireStatus(t, check.Bad, report, check.WritePermission, "broker-b does not let producers write")
		remove()
		remove = onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[],"brokerDatas":[]}`))
		requireStatus(t, check.Bad, checked(t, p, orders), check.Topic, "a route without queues")
		remove()
		onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[],"brokerDatas":[],"topicQueueMappingByBroker":{"broker-a":{}}}`))
		report = checked(t, p, orders)
		requireStatus(t, check.Bad, report, check.Topic, "static topic")
	}, embedded.WithBrokers(2))
}

// A broker that keeps its configuration to itself, and whose clock goes wrong.
func TestCheckRevealsLittle(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		info := func(body string) check.Report {
			defer onRequest(c, headers.CodeRuntimeInfo, withBody(t, body))()
			return checked(t, p, orders)
		}
		// The broker's seconds are whole, so half a second is added to them.
		started := func(ago time.Duration) string {
			const body = `{"table":{"bootTimestamp":"%d","runtime":"[ 1 days, 2 hours, 3 minutes, 4 seconds ]"}}`
			return fmt.Sprintf(body, time.Now().Add(-ago-500*time.Millisecond).UnixMilli())
		}
		const up = 26*time.Hour + 3*time.Minute + 4*time.Second
		requireStatus(t, check.OK, info(started(up)), check.Clock, "the same as this machine's")
		requireStatus(t, check.OK, info(started(up+3*time.Second)), check.Clock, "within 5s of this machine's")
		i := requireWarning(t, info(started(up-time.Minute)), check.Clock, "about 1m0s ahead of this machine's")
		require.Contains(t, i.Advice, "NTP")
		requireWarning(t, info(started(up+2*time.Hour)), check.Clock, "about 2h0m0s behind this machine's")
		requireStatus(t, check.Unknown, info(`{"table":{"runtime":"for ever"}}`), check.Clock, "no bootTimestamp and runtime")
		requireStatus(t, check.Unknown, info(`{}`), check.Clock, "malformed")

		no := func(embedded.Request) embedded.Fault {
			return embedded.Answer(headers.NoPermission, "User:x has no permission to access Cluster:y from 127.0.0.1")
		}
		onRequest(c, headers.CodeRuntimeInfo, no)
		onRequest(c, headers.CodeBrokerConfig, no)
		report := checked(t, p, orders)
		for _, aspect := range []check.Aspect{
			check.Clock, check.MessageSize, check.Timer, check.Recall, check.AutoCreate,
		} {
			i := requireStatus(t, check.Unknown, report, aspect, "no permission")
			var refused *rocketmq.PermissionError
			require.ErrorAs(t, i.Err, &refused)
		}
		require.NoError(t, report.Err())
	}, embedded.WithoutAutoCreateTopic())
}

// Servers that want TLS and get it, and get plain text.
func TestCheckTLSRequired(t *testing.T) {
	certificate, pool, err := testcert.SelfSigned()
	require.NoError(t, err)
	w := embeddedWorld(t, embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{certificate}}), embedded.WithTLSRequired(),
		embedded.WithTopic(orders, 1), embedded.WithoutAutoCreateTopic())
	report := checked(t, publisherIn(t, w, func(c *publisher.Config) { c.Cluster.TLS = &tls.Config{RootCAs: pool} }), orders)
	require.NoError(t, report.Err(), report)
	plain := itemsOf(report, check.Plaintext)
	require.Len(t, plain, 2)
	for _, i := range plain {
		require.Equal(t, check.OK, i.Status, report)
	}
	report = checked(t, publisherIn(t, w, nil), orders)
	i := requireStatus(t, check.Bad, report, check.NameServer, "")
	require.Contains(t, i.Advice, "Cluster.TLS")
}

// What becomes of a topic that does not exist, by the settings for its creation.
func TestCheckCreateTopics(t *testing.T) {
	for version, want := range map[headers.Version]check.Status{
		headers.Version5_5_0: check.OK, headers.Version4_9_7: check.Bad,
	} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := publisherOn(t, c, func(cfg *publisher.Config) {
				cfg.CreateTopics = topics.Config{Enabled: true, MessageType: topics.Delay}
			})
			report := checked(t, p, "missing")
			requireStatus(t, check.OK, report, check.Topic, "4 queues on each broker, message type DELAY")
			requireStatus(t, want, report, check.MessageType, "DELAY")
			require.Equal(t, want == check.OK, report.Err() == nil, report)
			requireStatus(t, check.OK, report, check.CreateTopics, "access control is off")
			require.NoError(t, checked(t, p, orders).Err(), "a type that is not needed")

			mixed := publisherOn(t, c, func(cfg *publisher.Config) {
				cfg.CreateTopics = topics.Config{Enabled: true, MessageType: topics.Mixed}
			})
			requireStatus(t, check.Bad, checked(t, mixed, "missing"), check.MessageType, "MIXED")

			onRequest(c, headers.CodeClusterInfo, withBody(t, `{"brokerAddrTable":{
				"broker-a":{"cluster":"one","brokerName":"broker-a","brokerAddrs":{0:"`+c.Broker(0).Addr()+`"}},
				"broker-b":{"cluster":"two","brokerName":"broker-b","brokerAddrs":{0:"`+c.Broker(0).Addr()+`"}}}}`))
			report = checked(t, p, "missing")
			require.ErrorIs(t, report.Err(), topics.ErrSeveralClusters)
			requireStatus(t, check.Bad, report, check.Topic, "cannot be created")
			require.ErrorIs(t, p.Publish("missing", newMessage("x")), topics.ErrSeveralClusters)

			named := publisherOn(t, c, func(cfg *publisher.Config) {
				cfg.CreateTopics = topics.Config{Enabled: true, Cluster: "one"}
			})
			i := requireStatus(t, check.OK, checked(t, named, "missing"), check.CreateTopics, "access control is off")
			require.Contains(t, i.Subject, "broker-a", "the only one of its cluster")
			require.NoError(t, named.Publish("missing", newMessage("x")))
			require.Contains(t, topicsIn(t, &world{embedded: c}, "missing"), topicOn{4, 4, headers.PermRead | headers.PermWrite, ""})
		}, embedded.WithoutAutoCreateTopic(), embedded.WithVersion(version))
	}
}

// What does not go with the brokers' version or ports.
func TestCheckAddressing(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		report := checked(t, publisherOn(t, c, func(cfg *publisher.Config) { cfg.Cluster.NamespaceV2 = "shop" }), orders)
		requireStatus(t, check.Bad, report, check.Namespace, "4.9.7 knows none")
		report = checked(t, publisherOn(t, c, func(cfg *publisher.Config) { cfg.Cluster.VIPChannel = true }), orders)
		brokers := itemsOf(report, check.Broker)
		require.Len(t, brokers, 2)
		require.Equal(t, check.Bad, brokers[1].Status)
		require.Contains(t, brokers[1].Advice, "Cluster.VIPChannel")
	}, embedded.WithVersion(headers.Version4_9_7), embedded.WithoutAutoCreateTopic())
}

// Err has what keeps messages from being published, Warnings the rest that is not as it should be.
func TestCheckWarnings(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		report := checked(t, publisherOn(t, c, nil), orders)
		require.NoError(t, report.Err())
		warnings := report.Warnings()
		require.Len(t, warnings, 1, report)
		require.Equal(t, check.AutoCreate, warnings[0].Aspect)
		require.Contains(t, report.String(), " 1 warning, 0 bad, 0 unknown")
		require.Contains(t, report.String(), "\nwarning  auto-create ")
		require.NotContains(t, report.String(), "BAD")

		// A broker's limit refuses messages that pass here: no mere warning.
		report = checked(t, publisherOn(t, c, func(cfg *publisher.Config) { cfg.MaxMessageSize = 8 << 20 }), orders)
		requireStatus(t, check.Bad, report, check.MessageSize, "4194304 bytes at most")
		require.Contains(t, report.String(), " 1 warning, 1 bad, 0 unknown")
		require.Contains(t, report.String(), "\nBAD      message size ")
		var item *check.Error
		require.ErrorAs(t, report.Err(), &item)
		require.Equal(t, check.MessageSize, item.Item.Aspect)
		require.NotContains(t, report.Err().Error(), "auto-create")
	})
}

// The command for a missing topic has the addresses and names of the cluster, also
// where there are several.
func TestCheckAdviceOnTopics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		require.Contains(t, requireStatus(t, check.Bad, checked(t, p, "missing"), check.Topic, "Publish fails").Advice,
			"mqadmin updateTopic -n "+c.NameServer(0).Addr()+" -c DefaultCluster -t missing -r 8 -w 8;")

		onRequest(c, headers.CodeClusterInfo, withBody(t, `{"brokerAddrTable":{
			"broker-a":{"cluster":"one","brokerName":"broker-a","brokerAddrs":{0:"`+c.Broker(0).Addr()+`"}},
			"broker-b":{"cluster":"two","brokerName":"broker-b","brokerAddrs":{0:"`+c.Broker(0).Addr()+`"}}}}`))
		require.Contains(t, item(t, checked(t, p, "missing"), check.Topic).Advice, " -c CLUSTER -t missing -r 8 -w 8, where CLUSTER is one of one, two;")
		named := publisherOn(t, c, func(cfg *publisher.Config) { cfg.CreateTopics.Cluster = "two" })
		require.Contains(t, item(t, checked(t, named, "missing"), check.Topic).Advice, " -c two -t missing ")
	}, embedded.WithoutAutoCreateTopic())
}

// Messages are published without the trace topic, but not traced.
func TestCheckTraceTopic(t *testing.T) {
	for _, creates := range []bool{true, false} {
		opts := []embedded.Option{embedded.WithTopic("traces", 1)}
		lost := "the broker that gets the first trace would create it"
		if !creates {
			opts, lost = append(opts, embedded.WithoutAutoCreateTopic()), "does not exist: traces are lost"
		}
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			require.Empty(t, itemsOf(checked(t, publisherOn(t, c, nil), orders), check.TraceTopic))
			to := func(topic string) check.Report {
				return checked(t, publisherOn(t, c, func(cfg *publisher.Config) {
					cfg.Trace = publisher.TraceConfig{Enabled: true, Topic: topic}
				}), orders)
			}
			requireStatus(t, check.OK, to("traces"), check.TraceTopic, "exists")
			report := to("")
			i := requireWarning(t, report, check.TraceTopic, lost)
			require.Equal(t, publisher.DefaultTraceTopic, i.Subject)
			require.Contains(t, i.Advice, "traceTopicEnable=true")
			require.NoError(t, report.Err())
			require.Equal(t, "create the topic", requireWarning(t, to("others"), check.TraceTopic, lost).Advice)
			c.Broker(0).SetPermission("traces", headers.PermRead)
			requireWarning(t, to("traces"), check.TraceTopic, "no queues that can be written to")
			onRequest(c, headers.CodeTopicRoute, func(embedded.Request) embedded.Fault { return embedded.Ignore() })
			requireWarning(t, to("traces"), check.TraceTopic, "no answer within 3s")
		}, opts...)
	}
}

// A certificate that ends soon is fit for use, and one of a short life is not always
// about to end.
func TestCheckCertificateEnd(t *testing.T) {
	const day = 24 * time.Hour
	for _, tc := range []struct {
		life, left time.Duration
		warns      bool
	}{
		{90 * day, 8 * day, false},
		{90 * day, 6 * day, true},
		{day, day, false},
		{day, 8 * time.Hour, false},
		{day, 5 * time.Hour, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			authority, err := testcert.NewAuthority()
			require.NoError(t, err)
			certificate, err := authority.Issue(func(c *x509.Certificate) {
				c.NotAfter = time.Now().Add(tc.left)
				c.NotBefore = c.NotAfter.Add(-tc.life)
			})
			require.NoError(t, err)
			c, err := embedded.Start(embedded.InMemory(), embedded.WithTLS(&tls.Config{Certificates: []tls.Certificate{certificate}}),
				embedded.WithTLSRequired(), embedded.WithTopic(orders, 1), embedded.WithoutAutoCreateTopic())
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, c.Close()) })
			report := checked(t, publisherOn(t, c, func(cfg *publisher.Config) { cfg.Cluster.TLS = &tls.Config{RootCAs: authority.Pool()} }), orders)
			require.NoError(t, report.Err())
			for _, i := range itemsOf(report, check.TLS) {
				require.Equal(t, tc.warns, i.Status == check.Warning, "%+v: %s", tc, report)
			}
			require.Len(t, itemsOf(report, check.TLS), 2)
		})
	}
}
