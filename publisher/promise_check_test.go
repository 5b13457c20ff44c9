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

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/testcert"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
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
// looked at, as not known.
func TestCheckWithoutTime(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		cause := errors.New("no time")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(cause)
		report, err := p.Check(ctx, orders, "bad name\x00")
		require.NoError(t, err)
		require.NoError(t, report.Without(publisher.CheckTLS).Err())
		require.Equal(t, 1, report.Count(publisher.CheckOK), "TLS is off whatever the time is: %s", report)
		for _, aspect := range []publisher.CheckAspect{publisher.CheckNameServer, publisher.CheckBrokers, publisher.CheckBroker, publisher.CheckClock} {
			requireVerdict(t, publisher.CheckNotKnown, report, aspect, "no time")
		}
		require.Zero(t, c.Stats().Requests(headers.CodeHeartbeat))
	})
}

// A server that hangs costs 3 s, or what the context leaves.
func TestCheckHangingServers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		onRequest(c, headers.CodeHeartbeat, func(embedded.Request) embedded.Fault { return embedded.Ignore() })
		report := check(t, p, orders)
		require.Equal(t, 3*time.Second, report.Took)
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckHeartbeat, "no answer within 3s")
		requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckCredentials, "the heartbeat failed")
		requireVerdict(t, publisher.CheckOK, report, publisher.CheckMessageSize, "4194304")

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		report, err := p.Check(ctx, orders)
		require.NoError(t, err)
		require.Equal(t, time.Second, report.Took)
		requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckHeartbeat, "the check has ended")
		requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckMessageSize, "the check has ended")
		requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckClock, "the check has ended")
		requireVerdict(t, publisher.CheckOK, report, publisher.CheckTopic, "exists")

		onRequest(c, headers.CodeClusterInfo, func(embedded.Request) embedded.Fault { return embedded.Ignore() })
		report = check(t, p, orders)
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckNameServer, "no answer within 3s")
		requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckBrokers, "no name server has told")
		requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckTopic, "no name server answers")
	})
}

// Close waits for a check, and cuts it off when its time is over.
func TestCheckAndClose(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := unclosedPublisherOn(t, c, func(cfg *publisher.Config) { cfg.CloseTimeout = time.Second })
		onRequest(c, headers.CodeHeartbeat, func(embedded.Request) embedded.Fault { return embedded.Ignore() })
		done := make(chan publisher.CheckReport, 1)
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
		requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckHeartbeat, "publisher closed")
		_, err := p.Check(t.Context(), orders)
		require.ErrorIs(t, err, publisher.ErrClosed)
	})
}

func TestCheckNameServers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		report := check(t, p, orders)
		require.Len(t, itemsOf(report, publisher.CheckNameServer), 2)
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
		report = check(t, p, orders)
		requireWarning(t, report, publisher.CheckTopic, "name server "+c.NameServer(1).Addr()+" does not know it")
		requireWarning(t, report, publisher.CheckBrokers, c.NameServer(1).Addr()+" does not know broker-a")
		requireVerdict(t, publisher.CheckOK, report, publisher.CheckBroker, "5.5.0")
		require.NoError(t, publisherOn(t, c, nil).Publish(orders, newMessage("x")))
		remove()

		c.NameServer(1).Stop()
		report = check(t, p, orders)
		servers := itemsOf(report, publisher.CheckNameServer)
		require.Equal(t, publisher.CheckOK, servers[0].Verdict)
		require.Equal(t, publisher.CheckBad, servers[1].Verdict)
		require.True(t, servers[1].Warning, "the other is asked instead")
		require.Equal(t, c.NameServer(1).Addr(), servers[1].Subject)
		requireVerdict(t, publisher.CheckOK, report, publisher.CheckTopic, "exists")

		// A proxy in the name server's place knows routes only.
		onRequest(c, headers.CodeClusterInfo, func(embedded.Request) embedded.Fault { return embedded.Answer(headers.RequestNotSupported, "no") })
		report = check(t, p, orders)
		require.Contains(t, itemsOf(report, publisher.CheckNameServer)[0].Reason, "it is a proxy")
		requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckBrokers, "no name server has told")
		requireVerdict(t, publisher.CheckOK, report, publisher.CheckBroker, "5.5.0")
		creates := publisherOn(t, c, func(cfg *publisher.Config) { cfg.CreateTopics.Enabled = true })
		requireVerdict(t, publisher.CheckBad, check(t, creates, "missing"), publisher.CheckTopic, "a proxy creates none")
	}, embedded.WithNameServers(2))
}

