package publisher

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/topics"
)

func TestConfigDefaults(t *testing.T) {
	var c Config
	c.setDefaults()
	require.Equal(t, "watermill_producer", c.ProducerGroup)
	require.Equal(t, 3*time.Second, c.SendTimeout)
	require.Equal(t, CompressionConfig{Codec: Zlib, Threshold: 4096}, c.Compression)
	require.Equal(t, topics.AutoCreate{DefaultTopic: "TBW102", Queues: 4}, c.AutoCreate)
	require.Equal(t, topics.Config{Queues: 4, Permission: topics.ReadWrite}, c.CreateTopics)
	require.Equal(t, 4<<20, c.MaxMessageSize)
	require.Equal(t, 32000, c.MaxPropertiesSize)
	require.Equal(t, 2*time.Second, c.AttemptTimeout)
	require.Equal(t, AvoidanceConfig{SlowAfter: 550 * time.Millisecond, FailedFor: 10 * time.Second}, c.Avoidance)
	require.Equal(t, BackoffConfig{Min: 10 * time.Millisecond, Max: time.Second}, c.Backoff)
	require.Equal(t, BatchConfig{MaxMessages: 1024, MaxBytes: 1 << 20}, c.Batch)
	require.Equal(t, WaitingConfig{Messages: 65536, Bytes: 64 << 20}, c.Waiting)
	require.Equal(t, TraceConfig{Topic: "RMQ_SYS_TRACE_TOPIC", Waiting: 65536}, c.Trace)
	require.Equal(t, 3*24*time.Hour, c.Delay.Max)
	require.Equal(t, headers.DelayLevels(), c.Delay.Levels)
	require.False(t, c.Delay.RequireLevel)
	require.Equal(t, rocketmq.BinaryHeaders, c.Cluster.Headers)
	require.Equal(t, 3*time.Second, c.Cluster.DialTimeout)
	require.Equal(t, 30*time.Second, c.Cluster.HeartbeatInterval)
	require.Equal(t, 30*time.Second, c.Cluster.RouteRefreshInterval)
	require.Equal(t, 10*time.Second, c.CloseTimeout)
	require.False(t, c.RequireDurable)
}

func TestConfigDefaultsAreValid(t *testing.T) {
	require.NoError(t, Config{Cluster: rocketmq.Cluster{NameServers: []string{"localhost:9876"}}}.Validate())
	require.NoError(t, Config{Cluster: rocketmq.Cluster{NameServers: []string{"[::1]:9876", " ns.example:9876 "}}}.Validate())
}

