package embedded_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	wm "github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// folderVersions are the real brokers that share folders with ours.
var folderVersions = map[string]headers.Version{"5.5.0": headers.Version5_5_0, "4.9.7": headers.Version4_9_7}

// onFolder starts a real broker with a folder, and the sizes of files that are RocketMQ's
// defaults and ours.
func onFolder(t *testing.T, version, dir string) *realbroker.Cluster {
	t.Helper()
	return realbroker.Start(t, realbroker.Config{Version: version, BrokerProps: map[string]string{
		"storePathRootDir": dir, "storePathCommitLog": filepath.Join(dir, "commitlog"), "flushDiskType": "SYNC_FLUSH",
		"mappedFileSizeCommitLog": "1073741824", "mappedFileSizeConsumeQueue": "6000000",
		"maxHashSlotNum": "5000000", "maxIndexNum": "20000000",
		"transactionTimeOut": "1000", "transactionCheckInterval": "1000", "transactionCheckMax": "100000",
	}})
}

// publishKinds publishes messages of all kinds to the topic folder, in single requests and in
// batches, some compressed.
func publishKinds(t *testing.T, cluster rocketmq.Cluster) {
	t.Helper()
	config := patientPublisher(cluster)
	config.Compression.Codec = publisher.Zlib
	config.OrderingKey = func(_ string, m *wm.Message) (string, error) { return m.UUID[:1], nil }
	pub, err := publisher.New(config, nil)
	require.NoError(t, err)
	dice := rand.New(rand.NewPCG(1, 2))
	var batch []*wm.Message
	for i := range 200 {
		payload := make([]byte, dice.IntN(3000))
		for at := range payload {
			payload[at] = byte(dice.Uint32())
		}
		if i%10 == 0 {
			payload = []byte(strings.Repeat("compressible ", 1000))
		}
		m := wm.NewMessage(fmt.Sprintf("%d-folder-%d", i%10, i), payload)
		m.Metadata.Set("größe", fmt.Sprint(len(payload)))
		m.Metadata.Set(marshaler.MetadataTag, fmt.Sprint("tag", i%3))
		if i%2 == 0 {
			require.NoError(t, pub.Publish("folder", m))
			continue
		}
		batch = append(batch, m)
	}
	require.NoError(t, pub.Publish("folder", batch...))
	require.NoError(t, pub.Close())
}

// sameMessages wants a witness to see what ours has stored.
func sameMessages(t *testing.T, ours []embedded.Message, theirs []realbroker.StoredMessage) {
	t.Helper()
	require.Len(t, theirs, len(ours))
	for i, want := range ours {
		got := theirs[i]
		payload, err := want.Payload()
		require.NoError(t, err)
		require.Equal(t, want.QueueID, got.QueueID)
		require.Equal(t, want.QueueOffset, got.QueueOffset)
		require.Equal(t, want.CommitLogOffset, got.CommitLogOffset)
		require.Equal(t, string(payload), string(got.Body))
		require.Equal(t, want.Properties, got.Properties)
		require.Equal(t, want.Flag, got.Flag)
		require.Equal(t, want.BornTimestamp.UnixMilli(), got.BornTimestamp)
		require.Equal(t, want.StoreTimestamp.UnixMilli(), got.StoreTimestamp)
		require.Equal(t, want.Tags, got.Tags)
	}
}