func TestCheckBrokersGone(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		c.Broker(0).Kill()
		report := check(t, p, orders)
		brokers := itemsOf(report, publisher.CheckBroker)
		require.Len(t, brokers, 2)
		require.Equal(t, publisher.CheckBad, brokers[0].Verdict, report)
		require.Contains(t, brokers[0].Advice, "brokerIP1")
		require.Equal(t, publisher.CheckOK, brokers[1].Verdict, report)

		// Without any master there is none that gets the others' messages.
		remove := onRequest(c, headers.CodeClusterInfo, withBody(t, `{"brokerAddrTable":{
			"broker-a":{"cluster":"c","brokerName":"broker-a","brokerAddrs":{1:"`+c.Broker(0).Addr()+`"}}}}`))
		requireVerdict(t, publisher.CheckBad, check(t, p), publisher.CheckBroker, "it has no master")
		remove()

		c.Broker(0).Unregister()
		c.Broker(1).Unregister()
		report = check(t, p, orders)
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckBrokers, "no broker is registered")
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckTopic, "does not exist, as far as is known without a broker")
		requireVerdict(t, publisher.CheckNotKnown, report, publisher.CheckBroker, "no name server has told of a broker")
	}, embedded.WithBrokers(2))
}

// A topic that brokers exist for, but not for writing; and one that cannot be.
func TestCheckTopics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(cfg *publisher.Config) { cfg.Topics = marshaler.PlainTopics{} })
		c.Broker(0).SetPermission(orders, headers.PermRead)
		report := check(t, p, orders)
		requireWarning(t, report, publisher.CheckWritePermission, "broker-a does not let producers write; others get all messages")
		c.Broker(1).SetPermission(orders, headers.PermRead)
		report = check(t, p, orders)
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckWritePermission, "no broker lets producers write")
		c.Broker(0).SetQueues(orders, 1, 0)
		c.Broker(1).SetQueues(orders, 1, 0)
		report = check(t, p, orders)
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckTopic, "no queues to write to")

		report = check(t, p, "not.a.topic")
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckTopic, "not.a.topic")

		remove := onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[
			{"brokerName":"broker-a","readQueueNums":4,"writeQueueNums":4,"perm":6},
			{"brokerName":"broker-b","readQueueNums":4,"writeQueueNums":4,"perm":6}],
			"brokerDatas":[
			{"cluster":"c","brokerName":"broker-a","brokerAddrs":{"1":"127.0.0.1:1"}},
			{"cluster":"c","brokerName":"broker-b","brokerAddrs":{"0":"`+c.Broker(1).Addr()+`"}}]}`))
		report = check(t, p, orders)
		requireWarning(t, report, publisher.CheckMaster, "broker-a has no master: its queues get no messages")
		require.True(t, itemsOf(report, publisher.CheckBroker)[0].Warning, report)
		require.NoError(t, report.Err())
		remove()
		// The one with a master is closed: nothing is left.
		remove = onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[
			{"brokerName":"broker-a","readQueueNums":4,"writeQueueNums":4,"perm":6},
			{"brokerName":"broker-b","readQueueNums":4,"writeQueueNums":4,"perm":4}],
			"brokerDatas":[
			{"cluster":"c","brokerName":"broker-a","brokerAddrs":{"1":"127.0.0.1:1"}},
			{"cluster":"c","brokerName":"broker-b","brokerAddrs":{"0":"`+c.Broker(1).Addr()+`"}}]}`))
		report = check(t, p, orders)
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckMaster, "broker-a has no master")
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckWritePermission, "broker-b does not let producers write")
		remove()
		onRequest(c, headers.CodeTopicRoute, withBody(t, `{"queueDatas":[],"brokerDatas":[],"topicQueueMappingByBroker":{"broker-a":{}}}`))
		report = check(t, p, orders)
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckTopic, "static topic")
	}, embedded.WithBrokers(2))
}

