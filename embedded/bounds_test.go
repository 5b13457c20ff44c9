package embedded

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/delays"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/groups"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/locks"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/offsets"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/producers"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded/internal/sockets"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// asker sends requests to a broker that the test can look into.
type asker struct {
	t       *testing.T
	cluster *Cluster
	broker  *Broker
	conn    net.Conn
	opaque  int32
}

// withBroker runs a test with a broker in a bubble. It has the topic "topic" with as
// many queues as anybody may ask for.
func withBroker(t *testing.T, test func(a *asker), opts ...Option) {
	synctest.Test(t, func(t *testing.T) {
		cluster, err := Start(append([]Option{InMemory(), WithTopic("topic", 1<<31-1)}, opts...)...)
		require.NoError(t, err)
		defer func() { require.NoError(t, cluster.Close()) }()
		nc, err := cluster.Dial(context.Background(), "tcp", cluster.Broker(0).Addr())
		require.NoError(t, err)
		defer nc.Close()
		test(&asker{t: t, cluster: cluster, broker: cluster.Broker(0), conn: nc})
	})
}

func (a *asker) write(r headers.Request, body []byte) {
	a.t.Helper()
	a.opaque++
	frame, err := headers.AppendRequest(nil, headers.Binary, a.opaque, false, r, body)
	require.NoError(a.t, err)
	_, err = a.conn.Write(frame)
	require.NoError(a.t, err)
}

func (a *asker) read() headers.Command {
	a.t.Helper()
	var length [headers.FrameLengthSize]byte
	_, err := io.ReadFull(a.conn, length[:])
	require.NoError(a.t, err)
	size, err := headers.FrameSize(length, headers.MaxFrameSize)
	require.NoError(a.t, err)
	frame := make([]byte, size)
	_, err = io.ReadFull(a.conn, frame)
	require.NoError(a.t, err)
	c, err := headers.ParseFrame(frame)
	require.NoError(a.t, err)
	return c
}

func (a *asker) ask(r headers.Request, body []byte) headers.Command {
	a.t.Helper()
	a.write(r, body)
	return a.read()
}

// refused requires that there is no room for what a request would leave behind.
func (a *asker) refused(r headers.Request, body []byte) {
	a.t.Helper()
	answer := a.ask(r, body)
	require.EqualValues(a.t, headers.SystemError, answer.Code)
	require.Contains(a.t, string(answer.Remark), "keeps no more than 65536")
}

// Requests that ask leave no queue behind, nor do pulls that have waited in vain,
// whatever ids they name.
func TestQuestionsMakeNoQueues(t *testing.T) {
	withBroker(t, func(a *asker) {
		queues := func() int {
			a.broker.mu.Lock()
			defer a.broker.mu.Unlock()
			return len(a.broker.topics["topic"].queues)
		}
		pull := func(id, sysFlag int32) *headers.PullMessage {
			return &headers.PullMessage{ConsumerGroup: "g", Topic: "topic", QueueID: id, MaxMessages: 1, SysFlag: sysFlag | headers.PullSubscription, Subscription: "*", SuspendMillis: 1000}
		}
		for id := range int32(100) {
			for _, code := range []headers.RequestCode{
				headers.CodeQueryConsumerOffset, headers.CodeMaxOffset, headers.CodeMinOffset, headers.CodeSearchOffset, headers.CodeEarliestStoreTime,
			} {
				a.ask(&headers.QueueRequest{Code: code, ConsumerGroup: "g", Topic: "topic", QueueID: id - 50}, nil)
			}
			a.ask(pull(id, 0), nil)
		}
		require.Zero(t, queues())

		for id := range int32(100) {
			a.write(pull(id, headers.PullSuspend), nil)
		}
		synctest.Wait()
		require.Equal(t, 100, queues(), "while they wait")
		for range 100 {
			a.read()
		}
		require.Zero(t, queues())

		a.write(pull(0, headers.PullSuspend), nil)
		synctest.Wait()
		require.Equal(t, 1, queues())
		require.NoError(t, a.conn.Close())
		synctest.Wait()
		require.Zero(t, queues(), "the connection has ended")
	})
}

// send is a send to a topic that may have to be made.
func send(topic string) *headers.SendMessage {
	return &headers.SendMessage{ProducerGroup: "g", Topic: topic, DefaultTopic: headers.DefaultTopic, DefaultTopicQueues: 1, BornTimestamp: 1}
}

