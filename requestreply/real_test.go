package requestreply_test

import (
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/requestreply"
)

// javaSize is what Java compresses (compressMsgBodyOverHowmuch).
const javaSize = 20_000

// The Java client makes requests, and has our replies.
func TestJavaRequests(t *testing.T) {
	for _, v := range realbroker.Versions() {
		t.Run(v, func(t *testing.T) {
			w := realWorld(t, v)
			topic := unique("java-asks")
			w.real.CreateTopic(t, topic, 4)
			responder := w.responder(t)
			requests := make(chan requestreply.Request, 100)
			stop := w.serve(t, topic, responder.Handler(func(msg *message.Message) (*message.Message, error) {
				request, ok := requestreply.RequestFromContext(msg.Context())
				if ok {
					requests <- request
				}
				return echo(msg)
			}))
			for _, size := range []int{0, javaSize} {
				replies := w.real.JavaRequest(t, topic, 5, size, patience)
				require.Len(t, replies, 5)
				for i, reply := range replies {
					require.Empty(t, reply.Timeout+reply.Unsent)
					request := <-requests
					require.Equal(t, request.CorrelationID, reply.Properties["CORRELATION_ID"])
					require.Equal(t, "DefaultCluster", request.Cluster)
					require.Equal(t, patience, request.TTL)
					require.Equal(t, padded("reply to java-"+strconv.Itoa(i), size+len("reply to ")), string(reply.Body))
					require.Equal(t, strconv.Itoa(i), reply.Properties["n"])
					require.Equal(t, "ours", reply.Properties["from"])
					require.Equal(t, "reply", reply.Properties["MSG_TYPE"])
				}
			}
			stop()
			require.NoError(t, responder.Close())
			for timeout := time.Second; ; timeout *= 2 { // until it is sent in time
				replies := w.real.JavaRequest(t, topic, 1, 0, timeout)
				require.Len(t, replies, 1)
				if replies[0].Unsent == "" {
					require.NotEmpty(t, replies[0].Timeout)
					break
				}
				require.Less(t, timeout, patience, replies[0].Unsent)
			}
		})
	}
}

// We make requests, and have the replies of the Java client.
func TestJavaReplies(t *testing.T) {
	for _, v := range realbroker.Versions() {
		t.Run(v, func(t *testing.T) {
			w := realWorld(t, v)
			topic := unique("java-answers")
			w.real.CreateTopic(t, topic, 4)
			consumer := w.real.Consume(t, realbroker.ConsumeConfig{Group: unique("java"), Topic: topic, Reply: true, ReplySize: javaSize})
			requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.Timeout = patience })
			for i := range 20 {
				n := strconv.Itoa(i)
				request := newRequest("ours-" + n)
				request.Metadata.Set("n", n)
				reply, err := requester.Request(t.Context(), topic, request)
				require.NoError(t, err)
				require.Equal(t, padded("reply to ours-"+n, javaSize), string(reply.Payload))
				require.Equal(t, message.Metadata{"n": n, "from": "java"}, reply.Metadata)
				require.NotEmpty(t, reply.UUID)
			}
			require.NoError(t, requester.Close())
			deliveries := consumer.Stop(t)
			require.Len(t, deliveries, 20)
			for _, d := range deliveries {
				require.False(t, d.Failed, "the reply found us at once")
				require.Equal(t, "DefaultCluster", d.Properties["CLUSTER"])
			}
		})
	}
}

// A request that waits while its broker is restarted has its reply afterwards.
func TestBrokerRestarts(t *testing.T) {
	for _, v := range realbroker.Versions() {
		t.Run(v, func(t *testing.T) {
			c := realbroker.Start(t, realbroker.Config{Version: v})
			w := worldOn(c, v)
			topic := unique("restart")
			responder := w.responder(t, func(cfg *requestreply.ResponderConfig) { cfg.ReplyTimeout = patience })
			requester := w.requester(t, func(cfg *requestreply.RequesterConfig) { cfg.Timeout = patience })
			got, gate := make(chan struct{}, 16), make(chan struct{})
			on := sync.OnceFunc(func() { close(gate) })
			stop := w.serve(t, topic, responder.Handler(func(request *message.Message) (*message.Message, error) {
				got <- struct{}{}
				<-gate
				return echo(request)
			}))
			t.Cleanup(on) // before serve's
			replied := make(chan error, 1)
			go func() {
				_, err := requester.Request(t.Context(), topic, newRequest("x"))
				replied <- err
			}()
			<-got
			require.NoError(t, c.Broker(0).Kill())
			require.NoError(t, c.Broker(0).Start())
			on()
			require.NoError(t, <-replied)
			reply, err := requester.Request(t.Context(), topic, newRequest("y"))
			require.NoError(t, err)
			require.Equal(t, "reply to y", string(reply.Payload))
			stop()
			require.NoError(t, responder.Close())
			require.NoError(t, requester.Close())
		})
	}
}

func padded(text string, size int) string {
	return text + strings.Repeat(".", max(0, size-len(text)))
}