// Every fault is named by its field, and all faults are found at once.
func TestConfigFaults(t *testing.T) {
	names := []string{"127.0.0.1:9876"}
	valid := rocketmq.Cluster{NameServers: names}
	for field, c := range map[string]Config{
		"Cluster.NameServers":                     {},
		"Cluster.NameServers[1]":                  {Cluster: rocketmq.Cluster{NameServers: []string{"a:1", "no port"}}},
		"ProducerGroup":                           {Cluster: valid, ProducerGroup: "with space"},
		"AutoCreate.DefaultTop":                   {Cluster: valid, AutoCreate: topics.AutoCreate{DefaultTopic: "with.dot"}},
		"AutoCreate.Queues":                       {Cluster: valid, AutoCreate: topics.AutoCreate{Queues: -1}},
		"CreateTopics.Queues":                     {Cluster: valid, CreateTopics: topics.Config{Queues: -1}},
		"CreateTopics.MessageType":                {Cluster: valid, CreateTopics: topics.Config{MessageType: "fifo"}},
		"CreateTopics.Permission":                 {Cluster: valid, CreateTopics: topics.Config{Permission: "R"}},
		"Compression.Codec":                       {Cluster: valid, Compression: CompressionConfig{Codec: "gzip"}},
		"Compression.Level":                       {Cluster: valid, Compression: CompressionConfig{Level: 10}},
		"Compression.Threshold":                   {Cluster: valid, Compression: CompressionConfig{Threshold: -1}},
		"Batch.MaxMessages":                       {Cluster: valid, Batch: BatchConfig{MaxMessages: -1}},
		"Batch.MaxBytes":                          {Cluster: valid, Batch: BatchConfig{MaxBytes: 8 << 20}},
		"Batch.Linger":                            {Cluster: valid, Batch: BatchConfig{Linger: 3 * time.Second}},
		"Waiting.Messages":                        {Cluster: valid, Waiting: WaitingConfig{Messages: -1}},
		"Waiting.Bytes":                           {Cluster: valid, Waiting: WaitingConfig{Bytes: -1}},
		"Trace.Topic":                             {Cluster: valid, Trace: TraceConfig{Topic: "with.dot"}},
		"Trace.Waiting":                           {Cluster: valid, Trace: TraceConfig{Waiting: -1}},
		"MaxMessageSize":                          {Cluster: valid, MaxMessageSize: 16 << 20},
		"MaxPropertiesSize":                       {Cluster: valid, MaxPropertiesSize: 32768},
		"Cluster.Headers":                         {Cluster: rocketmq.Cluster{NameServers: names, Headers: "xml"}},
		"Queues.KeyHash":                          {Cluster: valid, Queues: QueuesConfig{KeyHash: "murmur"}},
		"Queues.KeyHashFunc":                      {Cluster: valid, Queues: QueuesConfig{KeyHash: routing.JavaHash, KeyHashFunc: routing.SipHash.Sum}},
		"SendTimeout":                             {Cluster: valid, SendTimeout: -1},
		"AttemptTimeout":                          {Cluster: valid, AttemptTimeout: -1},
		"Backoff.Min":                             {Cluster: valid, Backoff: BackoffConfig{Min: 2, Max: 1}},
		"Backoff.Max":                             {Cluster: valid, Backoff: BackoffConfig{Max: -1}},
		"Cluster.DialTimeout":                     {Cluster: rocketmq.Cluster{NameServers: names, DialTimeout: -1}},
		"Cluster.HeartbeatInterval":               {Cluster: rocketmq.Cluster{NameServers: names, HeartbeatInterval: -1}},
		"Cluster.RouteRefreshInterval":            {Cluster: rocketmq.Cluster{NameServers: names, RouteRefreshInterval: -1}},
		"CloseTimeout":                            {Cluster: valid, CloseTimeout: -1},
		"Cluster.NameServers and Resolv":          {Cluster: rocketmq.Cluster{NameServers: names, Resolver: routing.DNSResolver{Names: names}}},
		"Cluster.Resolver: HTTPResolver: the URL": {Cluster: rocketmq.Cluster{Resolver: routing.NewHTTPResolver("host:8080")}},
		"Cluster.ResolveInterval":                 {Cluster: rocketmq.Cluster{Resolver: routing.DNSResolver{Names: names}, ResolveInterval: -1}},
		"without a Resolver":                      {Cluster: rocketmq.Cluster{NameServers: names, ResolveInterval: time.Minute}},
		"Avoidance.SlowAfter":                     {Cluster: valid, Avoidance: AvoidanceConfig{SlowAfter: -1}},
		"Avoidance.FailedFor":                     {Cluster: valid, Avoidance: AvoidanceConfig{FailedFor: -1}},
		"Delay.Max":                               {Cluster: valid, Delay: DelayConfig{Max: -1}},
		"Delay.Levels":                            {Cluster: valid, Delay: DelayConfig{Levels: []time.Duration{}}},
		"Delay.Levels[1]":                         {Cluster: valid, Delay: DelayConfig{Levels: []time.Duration{time.Second, 0}}},
	} {
		t.Run(field, func(t *testing.T) {
			require.ErrorContains(t, c.Validate(), field)
			_, err := New(c, nil)
			require.ErrorContains(t, err, field)
		})
	}
	for name, state := range map[string]string{"": "empty", DefaultProducerGroup: `"watermill_producer", the default`} {
		shared := Config{Cluster: valid, ProducerGroup: name, Transaction: TransactionConfig{
			Check: func(context.Context, CheckedMessage) TransactionState { return TransactionUnknown },
		}}
		require.EqualError(t, shared.Validate(), "publisher: config: ProducerGroup is "+state+": with Transaction.Check it has to be "+
			"a name of the program's own, since a broker asks any producer of the group about a transaction")
		shared.ProducerGroup = "shop"
		require.NoError(t, shared.Validate())
	}

	group := Config{Cluster: valid, ProducerGroup: strings.Repeat("g", 121)}
	require.ErrorContains(t, group.Validate(), "ProducerGroup")

	both := Config{ProducerGroup: "?", SendTimeout: -1}.Validate()
	require.ErrorContains(t, both, "Cluster.NameServers")
	require.ErrorContains(t, both, "ProducerGroup")
	require.ErrorContains(t, both, "SendTimeout")
}

// What would do nothing is refused, by the name of its field.
func TestConfigIdleFields(t *testing.T) {
	key := func(string, *message.Message) (string, error) { return "", nil }
	for field, change := range map[string]func(*Config){
		"Trace.Topic":        func(c *Config) { c.Trace.Topic = "traces" },
		"Trace.Waiting":      func(c *Config) { c.Trace.Waiting = 1 },
		"Queues.KeyHash":     func(c *Config) { c.Queues.KeyHash = routing.FNV1a },
		"Queues.KeyHashFunc": func(c *Config) { c.Queues.KeyHashFunc = routing.SipHash.Sum },
		"Batch.Linger":       func(c *Config) { c.Batch = BatchConfig{MaxMessages: 1, Linger: 1} },
	} {
		c := Config{Cluster: rocketmq.Cluster{NameServers: []string{"127.0.0.1:9876"}}}
		change(&c)
		require.ErrorContains(t, c.Validate(), field+" is set and does nothing without ")
		c.Trace.Enabled, c.OrderingKey = true, key
		if c.Batch.MaxMessages == 1 {
			c.Batch.MaxMessages = 2
		}
		require.NoError(t, c.Validate())
	}
}

