package preflight_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/check"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/preflight"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

// answers has brokers answer requests of some codes in place of their own answers.
func answers(t *testing.T, c *embedded.Cluster, bodies map[headers.RequestCode]func() (headers.ResponseCode, string, []byte)) {
	c.Intercept(func(r embedded.Request) embedded.Fault {
		answer, ok := bodies[r.Code]
		if !ok {
			return embedded.Fault{}
		}
		code, remark, body := answer()
		frame, err := headers.AppendAnswer(nil, headers.JSON, headers.Version5_5_0, r.Command.Opaque, code, remark, nil, body)
		if err != nil {
			t.Error(err)
		}
		return embedded.AnswerBytes(frame)
	})
}

// checkFor runs the check of a subscriber of group billing.
func checkFor(t *testing.T, c *embedded.Cluster, change func(*preflight.Config), names ...string) check.Report {
	t.Helper()
	cluster := c.Config()
	client, err := rocketmq.Connect(cluster, nil)
	require.NoError(t, err)
	defer client.Close()
	m := client.Session().NewMember(session.Role{})
	defer m.Leave()
	require.NoError(t, m.Join())
	require.NoError(t, m.SetConsumers([]headers.ConsumerData{{Group: "billing"}}))
	cfg := preflight.Config{
		Use: preflight.Subscribing, Client: m.Client(), Routes: m.Routes(), Cluster: client.Cluster(),
		Topic:    func(topic string) (string, error) { return topic, nil },
		SendAddr: client.Session().SendAddr, Group: "billing", Heartbeat: m.Heartbeat,
		DefaultTopic: headers.DefaultTopic, CreateTopics: topics.Config{}.WithDefaults(), ErrClosed: errors.New("closed"),
	}
	if change != nil {
		change(&cfg)
	}
	report, err := preflight.Run(t.Context(), cfg, names)
	require.NoError(t, err)
	return report
}

// inBubble runs a test with one broker that has the topic orders.
func inBubble(t *testing.T, test func(t *testing.T, c *embedded.Cluster), opts ...embedded.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(append([]embedded.Option{embedded.InMemory(), embedded.WithTopic("orders", 4)}, opts...)...)
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		test(t, c)
	})
}

// item returns the only item of the aspect.
func item(t *testing.T, r check.Report, aspect check.Aspect) check.Item {
	t.Helper()
	var found []check.Item
	for _, i := range r.Items {
		if i.Aspect == aspect {
			found = append(found, i)
		}
	}
	require.Len(t, found, 1, "%s in\n%s", aspect, r)
	return found[0]
}

// What a subscriber does not need is not looked at, and nothing speaks of publishing.
func TestCheckOfSubscriber(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		r := checkFor(t, c, nil, "orders")
		require.NotContains(t, r.String(), "Publish")
		require.NotContains(t, r.String(), "producer")
		require.Zero(t, r.Without(check.MessageSize, check.Timer, check.Recall, check.WritePermission).Count(check.Bad))
		for _, aspect := range []check.Aspect{check.MessageSize, check.Timer, check.Recall, check.WritePermission} {
			for _, i := range r.Items {
				require.NotEqual(t, aspect, i.Aspect)
			}
		}
		require.Equal(t, check.OK, item(t, r, check.ReadPermission).Status)
		require.Equal(t, check.OK, item(t, r, check.Master).Status)
		require.Contains(t, item(t, r, check.Heartbeat).Reason, `taken from consumer group "billing"`)
		require.Contains(t, item(t, r, check.Topic).Reason, "exists, 4 queues")

		r = checkFor(t, c, nil, "missing")
		i := item(t, r, check.Topic)
		require.Equal(t, check.Warning, i.Status)
		require.Equal(t, "does not exist: Subscribe waits until it does", i.Reason)
		require.Contains(t, i.Advice, "mqadmin updateTopic -n ")
		r = checkFor(t, c, func(cfg *preflight.Config) { cfg.CreateTopics.Enabled = true }, "missing")
		require.Contains(t, item(t, r, check.Topic).Reason, "the first Subscribe creates it on all masters")
	})
}

// Queues and permission to read count, and those to write do not.
func TestCheckOfReadPermission(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Broker(0).SetQueues("orders", 4, 0)
		c.Broker(0).SetPermission("orders", headers.PermRead)
		require.NoError(t, checkFor(t, c, nil, "orders").Err())
		c.Broker(0).SetPermission("orders", headers.PermWrite)
		r := checkFor(t, c, nil, "orders")
		require.Equal(t, check.Bad, item(t, r, check.ReadPermission).Status)
		c.Broker(0).SetPermission("orders", headers.PermRead|headers.PermWrite)
		c.Broker(0).SetQueues("orders", 0, 4)
		require.Equal(t, "has no queues to read from on broker-a", item(t, checkFor(t, c, nil, "orders"), check.Topic).Reason)
	})
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.Broker(1).SetPermission("orders", headers.PermWrite)
		i := item(t, checkFor(t, c, nil, "orders"), check.ReadPermission)
		require.Equal(t, check.Warning, i.Status)
		require.Equal(t, "broker-b does not let consumers read: what is there is not received", i.Reason)
	}, embedded.WithBrokers(2))
}