// A broker that keeps its configuration to itself, and whose clock goes wrong.
func TestCheckRevealsLittle(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		info := func(body string) publisher.CheckReport {
			defer onRequest(c, headers.CodeRuntimeInfo, withBody(t, body))()
			return check(t, p, orders)
		}
		// The broker's seconds are whole, so half a second is added to them.
		started := func(ago time.Duration) string {
			const body = `{"table":{"bootTimestamp":"%d","runtime":"[ 1 days, 2 hours, 3 minutes, 4 seconds ]"}}`
			return fmt.Sprintf(body, time.Now().Add(-ago-500*time.Millisecond).UnixMilli())
		}
		const up = 26*time.Hour + 3*time.Minute + 4*time.Second
		requireVerdict(t, publisher.CheckOK, info(started(up)), publisher.CheckClock, "the same as this machine's")
		requireVerdict(t, publisher.CheckOK, info(started(up+3*time.Second)), publisher.CheckClock, "within 5s of this machine's")
		i := requireWarning(t, info(started(up-time.Minute)), publisher.CheckClock, "about 1m0s ahead of this machine's")
		require.Contains(t, i.Advice, "NTP")
		requireWarning(t, info(started(up+2*time.Hour)), publisher.CheckClock, "about 2h0m0s behind this machine's")
		requireVerdict(t, publisher.CheckNotKnown, info(`{"table":{"runtime":"for ever"}}`), publisher.CheckClock, "no bootTimestamp and runtime")
		requireVerdict(t, publisher.CheckNotKnown, info(`{}`), publisher.CheckClock, "malformed")

		no := func(embedded.Request) embedded.Fault {
			return embedded.Answer(headers.NoPermission, "User:x has no permission to access Cluster:y from 127.0.0.1")
		}
		onRequest(c, headers.CodeRuntimeInfo, no)
		onRequest(c, headers.CodeBrokerConfig, no)
		report := check(t, p, orders)
		for _, aspect := range []publisher.CheckAspect{
			publisher.CheckClock, publisher.CheckMessageSize, publisher.CheckTimer, publisher.CheckRecall, publisher.CheckAutoCreate,
		} {
			i := requireVerdict(t, publisher.CheckNotKnown, report, aspect, "no permission")
			var refused *publisher.PermissionError
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
	report := check(t, publisherIn(t, w, func(c *publisher.Config) { c.TLS = &tls.Config{RootCAs: pool} }), orders)
	require.NoError(t, report.Err(), report)
	plain := itemsOf(report, publisher.CheckPlaintext)
	require.Len(t, plain, 2)
	for _, i := range plain {
		require.Equal(t, publisher.CheckOK, i.Verdict, report)
	}
	report = check(t, publisherIn(t, w, nil), orders)
	i := requireVerdict(t, publisher.CheckBad, report, publisher.CheckNameServer, "")
	require.Contains(t, i.Advice, "Config.TLS")
}

// What becomes of a topic that does not exist, by the settings for its creation.
func TestCheckCreateTopics(t *testing.T) {
	for version, want := range map[headers.Version]publisher.CheckVerdict{
		headers.Version5_5_0: publisher.CheckOK, headers.Version4_9_7: publisher.CheckBad,
	} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			p := publisherOn(t, c, func(cfg *publisher.Config) {
				cfg.CreateTopics = publisher.CreateTopicsConfig{Enabled: true, MessageType: publisher.DelayTopic}
			})
			report := check(t, p, "missing")
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckTopic, "4 queues on each broker, message type DELAY")
			requireVerdict(t, want, report, publisher.CheckMessageType, "DELAY")
			require.Equal(t, want == publisher.CheckOK, report.Err() == nil, report)
			requireVerdict(t, publisher.CheckOK, report, publisher.CheckCreateTopics, "access control is off")
			require.NoError(t, check(t, p, orders).Err(), "a type that is not needed")

			mixed := publisherOn(t, c, func(cfg *publisher.Config) {
				cfg.CreateTopics = publisher.CreateTopicsConfig{Enabled: true, MessageType: publisher.MixedTopic}
			})
			requireVerdict(t, publisher.CheckBad, check(t, mixed, "missing"), publisher.CheckMessageType, "MIXED")

			onRequest(c, headers.CodeClusterInfo, withBody(t, `{"brokerAddrTable":{
				"broker-a":{"cluster":"one","brokerName":"broker-a","brokerAddrs":{0:"`+c.Broker(0).Addr()+`"}},
				"broker-b":{"cluster":"two","brokerName":"broker-b","brokerAddrs":{0:"`+c.Broker(0).Addr()+`"}}}}`))
			report = check(t, p, "missing")
			require.ErrorIs(t, report.Err(), publisher.ErrSeveralClusters)
			requireVerdict(t, publisher.CheckBad, report, publisher.CheckTopic, "cannot be created")
			require.ErrorIs(t, p.Publish("missing", newMessage("x")), publisher.ErrSeveralClusters)

			named := publisherOn(t, c, func(cfg *publisher.Config) {
				cfg.CreateTopics = publisher.CreateTopicsConfig{Enabled: true, Cluster: "one"}
			})
			i := requireVerdict(t, publisher.CheckOK, check(t, named, "missing"), publisher.CheckCreateTopics, "access control is off")
			require.Contains(t, i.Subject, "broker-a", "the only one of its cluster")
			require.NoError(t, named.Publish("missing", newMessage("x")))
			require.Contains(t, topicsIn(t, &world{embedded: c}, "missing"), topicOn{4, 4, headers.PermRead | headers.PermWrite, ""})
		}, embedded.WithoutAutoCreateTopic(), embedded.WithVersion(version))
	}
}

