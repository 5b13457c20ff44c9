package pull

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/engine"
)

// mqadmin sees a group of ours as it sees Java's: its members, its lag, and what they do;
// and it moves the group while members are there.
func TestRealAdmin(t *testing.T) {
	onReal(t, func(t *testing.T, c *realbroker.Cluster) {
		group := "g-" + uuid.NewString()
		p := newRealPeer(t, c, group, func(cfg *engine.Config) { cfg.CommitInterval = 200 * time.Millisecond })
		name := freshTopic(t, p, c, 2)
		l := newLedger()
		s := p.subscribe(engine.Topic{Name: name}, l.handle, nil)
		publishAll(t, c, name, 2, 10)
		l.await(t, 10)
		require.Eventually(t, func() bool {
			sum, err := committedIn(t, p, name)
			return err == nil && sum == 10
		}, patience, 20*time.Millisecond)
		require.Contains(t, c.Admin(t, "consumerProgress", "-g", group), "Diff Total: 0")
		require.Contains(t, c.Admin(t, "consumerStatus", "-g", group, "-i", p.engine.id), name)
		c.Admin(t, "resetOffsetByTime", "-g", group, "-t", name, "-s", strconv.FormatInt(time.Now().Add(-time.Hour).UnixMilli(), 10))
		// mqadmin asks once more when it has no answer in time: then they come once more.
		require.Eventually(t, func() bool { _, again := l.count(); return again >= 10 }, patience, 50*time.Millisecond)
		require.Eventually(t, func() bool { // a commit that the end makes may meet a silent broker
			sum, err := committedIn(t, p, name)
			return err == nil && sum == 10
		}, patience, 20*time.Millisecond)
		s.end()
		requireCommitted(t, p, name, 10)
		p.close()
	})
}

// An administrator is told of the queues and the offsets of a member.
func TestRunningInfo(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := newPeer(t, c.Config(), group, nil)
		s := p.subscribe(engine.Topic{Name: topic}, ack, nil)
		fill(t, c, p.client, "m", 8)
		time.Sleep(10 * time.Second)
		answers, err := c.Broker(0).AskClients(t.Context(), headers.CodeConsumerRunningInfo, &headers.ConsumerRunningInfo{ConsumerGroup: group, ClientID: p.engine.id}, nil)
		require.NoError(t, err)
		require.Len(t, answers, 1)
		require.NoError(t, answers[0].Err())
		require.Contains(t, string(answers[0].Body), fmt.Sprintf("%q", topic))
		require.Contains(t, string(answers[0].Body), `"commitOffset":2`)
		s.end()
		p.close()
	})
}
