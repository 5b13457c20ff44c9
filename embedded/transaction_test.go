package embedded_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

const (
	halfTopic     = "RMQ_SYS_TRANS_HALF_TOPIC"
	checkMaxTopic = "TRANS_CHECK_MAX_TIME_TOPIC"
)

// half is a half message of group that is born now, with the given properties
// more.
func half(more ...string) *headers.SendMessage {
	return message("topic", toQueue(3),
		with(append([]string{"TRAN_MSG", "true", "PGROUP", "group", "UNIQ_KEY", "ID1", "TAGS", "t"}, more...)...),
		func(h *headers.SendMessage) {
			h.SysFlag, h.BornTimestamp = headers.SysFlagPrepared, time.Now().UnixMilli()
		})
}

// prepare sends a half message and returns the request that commits it.
func prepare(c *client, cluster *embedded.Cluster, h *headers.SendMessage) *headers.EndTransaction {
	c.t.Helper()
	c.succeed(h, []byte("body"))
	stored := messagesIn(cluster, halfTopic)
	last := stored[len(stored)-1]
	return &headers.EndTransaction{
		ProducerGroup: "group", StateTableOffset: last.QueueOffset, CommitLogOffset: last.CommitLogOffset,
		End: headers.TransactionCommit, MessageID: last.UniqueKey,
	}
}

// becomeProducer registers the client in the producer group "group".
func becomeProducer(c *client, id string) {
	c.t.Helper()
	beat := headers.HeartbeatData{ClientID: id, Producers: []headers.ProducerData{{Group: "group"}}}
	raw, err := beat.Encode()
	require.NoError(c.t, err)
	c.succeed(headers.Heartbeat{}, raw)
}

// receiveCheck reads a check and the half message in it.
func receiveCheck(c *client) (headers.CheckTransaction, body.StoredMessage) {
	c.t.Helper()
	cmd := c.receive()
	require.Equal(c.t, int32(headers.CodeCheckTransactionState), cmd.Code)
	require.True(c.t, cmd.IsOneway())
	h, err := headers.ParseCheckTransaction(&cmd)
	require.NoError(c.t, err)
	m, rest, err := body.ParseStored(cmd.Body)
	require.NoError(c.t, err)
	require.Empty(c.t, rest)
	return h, m
}

// answerTo is the decision about a check.
func answerTo(h headers.CheckTransaction, end headers.TransactionEnd) *headers.EndTransaction {
	return &headers.EndTransaction{
		ProducerGroup: "group", StateTableOffset: h.StateTableOffset, CommitLogOffset: h.CommitLogOffset,
		End: end, FromCheck: true, MessageID: h.MessageID,
	}
}

func inMemoryBubble(t *testing.T, test func(t *testing.T, cluster *embedded.Cluster, c *client), opts ...embedded.Option) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cluster := start(t, append([]embedded.Option{embedded.InMemory(), embedded.WithTopic("topic", 4)}, opts...)...)
		test(t, cluster, dial(t, cluster, cluster.Broker(0).Addr()))
	})
}

// What 5.5.0 and 4.9.7 were seen to make of a half message.
func TestCommit(t *testing.T) {
	for version, left := range map[headers.Version][]string{
		headers.Version5_5_0: {"TRAN_MSG", "PGROUP", "UNIQ_KEY", "TAGS", "__transactionId__", "CLUSTER", "MSG_REGION", "TRACE_ON"},
		headers.Version4_9_7: {"TRAN_MSG", "PGROUP", "UNIQ_KEY", "TAGS", "REAL_TOPIC", "REAL_QID", "CLUSTER"},
	} {
		cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 4), embedded.WithVersion(version))
		c := dial(t, cluster, cluster.Broker(0).Addr())
		commit := prepare(c, cluster, half())
		require.Zero(t, storedIn(cluster, "topic"))
		require.Empty(t, c.succeed(commit, nil).Remark)
		stored := messagesIn(cluster, "topic")
		require.Len(t, stored, 1)
		require.Equal(t, "body", string(stored[0].Body))
		require.Equal(t, int32(3), stored[0].QueueID)
		require.Equal(t, int32(headers.SysFlagCommit), stored[0].SysFlag)
		require.Equal(t, "t", stored[0].Tags)
		names := []string{}
		for name := range stored[0].Properties {
			names = append(names, name)
		}
		require.ElementsMatch(t, left, names)

		c.succeed(commit, nil)
		require.Equal(t, 2, storedIn(cluster, "topic"), "as on a real broker, a second commit delivers again")
	}
}

func TestRollback(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 4))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	end := prepare(c, cluster, half())
	end.End = headers.TransactionRollback
	require.Equal(t, "not set any response code", string(c.succeed(end, nil).Remark))
	require.Zero(t, storedIn(cluster, "topic"))
	require.Zero(t, cluster.Broker(0).CheckTransactions())
}

func TestUnknownEndHasNoAnswer(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 4))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	end := prepare(c, cluster, half())
	end.End = headers.TransactionUndecided
	c.send(end, nil)
	c.silent()
	require.Zero(t, storedIn(cluster, "topic"))
}

