package publisher

import (
	"encoding/hex"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/trace"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Group and topic are those of a trace message that the Java client 5.5.0 has sent.
func TestTraceGroupGolden(t *testing.T) {
	text, err := os.ReadFile("../headers/testdata/golden/44_trace_msg_send_req.hex")
	require.NoError(t, err)
	frame, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	command, err := headers.ParseFrame(frame[4:])
	require.NoError(t, err)
	request, err := headers.ParseSendMessage(&command)
	require.NoError(t, err)
	require.Equal(t, request.ProducerGroup, trace.Group("", "trace_pg"))
	require.Equal(t, request.Topic, DefaultTraceTopic)
}

// The groups of traces are those that brokers take.
func TestTraceGroup(t *testing.T) {
	for _, group := range []string{"g", strings.Repeat("g", 88), strings.Repeat("g", 89), strings.Repeat("g", topicname.MaxGroupLength)} {
		require.True(t, topicname.IsGroup(trace.Group("", group)))
	}
}

// Each field of the configuration is either the trace publisher's as well, or has
// been thought of: it is about the user's messages.
func TestTraceConfigKnowsAllFields(t *testing.T) {
	ofMessages := []string{
		"ProducerGroup", "Marshaler", "Topics", "MaxPropertiesSize", "MaxMessageSize", "SendTimeout", "AttemptTimeout", "Backoff",
		"OrderingKey", "Queues", "Transaction", "Delay", "Batch", "Waiting", "RequireDurable", "OnResult", "CreateTopics", "Hooks",
		"Trace", "CloseTimeout", "Client",
	}
	var c Config
	fields := reflect.ValueOf(&c).Elem()
	for i := range fields.NumField() {
		if !slices.Contains(ofMessages, fields.Type().Field(i).Name) {
			fill(t, fields.Field(i))
		}
	}
	cluster := reflect.ValueOf(&c.Cluster).Elem()
	for i := range cluster.NumField() {
		fill(t, cluster.Field(i))
	}
	traced := reflect.ValueOf(traceConfig(&c, nil))
	for i := range fields.NumField() {
		if name := fields.Type().Field(i).Name; !slices.Contains(ofMessages, name) {
			require.False(t, traced.Field(i).IsZero(), "traces are sent without Config.%s", name)
		}
	}
	for i := range cluster.NumField() {
		require.False(t, traced.FieldByName("Cluster").Field(i).IsZero(), "traces are sent without Cluster.%s", cluster.Type().Field(i).Name)
	}
}

// fill gives v a value that is not zero.
func fill(t *testing.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Func:
		v.Set(reflect.MakeFunc(v.Type(), nil))
	case reflect.Interface:
		switch v.Type() {
		case reflect.TypeFor[routing.Resolver]():
			v.Set(reflect.ValueOf(routing.HTTPResolver{}))
		case reflect.TypeFor[rocketmq.CredentialsProvider]():
			v.Set(reflect.ValueOf(rocketmq.Credentials{AccessKey: "x"}))
		default:
			require.Fail(t, "the test cannot fill a field of type "+v.Type().String())
		}
	case reflect.Struct:
		fill(t, v.Field(0))
	default:
		require.Fail(t, "the test cannot fill a field of type "+v.Type().String())
	}
}
