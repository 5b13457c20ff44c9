package pop

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// unheard is an engine.Observer that does nothing.
type unheard struct{}

func (unheard) Fetched(string, routing.MessageQueue, int)                         {}
func (unheard) Rebalanced(string, []routing.MessageQueue, []routing.MessageQueue) {}

// alone returns a fetcher of the topic "orders" that reads nothing, and its broker
// "broker-a".
func alone(t testing.TB, c rocketmq.Cluster, filter string) (*Fetcher, *broker) {
	t.Helper()
	client, err := rocketmq.Connect(c, watermill.NopLogger{})
	require.NoError(t, err)
	member := client.Session().NewMember(session.Role{})
	e := New(engine.Config{
		Session: client.Session(), Member: member, Group: "billing", Lease: time.Minute, RequestTimeout: time.Second,
		AckLinger: 100 * time.Millisecond, Logger: watermill.NopLogger{}, Observer: unheard{},
	})
	t.Cleanup(func() {
		require.NoError(t, e.Close(context.Background()))
		member.Leave()
		require.NoError(t, client.Close())
	})
	output := delivery.New(delivery.Config{Context: context.Background(), Messages: 64, Bytes: 1 << 20})
	return newFetcher(e, engine.Topic{Name: "orders", Filter: engine.Filter{Expression: filter}}, output), e.broker("broker-a")
}

// nobody is a cluster that cannot be reached.
func nobody() rocketmq.Cluster { return rocketmq.Cluster{NameServers: []string{"127.0.0.1:9"}} }

// popped is an answer to a pop.
func popped(t testing.TB, result headers.PopResult, messages ...body.StoredMessage) headers.Command {
	t.Helper()
	var stored []byte
	for i := range messages {
		var err error
		stored, err = body.AppendStored(stored, &messages[i])
		require.NoError(t, err)
	}
	frame, err := headers.AppendResponse(nil, headers.JSON, 1, headers.Success, "", &result, stored)
	require.NoError(t, err)
	command, err := headers.ParseFrame(frame[4:])
	require.NoError(t, err)
	return command
}

func stored(queue int32, offset int64) body.StoredMessage {
	return body.StoredMessage{Topic: "orders", QueueID: queue, QueueOffset: offset, ReconsumeTimes: 2, Body: []byte(fmt.Sprint(queue, offset))}
}

func TestReadAnswer(t *testing.T) {
	f, b := alone(t, nobody(), "")
	sent := time.Now()
	result := headers.PopResult{
		PopTime: 1795444062397, InvisibleMillis: 50_000, ReviveQueueID: 7, RestNum: 3,
		Queues: []headers.PopQueue{{QueueID: 1, StartOffset: 4, Offsets: []int64{5, 7}}, {Retry: headers.RetryV1, QueueID: 0, Offsets: []int64{0}}},
	}
	command := popped(t, result, stored(1, 5), stored(1, 7), stored(0, 0))
	a := f.read(b, &command, anyQueue, 32, sent)
	require.NoError(t, a.fault)
	require.Len(t, a.messages, 3)
	require.Len(t, a.points, 2)
	require.EqualValues(t, 3, a.rest)
	require.EqualValues(t, 7, a.reviveQueueID)
	require.Same(t, a.messages[0].Source, a.messages[1].Source)
	require.NotSame(t, a.messages[0].Source, a.messages[2].Source)
	for i, handle := range []string{
		"4 1795444062397 50000 7 0 broker-a 1 5", "4 1795444062397 50000 7 0 broker-a 1 7", "0 1795444062397 50000 7 1 broker-a 0 0",
	} {
		m := a.messages[i]
		require.Equal(t, handle, m.Source.(*checkPoint).handle(m.Stored.QueueOffset).String())
		require.Equal(t, 3, m.Deliveries)
		require.Equal(t, "broker-a", m.Broker)
		require.Equal(t, sent.Add(50*time.Second), m.Lease, "by the time of the request")
	}
	require.Equal(t, "%RETRY%billing_orders", a.points[1].topic())
}

// What contradicts the request or itself is told of, and gets no place.
func TestReadBadAnswer(t *testing.T) {
	f, b := alone(t, nobody(), "")
	one := []headers.PopQueue{{QueueID: 1, StartOffset: 5, Offsets: []int64{5}}}
	retry := []headers.PopQueue{{Retry: headers.RetryV1, QueueID: 1, StartOffset: 5, Offsets: []int64{5}}}
	two := []headers.PopQueue{{QueueID: 1, StartOffset: 5, Offsets: []int64{5, 6}}}
	tests := map[string]struct {
		queues   []headers.PopQueue
		messages []body.StoredMessage
		queue    int32
		most     int
		taken    int
	}{
		"another queue than asked for": {one, []body.StoredMessage{stored(1, 5)}, 2, 32, 0},
		"a retry topic, in order":      {retry, []body.StoredMessage{stored(1, 5)}, 1, 32, 0},
		"more than asked for":          {two, []body.StoredMessage{stored(1, 5), stored(1, 6)}, anyQueue, 1, 1},
		"fewer than it says":           {two, []body.StoredMessage{stored(1, 6)}, anyQueue, 32, 1},
		"no body":                      {one, nil, anyQueue, 32, 0},
		"no offsets":                   {nil, []body.StoredMessage{stored(1, 5)}, anyQueue, 32, 0},
		"another offset":               {one, []body.StoredMessage{stored(1, 6)}, anyQueue, 32, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			command := popped(t, headers.PopResult{PopTime: 1, InvisibleMillis: 60_000, Queues: test.queues}, test.messages...)
			a := f.read(b, &command, test.queue, test.most, time.Now())
			require.ErrorIs(t, a.fault, headers.ErrMalformed)
			require.Len(t, a.messages, test.taken)
		})
	}
	command := popped(t, headers.PopResult{PopTime: 1, InvisibleMillis: 60_000, Queues: two}, stored(1, 5), stored(1, 6))
	command.Body = command.Body[:len(command.Body)-1]
	a := f.read(b, &command, anyQueue, 32, time.Now())
	require.ErrorIs(t, a.fault, headers.ErrMalformed)
	require.Len(t, a.messages, 1, "those before it are good")
}

