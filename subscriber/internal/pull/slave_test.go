package pull

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// onlyASlave has the second broker be a slave without a master, which knows no offset of the
// group.
func onlyASlave(t *testing.T, c *embedded.Cluster) (over func()) {
	return c.Intercept(func(r embedded.Request) embedded.Fault {
		switch {
		case r.Code == headers.CodeQueryConsumerOffset && r.Server == c.Broker(1).Name():
			return embedded.Answer(headers.QueryNotFound, "no")
		case r.Code != headers.CodeTopicRoute || r.Command.Fields.String("topic") != topic:
			return embedded.Fault{}
		}
		route := ""
		brokers := ""
		for i, id := range []string{"0", "1"} {
			if i > 0 {
				route, brokers = route+",", brokers+","
			}
			brokers += fmt.Sprintf(`{"brokerAddrs":{"%s":"%s"},"brokerName":"%s","cluster":"DefaultCluster"}`, id, c.Broker(i).Addr(), c.Broker(i).Name())
			route += fmt.Sprintf(`{"brokerName":"%s","perm":6,"readQueueNums":%d,"writeQueueNums":%d,"topicSysFlag":0}`, c.Broker(i).Name(), queues, queues)
		}
		body := fmt.Sprintf(`{"brokerDatas":[%s],"filterServerTable":{},"queueDatas":[%s]}`, brokers, route)
		frame, err := headers.AppendAnswer(nil, headers.JSON, headers.Version5_5_0, r.Command.Opaque, headers.Success, "", nil, []byte(body))
		require.NoError(t, err)
		return embedded.AnswerBytes(frame)
	})
}

// A slave learns of a group's offsets later than its master. That it knows none does not mean
// that the group begins now: what was not consumed would be passed over.
func TestASlaveDoesNotKnowWhereAGroupIs(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		latest := engine.Topic{Name: topic, From: engine.From{Position: engine.Latest}}
		first := p.subscribe(latest, ack, nil)
		time.Sleep(time.Second)
		var kept keeper
		second := p.subscribe(latest, kept.handle, nil) // it has the queues of the second broker
		time.Sleep(time.Second)
		for _, q := range second.fetcher.Queues() {
			require.Equal(t, c.Broker(1).Name(), q.BrokerName)
		}
		publish(t, p.client, c.Broker(1).Addr(), topic, 0, "m")
		time.Sleep(time.Second)
		require.Len(t, kept.all(), 1)
		over := onlyASlave(t, c)
		time.Sleep(2 * time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		second.output.Stop()
		second.fetcher.Stop(t.Context())
		second.output.Drain(ctx)
		_ = second.fetcher.Close(t.Context()) // nothing can be committed
		<-second.done
		time.Sleep(time.Minute)
		require.Len(t, first.fetcher.Queues(), 2*queues)
		over()
		time.Sleep(2 * time.Minute)
		require.Equal(t, []string{"m"}, first.received())
		first.end()
		offset, _ := c.Broker(1).ConsumerOffset(group, topic, 0)
		require.EqualValues(t, 1, offset)
		p.close()
	}, embedded.WithBrokers(2))
}
