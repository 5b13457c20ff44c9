package embedded_test

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// FuzzServers writes any bytes to a broker and a name server, of both versions:
// they do not panic, and what they answer is whole frames.
func FuzzServers(f *testing.F) {
	for _, number := range []string{"01", "03", "04", "23", "25", "27", "29", "31", "36", "37", "39", "43", "45", "47", "48", "53", "55", "65", "80"} {
		f.Add(golden(f, number))
	}
	for _, r := range []headers.Request{
		&headers.ViewMessage{Offset: -1},
		&headers.QueryMessage{Topic: "topic", Key: "k", MaxMessages: -1},
		&headers.QueueRequest{Code: headers.CodeSearchOffset, Topic: "topic", QueueID: -1, Timestamp: -1},
		&headers.CreateTopic{Topic: "topic", ReadQueues: -1, WriteQueues: 1 << 30, Perm: -1},
		&headers.CreateTopic{Topic: "topic", ReadQueues: 1, WriteQueues: 1, Perm: 6, Attributes: "+=,-,+a=b=c"},
		&headers.TopicStats{Topic: "topic"},
		headers.BrokerConfig{},
		headers.RuntimeInfo{},
		pull("topic", -1),
		message("topic", toQueue(-1)),
	} {
		frame, err := headers.AppendRequest(nil, headers.JSON, 1, false, r, []byte("body"))
		require.NoError(f, err)
		f.Add(frame)
	}
	f.Add(append(golden(f, "04"), golden(f, "31")...))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, version := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
			inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
				for _, addr := range []string{cluster.Broker(0).Addr(), cluster.NameServers()[0]} {
					c := dial(t, cluster, addr)
					_, _ = c.conn.Write(raw) // may fail: the server closes bad connections
					synctest.Wait()
					for _, s := range cluster.Brokers() {
						s.Stop()
						require.NoError(t, s.Start())
					}
					cluster.NameServer(0).Stop()
					require.NoError(t, cluster.NameServer(0).Start())
					for {
						if _, err := c.tryReceive(); err != nil {
							require.ErrorIs(t, err, io.EOF)
							break
						}
					}
				}
			}, embedded.WithVersion(version))
		}
	})
}
