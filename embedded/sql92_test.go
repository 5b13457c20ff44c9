package embedded_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// sqlMessages have the properties of the messages that expressions select from, by the body.
var sqlMessages = []map[string]string{
	{},
	{"a": "5"},
	{"a": "5", "b": "text", "TAGS": "blue"},
	{"a": "-7", "b": "Text", "d": "2.5"},
	{"a": "2147483648", "b": "it's", "t": "true"},
	{"a": "x", "b": "", "t": "TRUE", "d": "NaN"},
	{"a": "+5", "d": "-0.0", "t": "false"},
	{"a": " 5", "d": " 1e3 ", "b": "a text"},
	{"a": "5.0", "d": "5d", "KEYS": "k1 k2"},
	{"a": "05", "d": "0x1p3", "b": "texttext"},
	{"a": "9223372036854775807", "d": "Infinity", "c": "5"},
	{"a": "9223372036854775808", "d": "-Infinityf", "c": "x", "$_1": "5"},
}

// sqlExpressions are what they are selected by.
var sqlExpressions = []string{
	"a = 5", "a <> 5", "a = '5'", "a <> '5'", "5 = a", "5 <> a", "a > 4", "a >= 5", "a < 6", "a <= 5", "a > 4L", "a < 2147483648", "a = 2147483648",
	"a = 9223372036854775807", "a = 9223372036854775808", "a > 4.5", "a <= 5.0", "a = 5.0", "a = .5e1", "a = 5.", "a = 5E0", "a = 0.0", "a = 0", "a > -8", "a = -7",
	"a = - -5", "a = +5", "a = --5", "a = -- five\n5", "a = /* five */ 5", "a = 007", "a = 1e400", "a = 1e-400", "a = 0l", "-a = 7", "-a", "+a = 5", "-b = 5",
	"d > 2", "d > 2.0", "d < 0.5", "d = 5.0", "d >= 1000.0", "d = 8.0", "d > 1e300", "d < -1e300", "d = a", "d <> a", "a = c", "a > c", "a >= d", "d > a", "c <> d",
	"b = 'text'", "b <> 'text'", "b = ''", "b = 'it''s'", "b > 'a'", "b > 4", "b = TRUE", "b = d",
	"a BETWEEN 1 AND 5", "a NOT BETWEEN 1 AND 5", "a BETWEEN 5 AND 1", "a NOT BETWEEN 5 AND 1", "a BETWEEN -8 AND 5", "a BETWEEN 1 AND c", "a BETWEEN 'a' AND 'b'",
	"a BETWEEN NULL AND 5", "d BETWEEN 1.0 AND 1000.5", "a BETWEEN 5 AND 5", "a BETWEEN 2147483648 AND 1", "5 BETWEEN 1 AND 9",
	"b IN ('text')", "b IN ('x', 'text', 'Text')", "b NOT IN ('text')", "b IN ('1', '2', '3', '4', '5', 'text')", "b IN (1)", "b IN ()", "'b' IN ('b')", "b NOT IN (''), x",
	"a IS NULL", "a IS NOT NULL", "b IS NULL", "b IS NOT NULL", "NULL IS NULL", "NULL IS NOT NULL", "a IS", "a IS 5", "'x' IS NULL", "a = NULL", "NULL <> a", "none = nothing",
	"none <> nothing", "(a = 5) IS NULL", "(none = 5) IS NULL", "none > 1", "1 < none", "none = 1", "1 = none", "NOT (none = 1)", "NOT (1 = none)",
	"b CONTAINS 'ex'", "b NOT CONTAINS 'ex'", "b CONTAINS ''", "b NOT CONTAINS ''", "b STARTSWITH 'te'", "b NOT STARTSWITH 'te'", "b ENDSWITH 'xt'", "b NOT ENDSWITH 'xt'",
	"b CONTAINS 5", "b CONTAINS a", "a contains '5'", "b CONTAINS 'ex' = TRUE", "5 CONTAINS '5'", "'text' CONTAINS 'ex'", "none NOT CONTAINS 'x'", "b CONTAINS 'e' CONTAINS 'e'",
	"t", "NOT t", "t = TRUE", "t = FALSE", "TRUE = t", "t <> TRUE", "t AND a = 5", "t IS NOT NULL AND (NOT t)", "t > TRUE", "TRUE", "FALSE", "NOT FALSE", "NULL", "NOT NULL",
	"TRUE = TRUE", "TRUE = FALSE", "TRUE = 5", "5 = TRUE", "'x' = 'x'", "5 = 5", "5 = 5.0", "5 = '5'", "'5' = 5", "5 > 4", "'5' > 4", "5 = 5 = TRUE", "NULL OR TRUE",
	"a = 5 AND b = 'text'", "a = 5 OR b = 'Text'", "a > 4 OR b IS NOT NULL", "b IS NOT NULL OR a > 4", "a = 5 AND none = 1", "none = 1 OR a = 5", "none = 1 AND b = ''",
	"NOT a = 5", "NOT (a = 5)", "NOT NOT (a = 5)", "NOT (a = 5 AND none = 1)", "NOT (a = 5 OR none = 1)", "a = 5 OR b = 'it''s' AND t = TRUE", "(a = 5 OR b = 'text') AND TAGS = 'blue'",
	"a = 5 what follows", "a = 5 )", "a = 5 #", "a = 5 b #", "a = 5 'unended", "(a = 5", "((a = 5))", "()", "a", "A = 5", "$_1 = 5", "_ IS NULL", "ä = 5", "a == 5", "a != 5", "a LIKE 'x'",
	"'x'", "5", "a AND 5", "a AND b", "a + 5 = 10", "a = 5 AND", "AND a", "a NOT", "a NOT = 5", "a NOT LIKE 'x'", "= 5", "a =", "not a is null aNd B Is NuLl", "a = \"5\"",
	"KEYS = 'k1 k2'", "TAGS = 'blue'", "TAGS IS NULL", "a = c = TRUE", "(a > 1) > 0", "a = (5)", "a > (b = 'x')", "(a) = (c)", "((a))", "a IN ('5') = TRUE", "a = 5 = TRUE",
	"a < 5 < 6", "1 < 2 = TRUE", "a = 5 /* open", "a /**/ = 5", "a = 5 -- x", "", " ", "*", "blue || red",
}

