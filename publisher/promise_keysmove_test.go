package publisher_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Keys do not move while a request for keys is under way, also one to another queue
// than that of the message which finds out: what waits behind it would overtake it.
func TestPromiseKeysMoveAfterTheLastRequest(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) {
			byPayload(c)
			c.SendTimeout, c.AttemptTimeout, c.Cluster.RouteRefreshInterval = time.Minute, time.Minute, time.Second
		})
		// Of two queues a has number 1 and b number 0; of four, 1 and 2.
		require.NoError(t, p.Publish(sorted, newMessage("a-0")))
		require.NoError(t, p.Publish(sorted, newMessage("b-0")))
		seen := record(c, func(_ int, r request) embedded.Fault {
			if r.bodies[0] == "b-1" {
				return embedded.Delay(5 * time.Second)
			}
			return embedded.Fault{}
		})
		slow, behind := publishing(p, sorted, newMessage("b-1")), publishing(p, sorted, newMessage("b-2"))
		c.Broker(0).SetQueues(sorted, 4, 4)
		time.Sleep(2 * time.Second)
		finds := publishing(p, sorted, newMessage("a-1"))
		require.Len(t, seen.list(), 1, "nothing is sent before the request has ended")
		requirePublished(t, slow, behind, finds)
		require.Equal(t, 3*time.Second, finds.took)
		var stored []string
		var queues []int32
		for _, m := range messagesIn(c, sorted) {
			if strings.HasPrefix(string(m.Body), "b") {
				stored, queues = append(stored, string(m.Body)), append(queues, m.QueueID)
			}
		}
		require.ElementsMatch(t, []string{"b-0", "b-1", "b-2"}, stored)
		require.ElementsMatch(t, []int32{0, 0, 2}, queues)
		list := seen.list()
		require.Equal(t, 5*time.Second, list[len(list)-1].at.Sub(list[0].at))
	}, embedded.WithTopic(sorted, 2))
}