func TestEndRefused(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 4))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	good := prepare(c, cluster, half())
	for remark, change := range map[string]func(h *headers.EndTransaction){
		"The producer group wrong":                 func(h *headers.EndTransaction) { h.ProducerGroup = "another" },
		"The transaction state table offset wrong": func(h *headers.EndTransaction) { h.StateTableOffset++ },
		"Find prepared transaction message failed": func(h *headers.EndTransaction) { h.CommitLogOffset++ },
	} {
		for _, end := range []headers.TransactionEnd{headers.TransactionCommit, headers.TransactionRollback} {
			bad := *good
			bad.End = end
			change(&bad)
			answer := c.call(&bad, nil)
			require.Equal(t, int32(headers.SystemError), answer.Code)
			require.Equal(t, remark, string(answer.Remark))
		}
	}
	require.Zero(t, storedIn(cluster, "topic"))
	c.succeed(good, nil)
}

// AwaitProducer waits for the group that it is asked for, and for no longer than
// its context.
func TestAwaitProducer(t *testing.T) {
	inMemoryBubble(t, func(t *testing.T, cluster *embedded.Cluster, c *client) {
		prepare(c, cluster, half())
		require.Zero(t, cluster.Broker(0).CheckTransactions(), "nobody is known yet")

		awaited := make(chan error, 2)
		await := func(ctx context.Context) { awaited <- cluster.Broker(0).AwaitProducer(ctx, "group") }
		for range 2 {
			go await(t.Context())
		}
		c.succeed(plain{code: headers.CodeHeartbeat}, []byte(`{"clientID":"other","producerDataSet":[{"groupName":"other"}]}`))
		synctest.Wait()
		require.Empty(t, awaited)
		becomeProducer(c, "one")
		require.NoError(t, <-awaited)
		require.NoError(t, <-awaited)
		await(t.Context())
		require.NoError(t, <-awaited, "at once")
		require.Equal(t, 1, cluster.Broker(0).CheckTransactions())
		receiveCheck(c)

		ctx, cancel := context.WithCancelCause(t.Context())
		errEnough := errors.New("enough")
		cancel(errEnough)
		require.ErrorIs(t, cluster.Broker(0).AwaitProducer(ctx, "nobody"), errEnough)
	})
}

// The clock that Advance moves on is that of transaction checks as well: half
// messages grow old by it, and no real time goes by.
func TestAdvanceChecksTransactions(t *testing.T) {
	inMemoryBubble(t, func(t *testing.T, cluster *embedded.Cluster, c *client) {
		began := time.Now()
		becomeProducer(c, "one")
		prepare(c, cluster, half())
		cluster.Advance(time.Minute)
		_, first := receiveCheck(c)
		require.Equal(t, "1", string(propertyOf(first, "TRANSACTION_CHECK_TIMES")))
		require.Less(t, began.UnixMilli(), first.StoreTimestamp)
		receiveCheck(c)
		require.Equal(t, began, time.Now())
	})
}

// A half message is checked at the multiples of the interval, once it is old
// enough, and is somewhere else each time.
func TestTransactionCheck(t *testing.T) {
	inMemoryBubble(t, func(t *testing.T, cluster *embedded.Cluster, c *client) {
		began := time.Now()
		becomeProducer(c, "one")
		time.Sleep(5 * time.Second)
		first := prepare(c, cluster, half())
		check, m := receiveCheck(c)
		require.Equal(t, 20*time.Second, time.Since(began), "at 10 s it was not old enough")
		require.Equal(t, "topic", m.Topic)
		require.Equal(t, int32(3), m.QueueID)
		require.Equal(t, halfTopic, check.Topic)
		require.Equal(t, "broker-a", check.BrokerName)
		require.Equal(t, "ID1", check.MessageID)
		require.NotEqual(t, first.StateTableOffset, check.StateTableOffset)
		require.NotEqual(t, first.CommitLogOffset, check.CommitLogOffset)
		require.Equal(t, "1", string(propertyOf(m, "TRANSACTION_CHECK_TIMES")))
		require.Equal(t, "false", string(propertyOf(m, "WAIT")))
		require.Equal(t, []int64{check.StateTableOffset, check.CommitLogOffset}, []int64{m.QueueOffset, m.CommitLogOffset})

		c.oneway(answerTo(check, headers.TransactionUndecided), nil)
		second, m := receiveCheck(c)
		require.Equal(t, 30*time.Second, time.Since(began))
		require.Equal(t, "2", string(propertyOf(m, "TRANSACTION_CHECK_TIMES")))
		c.oneway(answerTo(second, headers.TransactionCommit), nil)
		synctest.Wait()
		require.Equal(t, 1, storedIn(cluster, "topic"))
		time.Sleep(100 * time.Second)
		c.silent()
		require.Equal(t, 3, storedIn(cluster, halfTopic))
	}, embedded.WithTransactionCheck(6*time.Second, 10*time.Second, 15))
}

