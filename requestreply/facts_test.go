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
	"github.com/watermill-rocketmq/watermill-rocketmq/transport"
)

// place is where a broker has the replies for a client go.
type place struct {
	client *rocketmq.Client
	member *session.Member // in a producer group
	group  string
	addr   string
}

func newPlace(t *testing.T, w *world) *place {
	t.Helper()
	client, err := rocketmq.Connect(w.cluster, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Close()) })
	group := unique("stays")
	member := client.Session().NewMember(session.Role{Producer: group})
	require.NoError(t, member.Join())
	t.Cleanup(member.Leave)
	topic := unique("place")
	w.createTopic(t, topic)
	route, err := member.Routes().Route(t.Context(), topic)
	require.NoError(t, err)
	return &place{client: client, member: member, group: group, addr: route.Brokers()[0].Addr}
}

// beat has the broker hear of the client.
func (p *place) beat(t *testing.T) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) { // a heartbeat has 3 s
		assert.NoError(c, p.member.Beat(t.Context(), []string{p.addr}))
	}, patience, time.Millisecond)
}

// renew has the broker take the client's connection for a new one, and know it by that.
func (p *place) renew(t *testing.T) {
	t.Helper()
	p.beat(t) // it has to be connected
	for begin := time.Now(); ; {
		if p.member.Renew(t.Context(), []string{p.addr}) == nil && p.isKnown(t) {
			return
		}
		require.Less(t, time.Since(begin), patience)
	}
}

// isKnown reports whether the broker finds the client, which refuses the reply: it has no
// Requester.
func (p *place) isKnown(t *testing.T) bool {
	t.Helper()
	h := &headers.SendMessage{
		Reply: true, ProducerGroup: "repliers", Topic: headers.ReplyTopic("DefaultCluster"), DefaultTopic: headers.DefaultTopic,
		DefaultTopicQueues: 4, BornTimestamp: time.Now().UnixMilli(),
	}
	id := p.client.Session().ID()
	for _, p := range []headers.Property{
		{Name: "MSG_TYPE", Value: "reply"}, {Name: "CORRELATION_ID", Value: "id"}, {Name: "REPLY_TO_CLIENT", Value: id},
	} {
		h.Properties = headers.AppendProperty(h.Properties, p.Name, p.Value)
	}
	var status *headers.StatusError
	for begin := time.Now(); ; { // a heartbeat that runs out of its time ends the connection
		_, err := headers.Successful(p.member.Client().Invoke(t.Context(), p.addr, h, []byte("pong")))
		if errors.As(err, &status) {
			break
		}
		require.Less(t, time.Since(begin), patience, "%v", err)
	}
	require.Equal(t, headers.SystemError, status.Code)
	known := "push reply message to " + id + "fail."
	require.Contains(t, []string{known, "push reply message fail, channel of <" + id + "> not found."}, status.Remark)
	return status.Remark == known
}

// Why a Requester has a Client of its own: a broker that was told goodbye for one producer
// group of a client does not find the client any more, though the others go on, and their
// heartbeats do not help.
func TestBrokersForgetClients(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		p := newPlace(t, w)
		p.beat(t)
		require.True(t, p.isKnown(t))

		cfg := w.publisherConfig()
		cfg.Cluster, cfg.Client, cfg.ProducerGroup, cfg.CreateTopics.Enabled = rocketmq.Cluster{}, p.client, unique("goes"), true
		pub, err := publisher.New(cfg, nil)
		require.NoError(t, err)
		require.NoError(t, pub.Publish(unique("any"), newRequest("x")))
		p.beat(t)
		require.True(t, p.isKnown(t))
		require.NoError(t, pub.Close())
		p.beat(t)
		require.False(t, p.isKnown(t))
	})
}

// Why a Requester has brokers note it anew after a loss: a broker that hears of the end of
// an older connection does not find the client any more, and heartbeats do not help. A
// goodbye and a heartbeat do.
func TestBrokersForgetClientsOfOlderConnections(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.cluster.HeartbeatInterval = time.Hour
		p := newPlace(t, w)
		older, err := transport.New(transport.Config{Dial: w.cluster.Dial, DialTimeout: patience})
		require.NoError(t, err)
		defer closing(t, older.Close)
		data := headers.HeartbeatData{ClientID: p.client.Session().ID(), Producers: []headers.ProducerData{{Group: p.group}}}
		body, err := data.Encode()
		require.NoError(t, err)
		beatOn := func(connection *transport.Client) { // without a limit, which may cost the connection
			_, err := headers.Successful(connection.Invoke(t.Context(), p.addr, headers.Heartbeat{}, body))
			require.NoError(t, err)
		}
		beatOn(older)
		p.renew(t)
		require.NoError(t, older.Close())
		for begin := time.Now(); p.isKnown(t); {
			require.Less(t, time.Since(begin), patience)
		}
		beatOn(p.member.Client())
		require.False(t, p.isKnown(t))
		p.renew(t)
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
