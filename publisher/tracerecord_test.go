package publisher

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// The record and the keys of a trace message that the Java client 5.5.0 has sent.
func TestTraceRecordGolden(t *testing.T) {
	text, err := os.ReadFile("../headers/testdata/golden/44_trace_msg_send_req.hex")
	require.NoError(t, err)
	frame, err := hex.DecodeString(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	command, err := headers.ParseFrame(frame[4:])
	require.NoError(t, err)
	request, err := headers.ParseSendMessage(&command)
	require.NoError(t, err)

	r := traceRecord{
		at: 1795443880550, region: "DefaultRegion", group: "trace_pg", topic: "g2_topic",
		id: "FD0000000000000000000000000000025E1930946E0974638A650000", tags: "TagA", keys: "k1",
		storeHost: "127.0.0.1:40911", bodyLength: 7, cost: 109, offsetID: "7F00000100002A9F000000000080D582", success: true,
	}
	require.Equal(t, string(command.Body), string(r.append(nil)))
	require.Equal(t, request.ProducerGroup, traceGroup("", "trace_pg"))
	require.Equal(t, request.Topic, DefaultTraceTopic)
	var keys traceKeys
	require.True(t, keys.add(&r, traceKeysSize))
	for name, value := range headers.Properties(request.Properties) {
		if string(name) == headers.PropertyKeys {
			// Java keeps them in a set, so in any order.
			require.ElementsMatch(t, bytes.Fields(value), bytes.Fields(keys.text))
		}
	}
}

// What a message does not have is null, as in Java.
func TestTraceRecordOfBareMessage(t *testing.T) {
	r := traceRecord{at: 1, region: "r", group: "g", topic: "t", id: "id", storeHost: "h", kind: traceDelay, offsetID: "o"}
	require.Equal(t, "Pub\x011\x01r\x01g\x01t\x01id\x01null\x01null\x01h\x010\x010\x013\x01o\x01false\x02", string(r.append(nil)))
}

func TestTraceRecordOfProperties(t *testing.T) {
	for properties, want := range map[string]traceRecord{
		"UNIQ_KEY\x01x\x02TAGS\x01a\x02KEYS\x01b c\x02": {tags: "a", keys: "b c"},
		"TRAN_MSG\x01true\x02":                          {kind: traceHalf},
		"TRAN_MSG\x01false\x02":                         {},
		"DELAY\x013\x02":                                {kind: traceDelay},
		"TIMER_DELIVER_MS\x013\x02":                     {kind: traceDelay},
	} {
		var got traceRecord
		got.readProperties([]byte(properties))
		require.Equal(t, want, got)
	}
}

// Records share messages up to the limits on body and keys, whichever comes first,
// and each is found by its id.
func TestTraceMessageLimits(t *testing.T) {
	for name, test := range map[string]struct {
		records int
		keys    string
		tags    string
		fewest  int // messages
	}{
		"ids":        {2000, "", "", 4},
		"keys":       {100, strings.Repeat("k", 5000), "", 20},
		"body":       {100, "", strings.Repeat("t", 30_000), 25},
		"keys alone": {3, strings.Repeat("k", 31_000), "", 3},
		"same keys":  {500, "same", "", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var m traceMessage
			var bodies, keys []string
			send := func() {
				require.LessOrEqual(t, len(m.body), traceBodySize)
				require.LessOrEqual(t, len(m.keys.text), traceKeysSize)
				require.LessOrEqual(t, headers.PropertySize("KEYS", string(m.keys.text))+80, 32_000)
				bodies, keys = append(bodies, string(m.body)), append(keys, string(m.keys.text))
				m.reset()
			}
			for i := range test.records {
				r := traceRecord{id: fmt.Sprintf("%056d", i), tags: test.tags, keys: test.keys}
				if len(r.keys) > 1000 {
					r.keys += fmt.Sprint(i)
				}
				if !m.add(&r) {
					send()
					require.True(t, m.add(&r))
				}
			}
			send()
			require.GreaterOrEqual(t, len(bodies), test.fewest)
			require.LessOrEqual(t, len(bodies), test.fewest+test.fewest/4)
			i := 0
			for n, b := range bodies {
				found := make(map[string]bool)
				for _, key := range strings.Fields(keys[n]) {
					found[key] = true
				}
				for range strings.Count(b, "\x02") {
					require.True(t, found[fmt.Sprintf("%056d", i)])
					i++
				}
			}
			require.Equal(t, test.records, i)
		})
	}
}

// The groups of traces are those that brokers take.
func TestTraceGroup(t *testing.T) {
	for _, group := range []string{"g", strings.Repeat("g", 88), strings.Repeat("g", 89), strings.Repeat("g", maxGroupLength)} {
		require.True(t, legalGroup(traceGroup("", group)))
	}
}

// Each field of the configuration is either the trace publisher's as well, or has
// been thought of: it is about the user's messages.
func TestTraceConfigKnowsAllFields(t *testing.T) {
	ofMessages := []string{
		"ProducerGroup", "Marshaler", "Topics", "MaxPropertiesSize", "MaxMessageSize", "SendTimeout", "AttemptTimeout", "Backoff",
		"OrderingKey", "Queues", "Transaction", "Delay", "Batch", "Waiting", "AcceptNotDurable", "OnResult", "CreateTopics", "Hooks",
		"Trace", "CloseTimeout",
	}
	var c Config
	fields := reflect.ValueOf(&c).Elem()
	for i := range fields.NumField() {
		if !slices.Contains(ofMessages, fields.Type().Field(i).Name) {
			fill(t, fields.Field(i))
		}
	}
	traced := reflect.ValueOf(traceConfig(&c))
	for i := range fields.NumField() {
		if name := fields.Type().Field(i).Name; !slices.Contains(ofMessages, name) {
			require.False(t, traced.Field(i).IsZero(), "traces are sent without Config.%s", name)
		}
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
		case reflect.TypeFor[CredentialsProvider]():
			v.Set(reflect.ValueOf(Credentials{AccessKey: "x"}))
		default:
			require.Fail(t, "the test cannot fill a field of type "+v.Type().String())
		}
	case reflect.Struct:
		fill(t, v.Field(0))
	default:
		require.Fail(t, "the test cannot fill a field of type "+v.Type().String())
	}
}