// A half message with an immunity time of its own is checked after that, and is
// then not ended but by the answer to a check.
func TestTransactionImmunity(t *testing.T) {
	inMemoryBubble(t, func(t *testing.T, cluster *embedded.Cluster, c *client) {
		becomeProducer(c, "one")
		end := prepare(c, cluster, half(headers.PropertyCheckImmunity, "25"))
		began := time.Now()
		check, _ := receiveCheck(c)
		require.Equal(t, 30*time.Second, time.Since(began))
		require.Equal(t, int32(headers.IllegalOperation), c.call(end, nil).Code)
		c.succeed(answerTo(check, headers.TransactionCommit), nil)
		require.Equal(t, 1, storedIn(cluster, "topic"))
	}, embedded.WithTransactionCheck(6*time.Second, 10*time.Second, 15))
}

// After the last check the message is dropped where operators look for it.
func TestTransactionCheckedTooOften(t *testing.T) {
	inMemoryBubble(t, func(t *testing.T, cluster *embedded.Cluster, c *client) {
		becomeProducer(c, "one")
		prepare(c, cluster, half())
		for range 3 {
			receiveCheck(c)
		}
		require.Zero(t, storedIn(cluster, checkMaxTopic))
		time.Sleep(100 * time.Second)
		c.silent()
		dropped := messagesIn(cluster, checkMaxTopic)
		require.Len(t, dropped, 1)
		require.Equal(t, "3", dropped[0].Properties["TRANSACTION_CHECK_TIMES"])
		require.Equal(t, "topic", dropped[0].Properties["REAL_TOPIC"])
		require.Equal(t, "body", string(dropped[0].Body))
	}, embedded.WithTransactionCheck(0, time.Second, 3))
}

// Checks count also when there is no producer to ask; producers of a group are
// asked in turn; and a broker that is down asks nobody.
func TestTransactionCheckProducers(t *testing.T) {
	inMemoryBubble(t, func(t *testing.T, cluster *embedded.Cluster, c *client) {
		b := cluster.Broker(0)
		prepare(c, cluster, half())
		require.Zero(t, b.CheckTransactions())
		other := dial(t, cluster, b.Addr())
		becomeProducer(c, "one")
		becomeProducer(other, "two")
		require.Equal(t, 1, b.CheckTransactions())
		require.Equal(t, 1, b.CheckTransactions())
		_, first := receiveCheck(c)
		_, second := receiveCheck(other)
		require.ElementsMatch(t, []string{"2", "3"}, []string{
			string(propertyOf(first, "TRANSACTION_CHECK_TIMES")), string(propertyOf(second, "TRANSACTION_CHECK_TIMES")),
		})
		halves := storedIn(cluster, halfTopic)
		b.Stop()
		time.Sleep(time.Hour)
		require.Equal(t, halves, storedIn(cluster, halfTopic))
	})
}

// The check that a 5.5.0 broker sent has the fields and properties of ours.
func TestGoldenCheck(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("golden_topic", 4))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	becomeProducer(c, "one")
	c.writeBytes(golden(t, "16"))
	sameAnswer(t, goldenCommand(t, "17"), c.receive())
	beat := headers.HeartbeatData{ClientID: "two", Producers: []headers.ProducerData{{Group: "golden_tx_pg"}}}
	raw, err := beat.Encode()
	require.NoError(t, err)
	c.succeed(headers.Heartbeat{}, raw)
	require.Equal(t, 1, cluster.Broker(0).CheckTransactions())
	got, want := c.receive(), goldenCommand(t, "21")
	require.Equal(t, want.Code, got.Code)
	require.Equal(t, want.Flag, got.Flag)
	names := func(all map[string]string) (list []string) {
		for name := range all {
			list = append(list, name)
		}
		return list
	}
	require.ElementsMatch(t, names(fields(want)), names(fields(got)))
	gotMessage, _, err := body.ParseStored(got.Body)
	require.NoError(t, err)
	wantMessage, _, err := body.ParseStored(want.Body)
	require.NoError(t, err)
	require.Equal(t, wantMessage.Topic, gotMessage.Topic)
	require.Equal(t, wantMessage.SysFlag, gotMessage.SysFlag)
	properties := func(m body.StoredMessage) (list []string) {
		for name := range headers.Properties(m.Properties) {
			if string(name) != headers.PropertyCheckImmunity { // the captured one's producer had set it
				list = append(list, string(name))
			}
		}
		return list
	}
	require.ElementsMatch(t, properties(wantMessage), properties(gotMessage))
}

func propertyOf(m body.StoredMessage, name string) []byte {
	for n, v := range headers.Properties(m.Properties) {
		if string(n) == name {
			return v
		}
	}
	return nil
}

// An immunity time below the least age of a checked message does not keep its
// producer from ending the transaction.
func TestTransactionShortImmunity(t *testing.T) {
	inMemoryBubble(t, func(t *testing.T, cluster *embedded.Cluster, c *client) {
		end := prepare(c, cluster, half(headers.PropertyCheckImmunity, "1"))
		time.Sleep(5 * time.Second)
		c.succeed(end, nil)
		end = prepare(c, cluster, half(headers.PropertyCheckImmunity, "1"))
		time.Sleep(7 * time.Second)
		require.Equal(t, int32(headers.IllegalOperation), c.call(end, nil).Code)
	})
}