// A group has to exist and be enabled, or the broker has to create it. To look must create
// none: the request that does is not sent to a broker that may.
func TestCheckOfConsumerGroup(t *testing.T) {
	config := func(change func(*headers.SubscriptionGroupConfig)) *headers.SubscriptionGroupConfig {
		g := headers.NewSubscriptionGroupConfig("billing")
		if change != nil {
			change(&g)
		}
		return &g
	}
	for name, tc := range map[string]struct {
		auto   string // autoCreateSubscriptionGroup, empty if it is not told
		group  *headers.SubscriptionGroupConfig
		code   headers.ResponseCode // of an answer to the question for the group
		status check.Status
		reason string
	}{
		"exists":                    {"false", config(nil), 0, check.OK, `group "billing" exists and may consume`},
		"exists, others are made":   {"true", config(nil), 0, check.OK, `group "billing" exists and may consume`},
		"disabled":                  {"false", config(func(g *headers.SubscriptionGroupConfig) { g.ConsumeEnable = false }), 0, check.Bad, "consumeEnable=false"},
		"disabled, others are made": {"true", config(func(g *headers.SubscriptionGroupConfig) { g.ConsumeEnable = false }), 0, check.Bad, "consumeEnable=false"},
		"no retry queue":            {"true", config(func(g *headers.SubscriptionGroupConfig) { g.RetryQueues = 0 }), 0, check.Warning, "without a retry queue"},
		"is made":                   {"true", nil, 0, check.OK, "the broker creates it"},
		"missing":                   {"false", nil, headers.SubscriptionGroupNotExist, check.Bad, "the broker creates none"},
		"missing in 5.1.4":          {"false", nil, headers.SystemError, check.Bad, "the broker creates none"},
		"missing, nothing told":     {"", nil, 0, check.Unknown, "no autoCreateSubscriptionGroup"},
		"refused":                   {"false", nil, headers.NoPermission, check.Unknown, "does not tell its consumer groups"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				encode := func(data any) []byte {
					body, err := json.Marshal(data)
					if err != nil {
						t.Error(err)
					}
					return body
				}
				answers(t, c, map[headers.RequestCode]func() (headers.ResponseCode, string, []byte){
					headers.CodeBrokerConfig: func() (headers.ResponseCode, string, []byte) {
						if tc.auto == "" {
							return headers.Success, "", []byte("brokerName=broker-a\n")
						}
						return headers.Success, "", []byte("autoCreateSubscriptionGroup=" + tc.auto + "\n")
					},
					headers.CodeSubscriptionGroup: func() (headers.ResponseCode, string, []byte) {
						if tc.auto != "false" {
							t.Error("the broker would create the group")
						}
						if tc.group == nil {
							return tc.code, "No group in this broker", nil
						}
						return headers.Success, "", encode(tc.group)
					},
					headers.CodeAllSubscriptionGroups: func() (headers.ResponseCode, string, []byte) {
						table := map[string]any{"other": config(nil)}
						if tc.group != nil {
							table["billing"] = tc.group
						}
						return headers.Success, "", encode(map[string]any{"subscriptionGroupTable": table})
					},
				})
				i := item(t, checkFor(t, c, nil, "orders"), check.ConsumerGroup)
				require.Equal(t, tc.status, i.Status, i.Reason)
				require.Contains(t, i.Reason, tc.reason)
			})
		})
	}
}

// Without a group there is none to look at, and an unreachable broker has the same items.
func TestCheckItemsOfBrokers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		aspects := func(r check.Report) (of []check.Aspect) {
			for _, i := range r.Items {
				of = append(of, i.Aspect)
			}
			return of
		}
		without := func(cfg *preflight.Config) {
			cfg.Group, cfg.Heartbeat = "", func(context.Context, string) error { return nil }
		}
		for _, change := range []func(*preflight.Config){nil, without} {
			reached := aspects(checkFor(t, c, change, "orders"))
			require.Equal(t, change == nil, slices.Contains(reached, check.ConsumerGroup))
			c.Broker(0).Kill()
			require.Equal(t, reached, aspects(checkFor(t, c, change, "orders")))
			require.NoError(t, c.Broker(0).Start())
		}
	})
}
