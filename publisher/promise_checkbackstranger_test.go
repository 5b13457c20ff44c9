package publisher_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// endsAt counts the END_TRANSACTION requests that have arrived at each server.
func endsAt(c *embedded.Cluster, server string) int {
	synctest.Wait()
	return c.Stats()[server].Requests[headers.CodeEndTransaction]
}

// forgedCheck is a check of the group's message with that id.
func forgedCheck(t testing.TB, group, id, broker string) (*headers.CheckTransaction, []byte) {
	t.Helper()
	half, err := body.AppendStored(nil, &body.StoredMessage{
		Topic: orders, Body: []byte("x"), Properties: headers.AppendProperty(nil, headers.PropertyProducerGroup, group),
	})
	require.NoError(t, err)
	return &headers.CheckTransaction{MessageID: id, StateTableOffset: 7, CommitLogOffset: 4711, BrokerName: broker}, half
}

// A check says where a half message is now. Only the broker that has it is believed:
// another one would get the commit in its place, and say that it is done.
func TestPromiseCheckOfAnotherBroker(t *testing.T) {
	for _, named := range []bool{false, true} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			j := judging(publisher.TransactionRollback)
			p := publisherOn(t, c, withCheck(j))
			tx := begin(t, p, "x")
			own, other := c.Broker(0), c.Broker(1)
			if tx.Info().BrokerName == other.Name() {
				own, other = other, own
			}
			claimed := ""
			if named {
				claimed = own.Name()
			}
			synctest.Wait()
			check, half := forgedCheck(t, shop, tx.Info().MessageID, claimed)
			require.Equal(t, 1, other.SendToClients(headers.CodeCheckTransactionState, check, half))
			synctest.Wait()
			require.NoError(t, tx.Commit(t.Context()))
			require.Equal(t, 1, endsAt(c, own.Name()))
			require.Zero(t, endsAt(c, other.Name()))
			require.Equal(t, 1, storedIn(c, orders))
			require.Zero(t, j.count())
		}, embedded.WithBrokers(2))
	}
}

// A name server that asks is not answered, nor is Check: it would be told of the
// commit of a message that it does not have, and be believed that it is done.
func TestPromiseCheckOfANameServer(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionCommit)
		p := publisherOn(t, c, withCheck(j))
		tx := begin(t, p, "x")
		tx.Unknown()
		check, half := forgedCheck(t, shop, tx.Info().MessageID, tx.Info().BrokerName)
		frame, err := headers.AppendRequest(nil, headers.JSON, 1, true, check, half)
		require.NoError(t, err)
		forged := 0
		c.Intercept(func(r embedded.Request) embedded.Fault {
			if r.Code != headers.CodeTopicRoute || r.Command.Fields.String("topic") != "forged" {
				return embedded.Fault{}
			}
			forged++
			return embedded.AnswerBytes(frame)
		})
		require.Error(t, p.Publish("forged", newMessage("x")))
		synctest.Wait()
		require.NotZero(t, forged)
		require.Zero(t, j.count())
		require.Zero(t, endRequests(c))

		require.Equal(t, 1, c.Broker(0).CheckTransactions(), "the broker itself is answered")
		synctest.Wait()
		require.Equal(t, 1, j.count())
		require.Equal(t, 1, storedIn(c, orders))
	})
}
