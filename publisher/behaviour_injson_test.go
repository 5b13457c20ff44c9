package publisher_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// popMessage is POP_MESSAGE, whose code no binary header holds.
type popMessage struct{ headers.FieldList }

func (popMessage) RequestCode() headers.RequestCode { return 200_050 }

// Brokers and name servers answer requests that insist on JSON, and those of codes over
// 32,767, beside binary ones over one connection.
func TestBehaviourRequestsInJSON(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "in-json")
		w.createTopic(t, topic, 2)
		client, err := transport.New(transport.Config{Dial: w.dial, Serialization: headers.Binary})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, client.Close()) })
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()

		brokers, err := routing.InspectBrokers(ctx, inJSON{client}, w.nameServers[0])
		require.NoError(t, err)
		addr, ok := brokers[0].Master()
		require.True(t, ok)
		stats := &headers.TopicStats{Topic: topic}
		binary, err := headers.Successful(client.Invoke(ctx, addr, stats, nil))
		require.NoError(t, err)
		require.NotEmpty(t, binary.Body)

		type outcome struct {
			answer headers.Command
			err    error
		}
		outcomes := make([]outcome, 60)
		var wg sync.WaitGroup
		for i := range outcomes {
			wg.Go(func() {
				var r headers.Request = stats
				switch i % 3 {
				case 1:
					r = headers.InJSON(stats)
				case 2:
					r = popMessage{popFields(topic)}
				}
				outcomes[i].answer, outcomes[i].err = client.Invoke(ctx, addr, r, nil)
			})
		}
		wg.Wait()
		for i, o := range outcomes {
			require.NoError(t, o.err)
			switch {
			case i%3 < 2:
				require.NoError(t, o.answer.Err())
				require.Len(t, o.answer.Body, len(binary.Body))
			case w.version >= headers.Version5_0_0:
				require.NotEqual(t, headers.RequestNotSupported, headers.ResponseCode(o.answer.Code), string(o.answer.Remark))
			default:
				require.Equal(t, headers.RequestNotSupported, headers.ResponseCode(o.answer.Code))
				require.Contains(t, string(o.answer.Remark), "200050", "the broker has read the whole code")
			}
		}
		require.ElementsMatch(t, []string{w.nameServers[0], addr}, client.Connected())
	})
}

// popFields are those of a POP_MESSAGE that waits for nothing.
func popFields(topic string) headers.FieldList {
	return headers.FieldList{
		{Name: "topic", Value: topic},
		{Name: "consumerGroup", Value: topic},
		{Name: "queueId", Value: "-1"},
		{Name: "maxMsgNums", Value: "1"},
		{Name: "invisibleTime", Value: "10000"},
		{Name: "pollTime", Value: "0"},
		{Name: "bornTime", Value: strconv.FormatInt(time.Now().UnixMilli(), 10)},
		{Name: "initMode", Value: "0"},
		{Name: "expType", Value: "TAG"},
		{Name: "exp", Value: "*"},
		{Name: "order", Value: "false"},
	}
}

// inJSON makes all requests of a client insist on JSON.
type inJSON struct{ client *transport.Client }

func (j inJSON) Invoke(ctx context.Context, addr string, r headers.Request, body []byte) (headers.Command, error) {
	return j.client.Invoke(ctx, addr, headers.InJSON(r), body)
}
