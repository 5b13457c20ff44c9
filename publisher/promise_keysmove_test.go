package publisher_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
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

// Calls of several keys keep their messages apart when keys of several queues move to one:
// each is stored once, as it is, in the queue of its key, and told of as it is there.
func TestPromiseKeysMoveWithCallsOfSeveral(t *testing.T) {
	for name, calls := range map[string][][]string{
		"another call between":            {{"1-A0", "2-A1", "3-A2"}, {"1-B0"}},
		"another call of another size":    {{"1-A0", "2-A1", "3-A2"}, {"1-B0 is longer"}},
		"another call of a smaller size":  {{"1-A0", "2-A1 is longer", "3-A2"}, {"1-B0"}},
		"one call in turns":               {{"1-A0", "3-A1", "1-A2", "3-A3"}},
		"one call, and one of few beside": {{"1-A0", "3-A1", "1-A2", "3-A3"}, {"2-B0", "0-B1"}},
	} {
		for _, told := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, OnResult %t", name, told), func(t *testing.T) { callsOfSeveralMove(t, calls, told) })
		}
	}
}

func callsOfSeveralMove(t *testing.T, calls [][]string, told bool) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) {
			byPayload(c)
			c.Queues.KeyHashFunc = func(key string) uint64 { return uint64(key[0] - '0') }
			c.SendTimeout, c.AttemptTimeout, c.Cluster.RouteRefreshInterval = time.Minute, time.Minute, time.Second
			if told {
				c.OnResult = seen.add
			}
		})
		require.NoError(t, p.Publish(sorted, newMessage("0-known")), "the queues are known")
		everySend(c, embedded.Delay(5*time.Second))
		under := make([]*underWay, 0, 4+len(calls))
		for _, first := range []string{"0-first", "1-first", "2-first", "3-first"} {
			under = append(under, publishing(p, sorted, newMessage(first)))
		}
		want := []string{"0-known", "0-first", "1-first", "2-first", "3-first"}
		for _, payloads := range calls {
			under = append(under, publishing(p, sorted, withPayloads(payloads)...))
			want = append(want, payloads...)
		}
		c.Broker(0).SetQueues(sorted, 2, 2)
		requirePublished(t, under...)
		all := messagesIn(c, sorted)
		var got []string
		for _, m := range all {
			got = append(got, string(m.Body))
			if !strings.HasSuffix(string(m.Body), "-first") {
				require.Equal(t, int32(m.Body[0]-'0')%2, m.QueueID, "%s", m.Body)
			}
		}
		require.ElementsMatch(t, want, got)
		if !told {
			return
		}
		for range want {
			r := seen.next(t)
			i := slices.IndexFunc(all, func(m embedded.Message) bool { return m.OffsetMessageID == r.OffsetMessageID })
			require.Equal(t, r.MessageID, all[i].UniqueKey)
			require.Equal(t, r.QueueOffset, all[i].QueueOffset)
		}
	}, embedded.WithTopic(sorted, 4))
}

func withPayloads(payloads []string) []*message.Message {
	messages := make([]*message.Message, len(payloads))
	for i, payload := range payloads {
		messages[i] = newMessage(payload)
	}
	return messages
}