// A real broker opens what a cluster of ours has left behind, and has all of it, by offset
// and by key; groups go on where they were, what is delayed is delivered unless it was
// recalled, and who has not decided about a transaction is asked. What it adds ours has when it opens the folder again.
func TestRealBrokerOpensOurFolder(t *testing.T) {
	for version, number := range folderVersions {
		for _, end := range []string{"closed", "as after a crash"} {
			t.Run(version+" "+end, func(t *testing.T) {
				realbroker.Require(t)
				if end != "closed" && version != "5.5.0" {
					realbroker.RequireFull(t)
				}
				dir := filepath.Join(t.TempDir(), "store")
				first, err := embedded.Start(embedded.Dir(dir), embedded.WithVersion(number), embedded.WithTopic("folder", 4), embedded.WithTopic("later", 1), embedded.WithTopic("timed", 1), embedded.WithRecall())
				require.NoError(t, err)
				t.Cleanup(func() { _ = first.Close() })
				publishKinds(t, first.Config())
				c := dial(t, first, first.Broker(0).Addr())
				c.succeed(message("later", with("UNIQ_KEY", "LATER", "KEYS", "later", "DELAY", "2")), []byte("in 5 s"))
				if number >= headers.Version5_3_3 {
					timer := c.succeed(message("timed", with("UNIQ_KEY", "GONE", "TIMER_DELAY_SEC", "30")), []byte("recalled"))
					c.succeed(&headers.RecallMessage{ProducerGroup: "group", Topic: "timed", Handle: fields(timer)["recallHandle"], BrokerName: "broker-a"}, nil)
					c.succeed(message("timed", with("UNIQ_KEY", "KEPT", "TIMER_DELAY_SEC", "32")), []byte("kept"))
				}
				half := message("later", with("UNIQ_KEY", "HALF", "TRAN_MSG", "true", "PGROUP", "shop"))
				half.SysFlag |= headers.SysFlagPrepared
				half.ProducerGroup, half.BornTimestamp = "shop", time.Now().UnixMilli() // old ones are passed over
				c.succeed(half, []byte("half"))
				first.CreateConsumerGroup(headers.NewSubscriptionGroupConfig("billing"))
				require.NoError(t, first.CreateTopic("%RETRY%billing", 1)) // mqadmin wants it
				c.succeed(&headers.UpdateConsumerOffset{ConsumerGroup: "billing", Topic: "folder", QueueID: 1, CommitOffset: 7}, nil)
				ours, err := first.Messages("folder")
				require.NoError(t, err)
				require.Len(t, ours, 200)
				require.NoError(t, first.Close())
				if end != "closed" {
					for _, name := range []string{"consumequeue", "index", "checkpoint"} {
						require.NoError(t, os.RemoveAll(filepath.Join(dir, name)))
					}
					require.NoError(t, os.WriteFile(filepath.Join(dir, "abort"), nil, 0o644))
				}

				cluster := onFolder(t, version, dir)
				sameMessages(t, ours, cluster.Read(t, "folder", len(ours)))
				for _, i := range []int{0, 77, 199} {
					found := cluster.QueryKey(t, "folder", ours[i].Keys)
					require.Len(t, found, 1)
					require.Equal(t, ours[i].CommitLogOffset, found[0].CommitLogOffset)
					require.Len(t, cluster.QueryID(t, "folder", ours[i].UniqueKey), 1)
				}
				at := int64(-1)
				for _, q := range cluster.ConsumerProgress(t, "billing") {
					if q.Topic == "folder" && q.QueueID == 1 {
						at = q.ConsumerOffset
					}
				}
				require.EqualValues(t, 7, at)
				later := cluster.Read(t, "later", 1)
				require.Len(t, later, 1)
				require.Equal(t, "in 5 s", string(later[0].Body))

				var checks atomic.Int64
				checked := make(chan string, 1)
				config := patientPublisher(rocketmq.Cluster{NameServers: cluster.NameServers()})
				config.ProducerGroup = "shop"
				config.Transaction.Check = func(_ context.Context, m publisher.CheckedMessage) publisher.TransactionState {
					if checks.Add(1) == 1 {
						checked <- m.Message.UUID
					}
					return publisher.TransactionCommit
				}
				pub, err := publisher.New(config, nil)
				require.NoError(t, err)
				require.NoError(t, pub.Publish("later", wm.NewMessage("hello", []byte("hello")))) // the broker knows the group by then
				select {
				case id := <-checked:
					require.Equal(t, "HALF", id)
				case <-time.After(patience):
					require.FailNow(t, "the broker does not ask about the half message")
				}
				later = cluster.Read(t, "later", 3)
				require.NoError(t, pub.Close())
				// It asks again if it has no decision within a second, and delivers for each that it gets.
				requireLater := func(bodies []string) {
					halves := 0
					for _, b := range bodies {
						if b == "half" {
							halves++
						}
					}
					require.GreaterOrEqual(t, halves, 1, "%q", bodies)
					require.LessOrEqual(t, int64(halves), checks.Load(), "%q", bodies)
					require.Len(t, bodies, 2+halves, "%q", bodies)
					require.Contains(t, bodies, "in 5 s")
					require.Contains(t, bodies, "hello")
				}
				var got []string
				for _, m := range later {
					got = append(got, string(m.Body))
				}
				requireLater(got)
				if number >= headers.Version5_3_3 {
					requireRecalled(t, cluster)
				}
				theirs := cluster.JavaProduce(t, "folder", 20)
				require.NoError(t, cluster.Broker(0).Stop())

				second, err := embedded.Start(embedded.Dir(dir), embedded.WithVersion(number))
				require.NoError(t, err)
				defer func() { require.NoError(t, second.Close()) }()
				all, err := second.Messages("folder")
				require.NoError(t, err)
				require.Len(t, all, len(ours)+len(theirs))
				stored, err := second.Messages("later")
				require.NoError(t, err)
				got = nil
				for _, m := range stored {
					got = append(got, string(m.Body))
				}
				requireLater(got)
				require.Zero(t, second.Broker(0).CheckTransactions(), "the half message is decided")
			})
		}
	}
}

