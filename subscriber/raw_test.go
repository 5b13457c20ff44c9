package subscriber_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/session"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// sendRaw stores a message as no producer of this project would send it.
func (w *world) sendRaw(t *testing.T, topic string, body []byte, sysFlag int32, properties ...headers.Property) {
	t.Helper()
	client, err := rocketmq.Connect(w.cluster, nil)
	require.NoError(t, err)
	defer client.Close()
	member := client.Session().NewMember(session.Role{})
	require.NoError(t, member.Join())
	defer member.Leave()
	var route *routing.Route
	patiently(t, func() (err error) {
		route, err = member.Routes().ReadRoute(t.Context(), topic)
		return err
	})
	var encoded []byte
	for _, p := range properties {
		encoded = headers.AppendProperty(encoded, p.Name, p.Value)
	}
	_, err = headers.Successful(member.Client().Invoke(t.Context(), route.ReadAddrs()[0], &headers.SendMessage{
		ProducerGroup: "raw", Topic: topic, DefaultTopic: headers.DefaultTopic, DefaultTopicQueues: 4,
		BornTimestamp: time.Now().UnixMilli(), SysFlag: sysFlag, Properties: encoded,
	}, body))
	require.NoError(t, err)
}