func TestTopicsAndGroupsAreBounded(t *testing.T) {
	withBroker(t, func(a *asker) {
		body := []byte("x")
		require.EqualValues(t, headers.Success, func() int32 { c := a.ask(send("before"), body); return c.Code }())
		a.broker.mu.Lock()
		for i := 0; len(a.broker.topics) < keptMost; i++ {
			a.broker.putTopicLocked(strconv.Itoa(i), 1, 1, 6)
		}
		a.broker.mu.Unlock()
		a.refused(send("one"), body)
		a.refused(&headers.CreateTopic{Topic: "one", ReadQueues: 1, WriteQueues: 1, Perm: 6}, nil)
		a.refused(headers.Heartbeat{}, []byte(`{"clientID":"c","consumerDataSet":[{"groupName":"one"}]}`))
		require.Len(t, a.broker.Topics(), keptMost-1, "and that of replies")

		for _, r := range []headers.Request{send("before"), &headers.CreateTopic{Topic: "before", ReadQueues: 2, WriteQueues: 2, Perm: 6}} {
			answer := a.ask(r, body)
			require.NoError(t, answer.Err(), "what is there can be used")
		}
		a.cluster.DeleteTopic("before")
		answer := a.ask(send("one"), body)
		require.NoError(t, answer.Err(), "one has made room")

		for i := range keptMost {
			a.broker.groups.Register(&groups.Beat[*conn]{ClientID: "c", Group: headers.ConsumerData{Group: strconv.Itoa(i)}})
			a.broker.producers.Register(strconv.Itoa(i), producers.Member[*conn]{ClientID: "c"})
		}
		a.cluster.DeleteTopic("one")
		a.refused(headers.Heartbeat{}, []byte(`{"clientID":"c","consumerDataSet":[{"groupName":"one"}]}`))
		a.refused(headers.Heartbeat{}, []byte(`{"clientID":"c","producerDataSet":[{"groupName":"one"}]}`))
	})
}

func TestOffsetsAreBounded(t *testing.T) {
	withBroker(t, func(a *asker) {
		a.cluster.CreateConsumerGroup(headers.NewSubscriptionGroupConfig("g"))
		for i := range int32(keptMost) {
			a.broker.offsets.Commit(offsets.Queue{Group: "g", Topic: "topic", ID: i}, 1)
		}
		commit := func(id int32) *headers.UpdateConsumerOffset {
			return &headers.UpdateConsumerOffset{ConsumerGroup: "g", Topic: "topic", QueueID: id, CommitOffset: 2}
		}
		a.refused(commit(-1), nil)
		a.refused(&headers.PullMessage{ConsumerGroup: "g", Topic: "topic", QueueID: keptMost, SysFlag: headers.PullCommitOffset | headers.PullSubscription, Subscription: "*"}, nil)
		answer := a.ask(commit(7), nil)
		require.NoError(t, answer.Err())
		require.False(t, a.broker.offsets.HasRoom(offsets.Queue{}))
		offset, _ := a.broker.ConsumerOffset("g", "topic", 7)
		require.EqualValues(t, 2, offset)
	})
}

// Locks that are over make room for others.
func TestLocksAreBounded(t *testing.T) {
	withBroker(t, func(a *asker) {
		locked := func() int {
			body := fmt.Appendf(nil, `{"clientId":"c","consumerGroup":"g","mqSet":[{"topic":"one","queueId":1},{"topic":"two","queueId":1}]}`)
			answer := a.ask(bare(headers.CodeLockQueues), body)
			require.NoError(t, answer.Err())
			out, err := headers.ParseLockedQueuesData(answer.Body)
			require.NoError(t, err)
			return len(out.Queues)
		}
		for i := range int32(keptMost - 1) {
			a.broker.locks.Lock(offsets.Queue{Group: "g", Topic: "topic", ID: i}, "other", a.cluster.Now())
		}
		require.Equal(t, 1, locked(), "there is room for one")
		require.Equal(t, keptMost, a.broker.locks.Len())
		time.Sleep(locks.Time + time.Second)
		require.Equal(t, 2, locked())
		require.Equal(t, 2, a.broker.locks.Len())
	})
}

type bare headers.RequestCode

func (b bare) RequestCode() headers.RequestCode                        { return headers.RequestCode(b) }
func (b bare) AppendFields(dst []byte, _ headers.Serialization) []byte { return dst }

