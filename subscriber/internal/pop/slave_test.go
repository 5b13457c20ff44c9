package pop_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// While a master is away its slave, which would hand out messages that the master hands out
// once more, is asked for nothing.
func TestSlaveIsLeftAlone(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		t.Run(fmt.Sprint("ordered ", ordered), func(t *testing.T) {
			inBubble(t, 4, func(w *world) {
				master, slave := w.embedded.Broker(0), w.embedded.Broker(1)
				var asked atomic.Int64
				w.embedded.Intercept(func(r embedded.Request) embedded.Fault {
					switch {
					case r.Code == headers.CodeTopicRoute && r.Command.Fields.String("topic") == w.topic:
						addrs := fmt.Sprintf(`"1":%q`, slave.Addr())
						if master.Running() {
							addrs += fmt.Sprintf(`,"0":%q`, master.Addr())
						}
						return w.answerRoute(r, addrs)
					case r.Server == slave.Name() && r.Code != headers.CodeHeartbeat:
						asked.Add(1)
					}
					return embedded.Fault{}
				})
				m := w.member(func(cfg *engine.Config) { cfg.Ordered, cfg.Lease = ordered, 10*time.Second })
				s := m.subscribe(func(cfg *delivery.Config) { cfg.Ordered = ordered }, engine.Topic{})
				w.publish("before")
				require.Equal(w.t, []string{"before"}, s.take(1))
				time.Sleep(10 * time.Second) // the broker has written down what was popped and acked
				master.Kill()
				s.none(2 * time.Minute) // several looks at the route
				require.NoError(w.t, master.Start())
				w.publish("after")
				require.Equal(w.t, []string{"after"}, s.take(1))
				require.Zero(w.t, asked.Load())
				require.NoError(w.t, s.end(time.Second))
				m.close()
				w.nothingLeft(30 * time.Second)
			}, embedded.WithBrokers(2))
		})
	}
}

// answerRoute answers a request for the route of the topic: it is at one broker, whose
// servers have these ids and addresses.
func (w *world) answerRoute(r embedded.Request, addrs string) embedded.Fault {
	body := fmt.Sprintf(`{"queueDatas":[{"brokerName":%[1]q,"readQueueNums":4,"writeQueueNums":4,"perm":6,"topicSysFlag":0}],`+
		`"brokerDatas":[{"cluster":"DefaultCluster","brokerName":%[1]q,"brokerAddrs":{%[2]s}}],"filterServerTable":{}}`,
		w.embedded.Broker(0).Name(), addrs)
	raw, err := headers.AppendResponse(nil, headers.JSON, r.Command.Opaque, headers.Success, "", nil, []byte(body))
	require.NoError(w.t, err)
	return embedded.AnswerBytes(raw)
}