// requireRecalled waits for what was kept in the topic timed, and wants what was recalled not
// to be delivered. But TimerMessageStore delivers what is overdue when it comes to it,
// recalled or not, and it comes to it late on a busy machine: what it was in time for has the
// time in TIMER_ENQUEUE_MS. It may come to the recall a moment after the message.
func requireRecalled(t *testing.T, cluster *realbroker.Cluster) {
	t.Helper()
	const moment = 5 * time.Second
	kept := func(m realbroker.StoredMessage) bool { return string(m.Body) == "kept" }
	var timed []realbroker.StoredMessage
	for deadline := time.Now().Add(patience); !slices.ContainsFunc(timed, kept); {
		require.True(t, time.Now().Before(deadline), "nothing was delivered that was kept")
		timed = cluster.Read(t, "timed", len(timed)+1)
	}
	recalled := slices.DeleteFunc(timed, kept)
	require.LessOrEqual(t, len(recalled), 1)
	for _, m := range recalled {
		require.Equal(t, "recalled", string(m.Body))
		due, began := integer(t, m.Properties["TIMER_OUT_MS"]), integer(t, m.Properties["TIMER_ENQUEUE_MS"])
		require.Greater(t, began, due-moment.Milliseconds(), "the broker had the time to know that it was recalled")
		t.Log("the broker was not up in time to know what was recalled")
	}
}

// Ours opens the folder of a real broker, killed or stopped, and has all of it: what Java has
// sent alone, in a batch, compressed, and the offsets of a group. The real one goes on with
// what ours adds.
func TestOursOpensTheFolderOfARealBroker(t *testing.T) {
	for version, number := range folderVersions {
		for _, end := range []string{"stopped", "killed"} {
			t.Run(version+" "+end, func(t *testing.T) {
				realbroker.Require(t)
				if end != "killed" {
					realbroker.RequireFull(t)
				}
				dir := filepath.Join(t.TempDir(), "store")
				cluster := onFolder(t, version, dir)
				cluster.CreateTopic(t, "folder", 4)
				cluster.JavaProduce(t, "folder", 50, "--tag", "a")
				cluster.JavaProduce(t, "folder", 30, "--batch")
				cluster.JavaProduce(t, "folder", 5, "--size", "20000")
				consumer := cluster.Consume(t, realbroker.ConsumeConfig{Topic: "folder", Group: "billing"})
				consumer.Await(t, 85)
				consumer.Stop(t)
				theirs := cluster.Read(t, "folder", 85)
				require.Len(t, theirs, 85)
				if end == "killed" {
					require.NoError(t, cluster.Broker(0).Kill())
				} else {
					require.NoError(t, cluster.Broker(0).Stop())
				}

				ours, err := embedded.Start(embedded.Dir(dir), embedded.WithVersion(number))
				require.NoError(t, err)
				t.Cleanup(func() { _ = ours.Close() })
				stored, err := ours.Messages("folder")
				require.NoError(t, err)
				sameMessages(t, stored, theirs)
				committed := int64(0)
				for q := range int32(4) {
					offset, _ := ours.Broker(0).ConsumerOffset("billing", "folder", q)
					committed += offset
				}
				if end == "stopped" { // a broker that is killed has written offsets of 5 s ago
					require.EqualValues(t, 85, committed)
				}
				publishKinds(t, ours.Config())
				stored, err = ours.Messages("folder")
				require.NoError(t, err)
				require.Len(t, stored, 285)
				require.NoError(t, ours.Close())

				require.NoError(t, cluster.Broker(0).Start())
				require.NoError(t, cluster.AwaitRoutes(t.Context()))
				sameMessages(t, stored, cluster.Read(t, "folder", len(stored)))
				require.Len(t, cluster.QueryID(t, "folder", stored[100].UniqueKey), 1)
			})
		}
	}
}