// Messages of an answer cost two allocations each at most.
func TestReadAllocations(t *testing.T) {
	f, b := alone(t, nobody(), "")
	result := headers.PopResult{PopTime: 1, InvisibleMillis: 60_000, Queues: []headers.PopQueue{{QueueID: 1}, {QueueID: 2}}}
	var list []body.StoredMessage
	for i := range 2 {
		for j := range int64(16) {
			result.Queues[i].Offsets = append(result.Queues[i].Offsets, j)
			m := stored(int32(i+1), j)
			m.Properties = []byte("UNIQ_KEY\x01abc\x02KEYS\x01k\x02")
			list = append(list, m)
		}
	}
	command := popped(t, result, list...)
	require.Len(t, f.read(b, &command, anyQueue, 32, time.Now()).messages, 32)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { f.read(b, &command, anyQueue, 32, time.Now()) }), 32*2.0)
}

// FuzzReadAnswer: whatever a broker answers, each message that is taken is where its handle
// says, and no two have the same.
func FuzzReadAnswer(f *testing.F) {
	fetcher, b := alone(f, nobody(), "")
	one, err := body.AppendStored(nil, &body.StoredMessage{Topic: "orders", QueueID: 1, QueueOffset: 5})
	require.NoError(f, err)
	f.Add("0 1 5", "0 1 5", one, -1, 32)
	f.Add("0 1 5;1 1 0", "0 1 5,6;1 1 5", append(one[:len(one):len(one)], one...), -1, 32)
	f.Add("0 1 5", "0 1 5", one[:20], 1, 1)
	f.Fuzz(func(t *testing.T, start, offsets string, stored []byte, queue, most int) {
		most = max(1, min(most, delivery.Batch))
		frame, err := headers.AppendResponse(nil, headers.JSON, 1, headers.Success, "", headers.FieldList{
			{Name: "popTime", Value: "1"},
			{Name: "invisibleTime", Value: "60000"},
			{Name: "reviveQid", Value: "3"},
			{Name: "restNum", Value: "0"},
			{Name: "startOffsetInfo", Value: start},
			{Name: "msgOffsetInfo", Value: offsets},
		}, stored)
		if err != nil {
			return
		}
		command, err := headers.ParseFrame(frame[4:])
		require.NoError(t, err)
		a := fetcher.read(b, &command, int32(queue), most, time.Now())
		require.LessOrEqual(t, len(a.messages), most)
		seen := make(map[headers.ReceiptHandle]bool)
		open := 0
		for _, c := range a.points {
			open += c.open
		}
		require.Equal(t, len(a.messages), open)
		for _, m := range a.messages {
			h := m.Source.(*checkPoint).handle(m.Stored.QueueOffset)
			require.False(t, seen[h])
			seen[h] = true
			require.Equal(t, m.Stored.QueueID, h.QueueID)
			require.LessOrEqual(t, h.StartOffset, h.Offset)
			if queue >= 0 {
				require.Equal(t, int32(queue), h.QueueID)
			}
		}
	})
}

// A message far behind the start of its check point is acked alone: a batch has no room for
// it.
func TestLoneAck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := embedded.Start(embedded.InMemory(), embedded.WithTopic("orders", 1))
		require.NoError(t, err)
		defer func() { require.NoError(t, c.Close()) }()
		acks := make(chan headers.AckMessage, 1)
		c.Intercept(func(rq embedded.Request) embedded.Fault {
			if rq.Code != headers.CodeAckMessage {
				return embedded.Fault{}
			}
			h, err := headers.ParseAckMessage(&rq.Command)
			if err != nil {
				panic(err)
			}
			acks <- h
			return embedded.Answer(headers.Success, "")
		})
		f, b := alone(t, c.Config(), "")
		result := headers.PopResult{PopTime: 1, InvisibleMillis: 60_000, Queues: []headers.PopQueue{{QueueID: 0, StartOffset: 1, Offsets: []int64{100_000}}}}
		command := popped(t, result, stored(0, 100_000))
		a := f.read(b, &command, anyQueue, 32, time.Now())
		require.NoError(t, a.fault)
		a.messages[0].Source.Ack(a.messages[0])
		h := <-acks
		require.Equal(t, "orders", h.Topic)
		require.EqualValues(t, 100_000, h.Offset)
		require.NoError(t, f.Close(t.Context()))
	})
}
