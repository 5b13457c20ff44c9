package publisher_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// soloMarshaler gives a property to the messages that say "solo", and makes the
// payload the whole message.
func soloMarshaler(property headers.Property) marshalerFunc {
	return func(_ string, msg *message.Message) (marshaler.Message, error) {
		m := marshaler.Message{Body: msg.Payload}
		if strings.HasPrefix(string(msg.Payload), "solo") && property.Name != "" {
			m.Properties = []headers.Property{property}
		}
		return m, nil
	}
}

// What brokers do not take in a batch, or would do to all of it, goes alone. What
// stands before and behind it is still gathered, and nothing is left behind.
func TestPromiseBatchSolo(t *testing.T) {
	for name, tc := range map[string]struct {
		property headers.Property
		solo     string
		alone    bool
	}{
		"compressed":           {solo: "solo " + strings.Repeat("x", 5000), alone: true},
		"too small":            {solo: "solo " + strings.Repeat("x", 3000)},
		"transaction":          {headers.Property{Name: "TRAN_MSG", Value: "true"}, "solo", true},
		"delay level":          {headers.Property{Name: "DELAY", Value: "3"}, "solo", true},
		"deliver at":           {headers.Property{Name: "TIMER_DELIVER_MS", Value: "1"}, "solo", true},
		"deliver in seconds":   {headers.Property{Name: "TIMER_DELAY_SEC", Value: "1"}, "solo", true},
		"deliver in ms":        {headers.Property{Name: "TIMER_DELAY_MS", Value: "1"}, "solo", true},
		"does not wait":        {headers.Property{Name: "WAIT", Value: "false"}, "solo", true},
		"waits":                {headers.Property{Name: "WAIT", Value: "true"}, "solo", true},
		"an ordinary property": {headers.Property{Name: "k", Value: "v"}, "solo", false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				seen := record(c, func(n int, r request) embedded.Fault {
					if n > held && len(r.bodies) == 1 && tc.property.Name != "" {
						// This broker has no timers, and the question is only how the
						// message came.
						return embedded.Answer(headers.MessageIllegal, "")
					}
					return holding(time.Second)(n, r)
				})
				p := publisherOn(t, c, func(c *publisher.Config) { c.Marshaler = soloMarshaler(tc.property) })
				first := occupied(p)
				calls := gathering(p, "a", "b", tc.solo, "c", "d", "e", tc.solo, tc.solo, "f", "g")
				requirePublished(t, first...)
				for i, u := range calls {
					if err := u.wait(); i != 2 && i != 6 && i != 7 {
						require.NoError(t, err)
					}
				}
				var alone, shared []string
				for _, r := range seen.list()[held:] {
					if r.code == headers.CodeSendMessageV2 {
						require.True(t, tc.alone)
						alone = append(alone, "solo") // compressed, it cannot be read
					} else {
						shared = append(shared, r.bodies...)
					}
				}
				if tc.alone {
					require.Equal(t, []string{"solo", "solo", "solo"}, alone)
					require.ElementsMatch(t, []string{"a", "b", "c", "d", "e", "f", "g"}, shared)
				} else {
					require.Equal(t, []string{"a", "b", tc.solo, "c", "d", "e", tc.solo, tc.solo, "f", "g"}, shared)
				}
			})
		})
	}
}

// In one call as well: the solo messages are the only plain requests.
func TestPromiseBatchSoloInACall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, nil)
		p := publisherOn(t, c, func(c *publisher.Config) { c.Marshaler = soloMarshaler(headers.Property{Name: "WAIT", Value: "false"}) })
		require.NoError(t, p.Publish(orders, newMessage("solo 1"), newMessage("a"), newMessage("b"), newMessage("solo 2")))
		require.ElementsMatch(t, [][]string{{"solo 1"}, {"a", "b"}, {"solo 2"}}, seen.groups(0))
		for _, m := range messagesIn(c, orders) {
			require.Equal(t, strings.HasPrefix(string(m.Body), "solo"), m.Properties["WAIT"] == "false", "%q", m.Body)
		}
	})
}

// Brokers refuse batches on retry topics.
func TestPromiseBatchRetryTopic(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		require.NoError(t, c.CreateTopic("%RETRY%consumers", 1))
		seen := record(c, nil)
		p := publisherOn(t, c, func(c *publisher.Config) { c.Topics = fixedTopic("%RETRY%consumers") })
		require.NoError(t, p.Publish(orders, newMessages(3)...))
		require.Equal(t, [][]string{{"x"}, {"x"}, {"x"}}, seen.groups(0))
		require.Len(t, messagesIn(c, "%RETRY%consumers"), 3)
	})
}