func TestRecallsAreBounded(t *testing.T) {
	withBroker(t, func(a *asker) {
		recall := func(key string) *headers.RecallMessage {
			handle := headers.RecallHandle{Topic: "topic", BrokerName: "broker-a", UniqueKey: key, Timestamp: a.cluster.Now().Add(time.Hour).UnixMilli()}
			return &headers.RecallMessage{ProducerGroup: "g", Topic: "topic", Handle: handle.String()}
		}
		for range 3 {
			answer := a.ask(recall("again"), nil)
			require.NoError(t, answer.Err())
		}
		require.Len(t, a.broker.recalled, 1)
		require.Equal(t, 1, a.cluster.timers.Pending(), "a mark is taken away once")
		for i := 1; i < keptMost; i++ {
			a.broker.recalled[delays.Recall{UniqueKey: strconv.Itoa(i)}] = struct{}{}
		}
		a.refused(recall("one"), nil)
		answer := a.ask(recall("again"), nil)
		require.NoError(t, answer.Err())
		a.cluster.Advance(2 * time.Hour)
		require.Len(t, a.broker.recalled, keptMost-1)
	}, WithRecall())
}

// Codes that nobody knows are counted as well, but not any number of them.
func TestCountedCodesAreBounded(t *testing.T) {
	withBroker(t, func(a *asker) {
		for code := range headers.RequestCode(2 * countedMost) {
			a.ask(bare(code+10_000), nil)
		}
		a.ask(bare(10_000), nil)
		requests := a.cluster.Stats()["broker-a"].Requests
		require.Len(t, requests, countedMost)
		require.Equal(t, 2, requests[10_000])
	})
}

// A broker that hangs keeps so many bytes of requests.
func TestHeldRequestsAreBounded(t *testing.T) {
	withBroker(t, func(a *asker) {
		a.broker.SetCondition(Hanging)
		body := make([]byte, 4<<20)
		for range 20 {
			a.write(send("topic"), body)
		}
		synctest.Wait()
		require.Equal(t, 15, a.broker.held.Len(), "of 4 MiB each and a little")
		a.broker.SetCondition(Well)
		require.Equal(t, 15, a.broker.stored("topic"))
		require.Zero(t, a.broker.held.Len())
	})
}

// Pushes to a client that does not read, and answers behind an answer that it does not
// read, do not pile up: the broker makes no more, and reads no more of its requests.
func TestUnwrittenIsBounded(t *testing.T) {
	const batch = 1 << 20
	c := func(a *asker) *conn { return a.broker.connections()[0] }
	withBroker(t, func(a *asker) {
		body := make([]byte, batch)
		a.ask(bare(headers.CodeRuntimeInfo), nil)
		for range 20 {
			a.broker.SendToClients(10_000, nil, body)
			synctest.Wait()
		}
		require.Less(t, c(a).Unwritten(), sockets.UnwrittenMost+2*batch)
		require.Zero(t, a.broker.SendToClients(10_000, nil, body))
		a.read()
		for a.read(); c(a).Unwritten() > 0; {
			a.read()
		}
		require.Equal(t, 1, a.broker.SendToClients(10_000, nil, nil))
	})
	withBroker(t, func(a *asker) {
		const large = 3 << 20
		a.ask(send("topic"), make([]byte, large))
		a.broker.SendToClients(10_000, nil, make([]byte, batch)) // somebody else writes, and gets no further
		synctest.Wait()
		for range 9 {
			a.write(&headers.ViewMessage{}, nil)
		}
		synctest.Wait()
		require.Less(t, c(a).Unwritten(), sockets.UnwrittenMost+2*large)
		require.Less(t, a.cluster.Stats()["broker-a"].Requests[headers.CodeViewMessage], 9)
		a.read() // the push
		for range 9 {
			answer := a.read()
			require.NoError(t, answer.Err())
		}
	})
}

// A connection is one member of a group, whatever it calls itself: a producer as it
// did first, a consumer as it did last.
func TestConnectionIsOneMember(t *testing.T) {
	withBroker(t, func(a *asker) {
		for i := range 10 {
			body := fmt.Appendf(nil, `{"clientID":"c%d","producerDataSet":[{"groupName":"p"}],"consumerDataSet":[{"groupName":"g"}]}`, i)
			answer := a.ask(headers.Heartbeat{}, body)
			for !answer.IsResponse() { // the group has changed
				answer = a.read()
			}
			require.NoError(t, answer.Err())
		}
		require.Equal(t, []string{"c0"}, a.broker.Producers("p"))
		require.Equal(t, []string{"c9"}, a.broker.groups.Members("g"))
	})
}
