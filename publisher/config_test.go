package publisher

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

func TestConfigDefaults(t *testing.T) {
	var c Config
	c.setDefaults()
	require.Equal(t, "watermill_producer", c.ProducerGroup)
	require.Equal(t, 3*time.Second, c.SendTimeout)
	require.Equal(t, CompressionConfig{Codec: Zlib, Threshold: 4096}, c.Compression)
	require.Equal(t, AutoCreateConfig{DefaultTopic: "TBW102", Queues: 4}, c.AutoCreate)
	require.Equal(t, 4<<20, c.MaxMessageSize)
	require.Equal(t, 32000, c.MaxPropertiesSize)
	require.Equal(t, 2*time.Second, c.AttemptTimeout)
	require.Equal(t, AvoidanceConfig{SlowAfter: 550 * time.Millisecond, FailedFor: 10 * time.Second}, c.Avoidance)
	require.Equal(t, BackoffConfig{Min: 10 * time.Millisecond, Max: time.Second}, c.Backoff)
	require.Equal(t, BatchConfig{MaxMessages: 1024, MaxBytes: 1 << 20}, c.Batch)
	require.Equal(t, WaitingConfig{Messages: 65536, Bytes: 64 << 20}, c.Waiting)
	require.Equal(t, TraceConfig{Topic: "RMQ_SYS_TRACE_TOPIC", Waiting: 65536}, c.Trace)
	require.Equal(t, 3*24*time.Hour, c.Delay.Max)
	require.Equal(t, delayLevels[:], c.Delay.Levels)
	require.False(t, c.Delay.RoundUpToLevel)
	require.Equal(t, BinaryHeaders, c.Headers)
	require.Equal(t, 3*time.Second, c.DialTimeout)
	require.Equal(t, 30*time.Second, c.HeartbeatInterval)
	require.Equal(t, 30*time.Second, c.RouteRefreshInterval)
	require.Equal(t, 10*time.Second, c.CloseTimeout)
	require.False(t, c.AcceptNotDurable)
}

func TestConfigDefaultsAreValid(t *testing.T) {
	require.NoError(t, Config{NameServers: []string{"localhost:9876"}}.Validate())
	require.NoError(t, Config{NameServers: []string{"[::1]:9876", " ns.example:9876 "}}.Validate())
}

// Every fault is named by its field, and all faults are found at once.
func TestConfigFaults(t *testing.T) {
	valid := []string{"127.0.0.1:9876"}
	for field, c := range map[string]Config{
		"NameServers":            {},
		"NameServers[1]":         {NameServers: []string{"a:1", "no port"}},
		"ProducerGroup":          {NameServers: valid, ProducerGroup: "with space"},
		"AutoCreate.DefaultTop":  {NameServers: valid, AutoCreate: AutoCreateConfig{DefaultTopic: "with.dot"}},
		"AutoCreate.Queues":      {NameServers: valid, AutoCreate: AutoCreateConfig{Queues: -1}},
		"Compression.Codec":      {NameServers: valid, Compression: CompressionConfig{Codec: "gzip"}},
		"Compression.Level":      {NameServers: valid, Compression: CompressionConfig{Level: 10}},
		"Compression.Threshold":  {NameServers: valid, Compression: CompressionConfig{Threshold: -1}},
		"Batch.MaxMessages":      {NameServers: valid, Batch: BatchConfig{MaxMessages: -1}},
		"Batch.MaxBytes":         {NameServers: valid, Batch: BatchConfig{MaxBytes: 8 << 20}},
		"Batch.Linger":           {NameServers: valid, Batch: BatchConfig{Linger: 3 * time.Second}},
		"Waiting.Messages":       {NameServers: valid, Waiting: WaitingConfig{Messages: -1}},
		"Waiting.Bytes":          {NameServers: valid, Waiting: WaitingConfig{Bytes: -1}},
		"Trace.Topic":            {NameServers: valid, Trace: TraceConfig{Topic: "with.dot"}},
		"Trace.Waiting":          {NameServers: valid, Trace: TraceConfig{Waiting: -1}},
		"MaxMessageSize":         {NameServers: valid, MaxMessageSize: 16 << 20},
		"MaxPropertiesSize":      {NameServers: valid, MaxPropertiesSize: 32768},
		"Headers":                {NameServers: valid, Headers: "xml"},
		"Queues.KeyHash":         {NameServers: valid, Queues: QueuesConfig{KeyHash: "murmur"}},
		"Queues.KeyHashFunc":     {NameServers: valid, Queues: QueuesConfig{KeyHash: JavaHash, KeyHashFunc: sipHash}},
		"SendTimeout":            {NameServers: valid, SendTimeout: -1},
		"AttemptTimeout":         {NameServers: valid, AttemptTimeout: -1},
		"Backoff.Min":            {NameServers: valid, Backoff: BackoffConfig{Min: 2, Max: 1}},
		"Backoff.Max":            {NameServers: valid, Backoff: BackoffConfig{Max: -1}},
		"DialTimeout":            {NameServers: valid, DialTimeout: -1},
		"HeartbeatInterval":      {NameServers: valid, HeartbeatInterval: -1},
		"RouteRefreshInterval":   {NameServers: valid, RouteRefreshInterval: -1},
		"CloseTimeout":           {NameServers: valid, CloseTimeout: -1},
		"NameServers and Resolv": {NameServers: valid, Resolver: routing.DNSResolver{Names: valid}},
		"HTTPResolver.URL":       {Resolver: routing.HTTPResolver{URL: "host:8080"}},
		"ResolveInterval":        {Resolver: routing.DNSResolver{Names: valid}, ResolveInterval: -1},
		"without a Resolver":     {NameServers: valid, ResolveInterval: time.Minute},
		"Avoidance.SlowAfter":    {NameServers: valid, Avoidance: AvoidanceConfig{SlowAfter: -1}},
		"Avoidance.FailedFor":    {NameServers: valid, Avoidance: AvoidanceConfig{FailedFor: -1}},
		"Delay.Max":              {NameServers: valid, Delay: DelayConfig{Max: -1}},
		"Delay.Levels":           {NameServers: valid, Delay: DelayConfig{Levels: []time.Duration{}}},
		"Delay.Levels[1]":        {NameServers: valid, Delay: DelayConfig{Levels: []time.Duration{time.Second, 0}}},
	} {
		t.Run(field, func(t *testing.T) {
			require.ErrorContains(t, c.Validate(), field)
			_, err := New(c, nil)
			require.ErrorContains(t, err, field)
		})
	}
	for name, state := range map[string]string{"": "empty", DefaultProducerGroup: `"watermill_producer", the default`} {
		shared := Config{NameServers: valid, ProducerGroup: name, Transaction: TransactionConfig{
			Check: func(context.Context, CheckedMessage) TransactionState { return TransactionUnknown },
		}}
		require.EqualError(t, shared.Validate(), "publisher: config: ProducerGroup is "+state+": with Transaction.Check it has to be "+
			"a name of the program's own, since a broker asks any producer of the group about a transaction")
		shared.ProducerGroup = "shop"
		require.NoError(t, shared.Validate())
	}

	group := Config{NameServers: valid, ProducerGroup: strings.Repeat("g", 121)}
	require.ErrorContains(t, group.Validate(), "ProducerGroup")

	both := Config{ProducerGroup: "?", SendTimeout: -1}.Validate()
	require.ErrorContains(t, both, "NameServers")
	require.ErrorContains(t, both, "ProducerGroup")
	require.ErrorContains(t, both, "SendTimeout")
}

