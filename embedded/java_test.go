package embedded_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
)

// TestOfficialJavaClient lets the Java producer, pull consumer and admin client
// work against the cluster over TCP: clients of both versions against servers of
// both.
func TestOfficialJavaClient(t *testing.T) {
	for _, client := range realbroker.Versions() {
		for _, server := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
			t.Run(fmt.Sprintf("client %s, server %d", client, server), func(t *testing.T) {
				realbroker.Require(t)
				cluster := start(t, embedded.WithVersion(server), embedded.WithBrokers(2), embedded.WithTopic("java", 2))
				javaClient(t, cluster, realbroker.WitnessFor(t, client, cluster.NameServers()))
			})
		}
	}
}

// TestOfficialJavaClientReplies has Java clients of both versions make requests and reply to
// them, on servers of both.
func TestOfficialJavaClientReplies(t *testing.T) {
	for _, client := range realbroker.Versions() {
		for _, server := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
			t.Run(fmt.Sprintf("client %s, server %d", client, server), func(t *testing.T) {
				realbroker.Require(t)
				cluster := start(t, embedded.WithVersion(server), embedded.WithBrokers(2), embedded.WithTopic("java", 2))
				w := realbroker.WitnessFor(t, client, cluster.NameServers())
				consumer := w.Consume(t, realbroker.ConsumeConfig{Group: "java-repliers", Topic: "java", Reply: true})
				for i, reply := range w.JavaRequest(t, "java", 5, 0, patience) {
					require.Empty(t, reply.Timeout)
					require.Equal(t, fmt.Sprintf("reply to java-%d", i), string(reply.Body))
					require.Equal(t, "java", reply.Properties["from"])
				}
				for _, d := range consumer.Stop(t) {
					require.False(t, d.Failed)
				}
			})
		}
	}
}

// TestOfficialJavaClientSigns is the same with access control: what the Java
// client signs is let in, of either version, and its own user's secret key is
// needed for it.
func TestOfficialJavaClientSigns(t *testing.T) {
	for _, client := range realbroker.Versions() {
		for _, server := range []headers.Version{headers.Version5_5_0, headers.Version4_9_7} {
			t.Run(fmt.Sprintf("client %s, server %d", client, server), func(t *testing.T) {
				realbroker.Require(t)
				cluster := start(t, embedded.WithVersion(server), embedded.WithBrokers(2), embedded.WithTopic("java", 2),
					embedded.WithACL(embedded.User{AccessKey: "java-user", SecretKey: "java-secret", Superuser: true}))
				w := realbroker.WitnessFor(t, client, cluster.NameServers())
				w.SignAs(realbroker.User{Name: "java-user", Secret: "java-secret"})
				javaClient(t, cluster, w)
			})
		}
	}
}

func javaClient(t *testing.T, cluster *embedded.Cluster, w *realbroker.Witness) {
	results := w.JavaProduce(t, "java", 5, "--tag", "blue")
	require.Len(t, results, 5)
	for _, r := range results {
		require.Equal(t, "SEND_OK", r.Status)
		require.Equal(t, "DefaultRegion", r.RegionID)
	}
	batch := w.JavaProduce(t, "java", 3, "--batch")
	require.Len(t, batch, 1)
	require.Len(t, strings.Split(batch[0].OffsetMsgID, ","), 3)
	require.Empty(t, w.JavaProduce(t, "java", 2, "--oneway"))
	_, err := cluster.AwaitMessages(t.Context(), "java", 10) // oneway: no answer tells when
	require.NoError(t, err)
	compressed := w.JavaProduce(t, "java", 1, "--size", "50000")

	stored, read := messagesIn(cluster, "java"), w.Read(t, "java", 11)
	require.Len(t, read, 11)
	for i, m := range read { // both are in the order of queues and offsets
		want := stored[i]
		require.Equal(t, want.BrokerName, m.BrokerName)
		require.Equal(t, want.QueueID, m.QueueID)
		require.Equal(t, want.QueueOffset, m.QueueOffset)
		require.Equal(t, want.CommitLogOffset, m.CommitLogOffset)
		require.Equal(t, want.UniqueKey, m.MsgID)
		require.Equal(t, want.OffsetMessageID, m.OffsetMsgID)
		require.Equal(t, want.Keys, m.Keys)
		require.Equal(t, want.Tags, m.Tags)
		require.Equal(t, want.BornTimestamp.UnixMilli(), m.BornTimestamp)
		require.Equal(t, want.StoreTimestamp.UnixMilli(), m.StoreTimestamp)
		if m.MsgID == compressed[0].MsgID {
			require.NotZero(t, want.SysFlag&headers.SysFlagCompressed)
			require.Len(t, m.Body, 50_000)
		} else {
			require.Equal(t, want.Body, m.Body)
			require.Equal(t, want.Properties, m.Properties)
		}
	}

	require.Len(t, w.QueryKey(t, "java", "key-4"), 1)
	byID := w.QueryID(t, "java", results[3].MsgID)
	require.Len(t, byID, 1)
	require.Equal(t, "java-3", string(byID[0].Body))
	viewed := w.View(t, "java", results[2].OffsetMsgID)
	require.Len(t, viewed, 1)
	require.Equal(t, results[2].MsgID, viewed[0].MsgID)

	// The Java admin client creates a topic by way of the cluster information.
	w.Run(t, "create-topic", "made", "3")
	c := dial(t, cluster, cluster.NameServers()[0])
	require.Equal(t, 3, c.route("made").QueueDatas[0].WriteQueueNums)

	// A topic that the producer's first message creates.
	created := w.JavaProduce(t, "created", 1)
	require.Equal(t, created[0].OffsetMsgID, messagesIn(cluster, "created")[0].OffsetMessageID)
	require.Len(t, w.Read(t, "created", 1), 1)
	require.Empty(t, w.Read(t, "none", 0))
}