// sqlSelections says what each expression selects: when a client asks whether it is one, when
// it is in a pull, when a group has subscribed with it, and when it is in a pop.
func sqlSelections(w *popWorld) map[string]string {
	for i, properties := range sqlMessages {
		var list []byte
		for _, name := range []string{"a", "b", "c", "d", "t", "TAGS", "KEYS", "$_1"} {
			if value, ok := properties[name]; ok {
				list = headers.AppendProperty(list, name, value)
			}
		}
		w.succeed(&headers.SendMessage{ProducerGroup: "producers", Topic: w.topic, Flag: 1, BornTimestamp: 1, Properties: list}, fmt.Append(nil, i))
	}
	w.eventually(func() bool { return w.number(headers.CodeMaxOffset, w.topic, 0) == int64(len(sqlMessages)) })
	beat := headers.HeartbeatData{ClientID: "sql"}
	for i, expression := range sqlExpressions {
		beat.Consumers = append(beat.Consumers, headers.ConsumerData{
			Group: w.sqlGroup("subscribed", i), ConsumeType: headers.ConsumePassively, MessageModel: headers.Clustering, ConsumeFromWhere: headers.ConsumeFromLastOffset,
			Subscriptions: []headers.SubscriptionData{{Topic: w.topic, Expression: expression, ExpressionType: headers.ExpressionSQL92, Version: 1}},
		})
	}
	raw, err := beat.Encode()
	require.NoError(w.t, err)
	selections := make(map[string]string)
	for i, expression := range sqlExpressions {
		if i%20 == 0 { // real brokers forget who does not say for two minutes that he lives
			w.succeed(headers.Heartbeat{}, raw)
		}
		data := headers.CheckClientData{ClientID: "sql", ConsumerGroup: w.group, Subscription: headers.SubscriptionData{
			Topic: w.topic, Expression: expression, ExpressionType: headers.ExpressionSQL92,
		}}
		check, err := data.Encode()
		require.NoError(w.t, err)
		own := func(h *headers.PullMessage) {
			h.SysFlag, h.Subscription, h.ExpressionType = headers.PullSubscription, expression, headers.ExpressionSQL92
		}
		popped := w.call(w.request(func(h *headers.PopMessage) {
			h.ConsumerGroup, h.Expression, h.ExpressionType, h.InitMode = w.sqlGroup("popping", i), expression, headers.ExpressionSQL92, headers.PopFromMin
		}), nil)
		selections[expression] = fmt.Sprintf("check %d, pull %s, subscribed %s, pop %s", w.call(headers.CheckClientConfig{}, check).Code,
			w.sqlPull(own), w.sqlPull(func(h *headers.PullMessage) { h.ConsumerGroup, h.SubVersion = w.sqlGroup("subscribed", i), 1 }), selected(w.t, popped))
	}
	return selections
}

func (w *popWorld) sqlGroup(kind string, i int) string {
	return fmt.Sprintf("%s-%s-%d", w.group, kind, i)
}

// sqlPull pulls all that there is.
func (w *popWorld) sqlPull(change func(h *headers.PullMessage)) string {
	h := &headers.PullMessage{ConsumerGroup: w.group, Topic: w.topic, MaxMessages: 32}
	change(h)
	return selected(w.t, w.call(h, nil))
}