// What does not go with the brokers' version or ports.
func TestCheckAddressing(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		report := check(t, publisherOn(t, c, func(cfg *publisher.Config) { cfg.NamespaceV2 = "shop" }), orders)
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckNamespace, "4.9.7 knows none")
		report = check(t, publisherOn(t, c, func(cfg *publisher.Config) { cfg.VIPChannel = true }), orders)
		brokers := itemsOf(report, publisher.CheckBroker)
		require.Len(t, brokers, 2)
		require.Equal(t, publisher.CheckBad, brokers[1].Verdict)
		require.Contains(t, brokers[1].Advice, "Config.VIPChannel")
	}, embedded.WithVersion(headers.Version4_9_7), embedded.WithoutAutoCreateTopic())
}

// Err has what keeps messages from being published, Warnings the rest of the bad.
func TestCheckWarnings(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		report := check(t, publisherOn(t, c, nil), orders)
		require.NoError(t, report.Err())
		warnings := report.Warnings()
		require.Len(t, warnings, 1, report)
		require.Equal(t, publisher.CheckAutoCreate, warnings[0].Aspect)
		require.Contains(t, report.String(), " 1 bad (warnings only), 0 not known")
		require.Contains(t, report.String(), "\nwarn       auto-create ")
		require.NotContains(t, report.String(), "BAD")

		// A broker's limit refuses messages that pass here: no mere warning.
		report = check(t, publisherOn(t, c, func(cfg *publisher.Config) { cfg.MaxMessageSize = 8 << 20 }), orders)
		requireVerdict(t, publisher.CheckBad, report, publisher.CheckMessageSize, "4194304 bytes at most")
		require.Contains(t, report.String(), " 2 bad (1 of them warnings), 0 not known")
		require.Contains(t, report.String(), "\nBAD        message size ")
		var item *publisher.CheckError
		require.ErrorAs(t, report.Err(), &item)
		require.Equal(t, publisher.CheckMessageSize, item.Item.Aspect)
		require.NotContains(t, report.Err().Error(), "auto-create")
	})
}

// The command for a missing topic has the addresses and names of the cluster, also
// where there are several.
func TestCheckAdviceOnTopics(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		require.Contains(t, requireVerdict(t, publisher.CheckBad, check(t, p, "missing"), publisher.CheckTopic, "Publish fails").Advice,
			"mqadmin updateTopic -n "+c.NameServer(0).Addr()+" -c DefaultCluster -t missing -r 8 -w 8;")

		onRequest(c, headers.CodeClusterInfo, withBody(t, `{"brokerAddrTable":{
			"broker-a":{"cluster":"one","brokerName":"broker-a","brokerAddrs":{0:"`+c.Broker(0).Addr()+`"}},
			"broker-b":{"cluster":"two","brokerName":"broker-b","brokerAddrs":{0:"`+c.Broker(0).Addr()+`"}}}}`))
		require.Contains(t, item(t, check(t, p, "missing"), publisher.CheckTopic).Advice, " -c CLUSTER -t missing -r 8 -w 8, where CLUSTER is one of one, two;")
		named := publisherOn(t, c, func(cfg *publisher.Config) { cfg.CreateTopics.Cluster = "two" })
		require.Contains(t, item(t, check(t, named, "missing"), publisher.CheckTopic).Advice, " -c two -t missing ")
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
			require.Empty(t, itemsOf(check(t, publisherOn(t, c, nil), orders), publisher.CheckTrace))
			to := func(topic string) publisher.CheckReport {
				return check(t, publisherOn(t, c, func(cfg *publisher.Config) {
					cfg.Trace = publisher.TraceConfig{Enabled: true, Topic: topic}
				}), orders)
			}
			requireVerdict(t, publisher.CheckOK, to("traces"), publisher.CheckTrace, "exists")
			report := to("")
			i := requireWarning(t, report, publisher.CheckTrace, lost)
			require.Equal(t, publisher.DefaultTraceTopic, i.Subject)
			require.Contains(t, i.Advice, "traceTopicEnable=true")
			require.NoError(t, report.Err())
			require.Equal(t, "create the topic", requireWarning(t, to("others"), publisher.CheckTrace, lost).Advice)
			c.Broker(0).SetPermission("traces", headers.PermRead)
			requireWarning(t, to("traces"), publisher.CheckTrace, "no queues that can be written to")
			onRequest(c, headers.CodeTopicRoute, func(embedded.Request) embedded.Fault { return embedded.Ignore() })
			requireWarning(t, to("traces"), publisher.CheckTrace, "no answer within 3s")
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
			report := check(t, publisherOn(t, c, func(cfg *publisher.Config) { cfg.TLS = &tls.Config{RootCAs: authority.Pool()} }), orders)
			require.NoError(t, report.Err())
			for _, i := range itemsOf(report, publisher.CheckTLS) {
				require.Equal(t, tc.warns, i.Warning, "%+v: %s", tc, report)
				require.Equal(t, tc.warns, i.Verdict == publisher.CheckBad, report)
			}
			require.Len(t, itemsOf(report, publisher.CheckTLS), 2)
		})
	}
}