// One mistake is one fault, which says where it is once.
func TestConfigOneFaultEach(t *testing.T) {
	names := []string{"127.0.0.1:9876"}
	valid := rocketmq.Cluster{NameServers: names}
	for want, c := range map[string]Config{
		`Cluster.Namespace is "tenant.1", want letters, digits and _-|`:                                         {Cluster: rocketmq.Cluster{NameServers: names, Namespace: "tenant.1"}},
		"SendTimeout is -1ns, want 0 or more":                                                                   {Cluster: valid, SendTimeout: -1},
		"Backoff.Max is -1ns, want 0 or more":                                                                   {Cluster: valid, Backoff: BackoffConfig{Max: -1}},
		"MaxMessageSize is -1, want 1 to 16711680":                                                              {Cluster: valid, MaxMessageSize: -1},
		"Cluster.NameServers is empty, want at least one host:port, or a Resolver":                              {},
		"Cluster.ResolveInterval is 1m0s without a Resolver":                                                    {Cluster: rocketmq.Cluster{NameServers: names, ResolveInterval: time.Minute}},
		"Cluster.Resolver: HTTPResolver: the URL is none, want http://host:port/path or https://host:port/path": {Cluster: rocketmq.Cluster{Resolver: routing.NewHTTPResolver("host:8080")}},
		`Cluster.NameServers[0] is "a:1,b:1", want host:port: one entry per address, not a list`:                {Cluster: rocketmq.Cluster{NameServers: []string{"a:1,b:1"}}},
	} {
		require.EqualError(t, c.Validate(), "publisher: config: "+want)
	}
	long := Config{Cluster: rocketmq.Cluster{NameServers: names, Namespace: "n"}, ProducerGroup: strings.Repeat("g", 119)}
	require.ErrorContains(t, long.Validate(), "ProducerGroup", "with the namespace it is too long")
}

// A field that is set must not be overwritten by its default.
func TestConfigKeepsWhatIsSet(t *testing.T) {
	c := Config{
		ProducerGroup: "g", MaxMessageSize: 1, SendTimeout: 1, AttemptTimeout: 1, MaxPropertiesSize: 1,
		CloseTimeout: 1, Backoff: BackoffConfig{Min: 1, Max: 1}, AutoCreate: topics.AutoCreate{DefaultTopic: "t", Queues: 1},
		Compression: CompressionConfig{Codec: LZ4, Level: 1, Threshold: 1}, Batch: BatchConfig{MaxMessages: 1, MaxBytes: 1},
		Waiting: WaitingConfig{Messages: 1, Bytes: 1}, Trace: TraceConfig{Topic: "t", Waiting: 1},
	}
	before := reflect.ValueOf(c)
	cluster := rocketmq.Cluster{DialTimeout: 1, HeartbeatInterval: 1, RouteRefreshInterval: 1, Headers: rocketmq.JSONHeaders}
	c.Cluster = cluster
	c.setDefaults()
	require.Equal(t, cluster, c.Cluster)
	after := reflect.ValueOf(c)
	for i := range before.NumField() {
		if name := before.Type().Field(i).Name; !before.Field(i).IsZero() {
			require.True(t, before.Field(i).Equal(after.Field(i)), name)
		}
	}

	q := QueuesConfig{Selector: routing.Random{}, KeyHash: routing.SipHash} // a func in it keeps it from being compared as a whole
	q.setDefaults()
	require.Equal(t, routing.Random{}, q.Selector)
	require.Equal(t, routing.SipHash, q.KeyHash)
}

func TestBackoffPause(t *testing.T) {
	b := BackoffConfig{Min: 10 * time.Millisecond, Max: time.Second}
	for failed, most := range map[int]time.Duration{
		1: 10 * time.Millisecond, 2: 20 * time.Millisecond, 7: 640 * time.Millisecond, 8: time.Second, 1000: time.Second,
	} {
		for range 200 {
			p := b.pause(failed)
			require.GreaterOrEqual(t, p, most/2)
			require.LessOrEqual(t, p, most)
		}
	}
	require.Equal(t, time.Duration(1), BackoffConfig{Min: 1, Max: 1}.pause(1))
	require.LessOrEqual(t, BackoffConfig{Min: time.Hour, Max: 1 << 62}.pause(40), time.Duration(1<<62), "no overflow")
}
