package publisher_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// A half message whose body is not what its system flag says is asked about without
// its body.
func TestPromiseCheckedMessageWithoutBody(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		j := judging(publisher.TransactionRollback)
		p := publisherOn(t, c, withCheck(j))
		require.NoError(t, p.Publish(orders, newMessage("makes it known to the broker")))
		client, err := transport.New(transport.Config{Dial: c.Dial})
		require.NoError(t, err)
		half := headers.SendMessage{
			ProducerGroup: shop, Topic: orders, DefaultTopic: "TBW102", BornTimestamp: time.Now().UnixMilli(),
			SysFlag: headers.SysFlagPrepared | headers.SysFlagCompressed | headers.SysFlagLZ4,
		}
		for name, value := range map[string]string{"TRAN_MSG": "true", "PGROUP": shop, "UNIQ_KEY": "ID", "name": "OrderPlaced"} {
			half.Properties = headers.AppendProperty(half.Properties, name, value)
		}
		answer, err := client.Invoke(t.Context(), c.Broker(0).Addr(), &half, []byte("no LZ4"))
		require.NoError(t, err)
		require.NoError(t, answer.Err())
		require.NoError(t, client.Close())
		checkNow(t, c)
		var failure *marshaler.BodyError
		require.ErrorAs(t, j.asked[0].UnmarshalErr, &failure)
		require.ErrorIs(t, failure, headers.ErrMalformed)
		msg := j.asked[0].Message
		require.Empty(t, msg.Payload)
		require.Equal(t, "OrderPlaced", msg.Metadata.Get("name"))
		require.Equal(t, "ID", j.asked[0].UUID)
	})
}
