package topicadmin_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicadmin"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

var errClosed = errors.New("closed")

// groupTables are the groups of brokers, by the names of both.
type groupTables struct {
	mu     sync.Mutex
	tables map[string]map[string]headers.SubscriptionGroupConfig
	// refuse has the brokers that let nobody create a group, hang those that say nothing.
	refuse, hang map[string]bool
}

// answer does the work of a broker for the requests that are about groups.
func (g *groupTables) answer(t *testing.T, r embedded.Request) embedded.Fault {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.hang[r.Server] {
		return embedded.Ignore()
	}
	var body []byte
	code := headers.Success
	switch r.Code {
	case headers.CodeAllSubscriptionGroups:
		var err error
		if body, err = json.Marshal(map[string]any{"subscriptionGroupTable": g.tables[r.Server]}); err != nil {
			t.Error(err)
		}
	case headers.CodeCreateSubscriptionGroup:
		config, err := headers.ParseSubscriptionGroupConfig(r.Command.Body)
		if err != nil {
			t.Error(err)
		}
		if g.refuse[r.Server] {
			code = headers.NoPermission
			break
		}
		g.tables[r.Server][config.ConsumerGroup] = config
	default:
		return embedded.Fault{}
	}
	frame, err := headers.AppendAnswer(nil, headers.JSON, headers.Version5_5_0, r.Command.Opaque, code, "", nil, body)
	if err != nil {
		t.Error(err)
	}
	return embedded.AnswerBytes(frame)
}

func (g *groupTables) of(broker string) map[string]headers.SubscriptionGroupConfig {
	g.mu.Lock()
	defer g.mu.Unlock()
	return maps.Clone(g.tables[broker])
}

// inCluster runs a test with a Creator for three brokers, which have the groups of tables.
func inCluster(t *testing.T, test func(t *testing.T, c *embedded.Cluster, creator *topicadmin.Creator, tables *groupTables)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(embedded.InMemory(), embedded.WithBrokers(3))
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		tables := &groupTables{
			tables: make(map[string]map[string]headers.SubscriptionGroupConfig),
			refuse: make(map[string]bool), hang: make(map[string]bool),
		}
		for _, b := range c.Brokers() {
			tables.tables[b.Name()] = make(map[string]headers.SubscriptionGroupConfig)
		}
		c.Intercept(func(r embedded.Request) embedded.Fault { return tables.answer(t, r) })
		client, err := rocketmq.Connect(c.Config(), nil)
		require.NoError(t, err)
		defer client.Close()
		member := client.Session().NewMember(session.Role{})
		defer member.Leave()
		creator := topicadmin.New(topicadmin.Config{
			Client: member.Client(), Routes: member.Routes(), Topics: topics.Config{}.WithDefaults(), Logger: watermill.NopLogger{}, ErrClosed: errClosed,
		})
		defer creator.Close()
		test(t, c, creator, tables)
	})
}

// Masters without the group get it, those with it keep theirs, and nothing is left to do
// the second time.
func TestCreateGroup(t *testing.T) {
	inCluster(t, func(t *testing.T, c *embedded.Cluster, creator *topicadmin.Creator, tables *groupTables) {
		own := headers.NewSubscriptionGroupConfig("billing")
		own.RetryMaxTimes = 3
		tables.tables["broker-b"]["billing"] = own
		config := headers.NewSubscriptionGroupConfig("billing")
		require.NoError(t, creator.CreateGroup(t.Context(), config))
		require.NoError(t, creator.CreateGroup(t.Context(), config))
		require.Equal(t, map[string]headers.SubscriptionGroupConfig{"billing": config}, tables.of("broker-a"))
		require.Equal(t, map[string]headers.SubscriptionGroupConfig{"billing": own}, tables.of("broker-b"))
		require.Equal(t, map[string]headers.SubscriptionGroupConfig{"billing": config}, tables.of("broker-c"))
		created := 0
		for _, s := range c.Stats() {
			created += s.Requests[headers.CodeCreateSubscriptionGroup]
		}
		require.Equal(t, 2, created)
	})
}

// A broker that refuses keeps the others from nothing; one that cannot be asked keeps all.
func TestCreateGroupFails(t *testing.T) {
	inCluster(t, func(t *testing.T, c *embedded.Cluster, creator *topicadmin.Creator, tables *groupTables) {
		config := headers.NewSubscriptionGroupConfig("billing")
		tables.refuse["broker-b"] = true // nobody has connected yet
		err := creator.CreateGroup(t.Context(), config)
		var failed *topics.CreateGroupError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "billing", failed.Group)
		require.ElementsMatch(t, []string{"broker-a", "broker-c"}, failed.Created)
		require.Len(t, failed.Brokers, 1)
		require.Equal(t, "broker-b", failed.Brokers[0].Broker)
		require.ErrorContains(t, err, `cannot create consumer group "billing" on every broker (`)

		tables.mu.Lock()
		tables.hang["broker-a"] = true
		tables.mu.Unlock()
		other := headers.NewSubscriptionGroupConfig("shipping")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, creator.CreateGroup(ctx, other), context.DeadlineExceeded)
		require.ErrorAs(t, creator.CreateGroup(t.Context(), other), &failed, "it has a limit of its own")
		require.Empty(t, failed.Created)
		require.Equal(t, "broker-a", failed.Brokers[0].Broker)
		require.NotContains(t, tables.of("broker-c"), "shipping")

		creator.Close()
		err = creator.CreateGroup(t.Context(), other)
		require.ErrorAs(t, err, &failed)
		require.ErrorIs(t, err, errClosed)
	})
}
