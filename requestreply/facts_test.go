package requestreply_test

import (
	"errors"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/requestreply"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber"
)

// Why a Requester has a Client of its own: a broker that was told goodbye for one producer
// group of a client does not find the client any more, though the others go on, and their
// heartbeats do not help.
func TestBrokersForgetClients(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		client, err := rocketmq.Connect(w.cluster, nil)
		require.NoError(t, err)
		defer closing(t, client.Close)
		member := client.Session().NewMember(session.Role{Producer: unique("stays")})
		require.NoError(t, member.Join())
		defer member.Leave()
		brokers, err := member.Routes().ClusterBrokers(t.Context())
		require.NoError(t, err)
		addr := brokers[0].Addr
		beat := func() {
			require.EventuallyWithT(t, func(c *assert.CollectT) { // a heartbeat has 3 s
				assert.NoError(c, member.Beat(t.Context(), []string{addr}))
			}, patience, time.Millisecond)
		}
		remark := func() string {
			h := &headers.SendMessage{
				Reply: true, ProducerGroup: "repliers", Topic: headers.ReplyTopic("DefaultCluster"), DefaultTopic: headers.DefaultTopic,
				DefaultTopicQueues: 4, BornTimestamp: time.Now().UnixMilli(),
			}
			for _, p := range []headers.Property{
				{Name: "MSG_TYPE", Value: "reply"}, {Name: "CORRELATION_ID", Value: "id"}, {Name: "REPLY_TO_CLIENT", Value: client.Session().ID()},
			} {
				h.Properties = headers.AppendProperty(h.Properties, p.Name, p.Value)
			}
			_, err := headers.Successful(member.Client().Invoke(t.Context(), addr, h, []byte("pong")))
			var status *headers.StatusError
			require.ErrorAs(t, err, &status)
			require.Equal(t, headers.SystemError, status.Code)
			return status.Remark
		}
		// The client is found, and refuses the push: it has no Requester.
		known, unknown := "push reply message to "+client.Session().ID()+"fail.", "push reply message fail, channel of <"+client.Session().ID()+"> not found."
		beat()
		require.Equal(t, known, remark())

		cfg := w.publisherConfig()
		cfg.Cluster, cfg.Client, cfg.ProducerGroup, cfg.CreateTopics.Enabled = rocketmq.Cluster{}, client, unique("goes"), true
		pub, err := publisher.New(cfg, nil)
		require.NoError(t, err)
		require.NoError(t, pub.Publish(unique("any"), newRequest("x")))
		beat()
		require.Equal(t, known, remark())
		require.NoError(t, pub.Close())
		beat()
		require.Equal(t, unknown, remark())
	})
}

// Why requests go alone: messages of a batch do not tell their cluster on brokers from
// 5.0.0 on. They cannot be replied to.
func TestBatchesHaveNoCluster(t *testing.T) {
	for _, v := range realbroker.Versions() {
		t.Run(v, func(t *testing.T) {
			w := realWorld(t, v)
			topic := unique("batch")
			w.real.CreateTopic(t, topic, 1)
			cfg := w.publisherConfig()
			cfg.Marshaler = likeRequests{}
			pub, err := publisher.New(cfg, nil)
			require.NoError(t, err)
			defer closing(t, pub.Close)
			require.NoError(t, pub.Publish(topic, newRequest("a"), newRequest("b")))
			require.NoError(t, pub.Publish(topic, newRequest("c")))
			responder := w.responder(t)
			defer closing(t, responder.Close)
			clusters := make(chan [2]string, 10)
			failures := make(chan error, 10)
			stop := w.serve(t, topic, func(msg *message.Message) error {
				request, ok := requestreply.RequestFromContext(msg.Context())
				require.True(t, ok)
				clusters <- [2]string{string(msg.Payload), request.Cluster}
				if request.Cluster == "" {
					failures <- responder.Reply(msg.Context(), msg, newRequest("x"))
				}
				return nil
			})
			got := map[string]string{}
			for range 3 {
				one := <-clusters
				got[one[0]] = one[1]
			}
			want := map[string]string{"a": "", "b": "", "c": "DefaultCluster"}
			if w.engine == subscriber.Pull { // 4.9
				want["a"], want["b"] = "DefaultCluster", "DefaultCluster"
			}
			require.Equal(t, want, got)
			stop()
			close(failures)
			for err := range failures {
				require.ErrorIs(t, err, publisher.ErrPermanent)
				var failed *requestreply.ReplyError
				require.True(t, errors.As(err, &failed))
				require.Zero(t, failed.Attempts)
			}
		})
	}
}

// likeRequests makes messages that look like requests, and may share requests to brokers.
type likeRequests struct{ marshaler.Default }

func (m likeRequests) Marshal(topic string, msg *message.Message) (marshaler.Message, error) {
	made, err := m.Default.Marshal(topic, msg)
	made.Properties = append(made.Properties,
		headers.Property{Name: "CORRELATION_ID", Value: "id"}, headers.Property{Name: "REPLY_TO_CLIENT", Value: "nobody"})
	return made, err
}