// What would do nothing is refused, by the name of its field.
func TestConfigIdleFields(t *testing.T) {
	key := func(string, *message.Message) (string, error) { return "", nil }
	for field, change := range map[string]func(*Config){
		"Trace.Topic":        func(c *Config) { c.Trace.Topic = "traces" },
		"Trace.Waiting":      func(c *Config) { c.Trace.Waiting = 1 },
		"Queues.KeyHash":     func(c *Config) { c.Queues.KeyHash = FNV1a },
		"Queues.KeyHashFunc": func(c *Config) { c.Queues.KeyHashFunc = sipHash },
		"Batch.Linger":       func(c *Config) { c.Batch = BatchConfig{MaxMessages: 1, Linger: 1} },
	} {
		c := Config{NameServers: []string{"127.0.0.1:9876"}}
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
	valid := []string{"127.0.0.1:9876"}
	for want, c := range map[string]Config{
		`Namespace is "tenant.1", want letters, digits and _-|`:                          {NameServers: valid, Namespace: "tenant.1"},
		"SendTimeout is -1ns, want 0 or more":                                            {NameServers: valid, SendTimeout: -1},
		"Backoff.Max is -1ns, want 0 or more":                                            {NameServers: valid, Backoff: BackoffConfig{Max: -1}},
		"MaxMessageSize is -1, want 1 to 16711680":                                       {NameServers: valid, MaxMessageSize: -1},
		"NameServers is empty, want at least one host:port, or a Resolver":               {},
		"ResolveInterval is 1m0s without a Resolver":                                     {NameServers: valid, ResolveInterval: time.Minute},
		`Resolver: HTTPResolver.URL is "host:8080", want http://host:port/path`:          {Resolver: routing.HTTPResolver{URL: "host:8080"}},
		`NameServers[0] is "a:1,b:1", want host:port: one entry per address, not a list`: {NameServers: []string{"a:1,b:1"}},
	} {
		require.EqualError(t, c.Validate(), "publisher: config: "+want)
	}
	long := Config{NameServers: valid, Namespace: "n", ProducerGroup: strings.Repeat("g", 119)}
	require.ErrorContains(t, long.Validate(), "ProducerGroup", "with the namespace it is too long")
}

// A field that is set must not be overwritten by its default.
func TestConfigKeepsWhatIsSet(t *testing.T) {
	c := Config{
		ProducerGroup: "g", MaxMessageSize: 1, SendTimeout: 1, AttemptTimeout: 1, DialTimeout: 1, MaxPropertiesSize: 1,
		HeartbeatInterval: 1, RouteRefreshInterval: 1, CloseTimeout: 1, Headers: JSONHeaders,
		Backoff: BackoffConfig{Min: 1, Max: 1}, AutoCreate: AutoCreateConfig{DefaultTopic: "t", Queues: 1},
		Compression: CompressionConfig{Codec: LZ4, Level: 1, Threshold: 1}, Batch: BatchConfig{MaxMessages: 1, MaxBytes: 1},
		Waiting: WaitingConfig{Messages: 1, Bytes: 1}, Trace: TraceConfig{Topic: "t", Waiting: 1},
	}
	before := reflect.ValueOf(c)
	c.setDefaults()
	after := reflect.ValueOf(c)
	for i := range before.NumField() {
		if name := before.Type().Field(i).Name; !before.Field(i).IsZero() {
			require.True(t, before.Field(i).Equal(after.Field(i)), name)
		}
	}

	q := QueuesConfig{Selector: routing.Random{}, KeyHash: SipHash} // a func in it keeps it from being compared as a whole
	q.setDefaults()
	require.Equal(t, routing.Random{}, q.Selector)
	require.Equal(t, SipHash, q.KeyHash)
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