// selected says which messages are in an answer, or why it has none.
func selected(t testing.TB, answer headers.Command) string {
	if answer.Code != int32(headers.Success) {
		return fmt.Sprintf("code %d", answer.Code)
	}
	return strings.Join(bodies(t, answer), " ")
}

// sqlPolls: a pull and a pop that wait with an expression bring the message that it selects,
// and no other one.
func sqlPolls(w *popWorld) {
	waits := &headers.PullMessage{
		ConsumerGroup: w.group, Topic: w.topic, QueueOffset: int64(len(sqlMessages)), MaxMessages: 32, SysFlag: headers.PullSubscription | headers.PullSuspend,
		SuspendMillis: 60_000, Subscription: "n = 1", ExpressionType: headers.ExpressionSQL92,
	}
	pull := func() headers.Command {
		answer := w.call(waits, nil)
		for answer.Code == int32(headers.PullRetryImmediately) { // a message was there before it waited
			result, err := headers.ParsePullResult(&answer)
			require.NoError(w.t, err)
			waits.QueueOffset = result.NextOffset
			answer = w.call(waits, nil)
		}
		return answer
	}
	pop := func() headers.Command {
		return w.call(w.request(func(h *headers.PopMessage) {
			h.Expression, h.ExpressionType, h.InitMode, h.PollMillis, h.BornTimestamp = "n = 2", headers.ExpressionSQL92, headers.PopFromMin, 60_000, time.Now().UnixMilli()
		}), nil)
	}
	for i, wait := range []func() headers.Command{pull, pop} {
		answers := make(chan headers.Command)
		go func() { answers <- wait() }()
		want := fmt.Sprint(i + 1)
		for _, n := range []string{"7", want} {
			w.succeed(&headers.SendMessage{
				ProducerGroup: "producers", Topic: w.topic, Flag: 1, BornTimestamp: 1, Properties: headers.AppendProperty(nil, "n", n),
			}, []byte(n))
		}
		require.Equal(w.t, want, selected(w.t, <-answers))
	}
}

// Expressions select the same on a real broker with enablePropertyFilter and on ours.
func TestSQL92(t *testing.T) {
	realbroker.Require(t)
	cluster := start(t, embedded.WithPropertyFilter())
	var ours, theirs map[string]string
	w := &popWorld{t: t, addr: cluster.Broker(0).Addr(), broker: cluster.Broker(0).Name(), version: headers.Version5_5_0}
	w.run(brokerCase{run: func(w *popWorld) {
		ours = sqlSelections(w)
		sqlPolls(w)
	}}, cluster.Dial)
	real := realbroker.Start(t, realbroker.Config{Version: "5.5.0", BrokerProps: map[string]string{"enablePropertyFilter": "true"}})
	w = &popWorld{t: t, addr: real.Broker(0).Addr, broker: real.Broker(0).Name, version: headers.Version5_5_0}
	w.run(brokerCase{run: func(w *popWorld) {
		theirs = sqlSelections(w)
		sqlPolls(w)
	}}, nil)
	require.Len(t, theirs, len(slices.Compact(slices.Sorted(slices.Values(sqlExpressions)))))
	for _, expression := range sqlExpressions {
		if theirs[expression] != ours[expression] {
			t.Errorf("%q:\nreal %s\nours %s", expression, theirs[expression], ours[expression])
		}
	}
}

// Without WithPropertyFilter only pops have expressions over properties, as with real
// brokers.
func TestSQL92ByDefault(t *testing.T) {
	runCases(t, popVersions()[:1], []brokerCase{{name: "SQL92", run: func(w *popWorld) {
		w.send(0, "none")
		w.succeed(&headers.SendMessage{ProducerGroup: "producers", Topic: w.topic, Flag: 1, BornTimestamp: 1, Properties: headers.AppendProperty(nil, "a", "5")}, []byte("five"))
		w.eventually(func() bool { return w.number(headers.CodeMaxOffset, w.topic, 0) == 2 })
		answer := w.call(&headers.PullMessage{
			ConsumerGroup: w.group, Topic: w.topic, MaxMessages: 32, SysFlag: headers.PullSubscription, Subscription: "a = 5", ExpressionType: headers.ExpressionSQL92,
		}, nil)
		require.Equal(w.t, headers.SystemError, headers.ResponseCode(answer.Code))
		require.Equal(w.t, "The broker does not support consumer to filter message by SQL92", string(answer.Remark))
		list, _ := w.pop(func(h *headers.PopMessage) {
			h.Expression, h.ExpressionType, h.InitMode = "a = 5", headers.ExpressionSQL92, headers.PopFromMin
		})
		require.Equal(w.t, []string{"five"}, contents(list))
	}}})
}
