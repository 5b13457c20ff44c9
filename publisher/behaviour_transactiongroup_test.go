package publisher_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Two producers of one group live side by side, and a broker asks either. So each
// has to know of the other's transactions, which these do, as programs on one
// database would.
func TestTwoProducersOfAGroup(t *testing.T) {
	inTransactionWorlds(t, endlessChecks, func(t *testing.T, w *world, _ bool) {
		topic := newTopic(t, "pair")
		w.createTopic(t, topic, 2)
		shared := newDecisions()
		pair := make([]*publisher.Publisher, 2)
		for i := range pair {
			pair[i] = publisherIn(t, w, func(c *publisher.Config) {
				c.ProducerGroup, c.Transaction.Check = topic, shared.check
			})
		}
		var want []string
		for i := range 20 {
			payload := fmt.Sprintf("commit %02d", i)
			if i%4 == 3 {
				payload = fmt.Sprintf("rollback %02d", i)
			} else {
				want = append(want, payload)
			}
			tx, err := pair[i%2].BeginTransaction(topic, message.NewMessage(watermill.NewUUID(), []byte(payload)))
			require.NoError(t, err)
			tx.Unknown()
		}
		// A half message that is asked about again before the answer has come may be
		// delivered by its copy as well.
		var got []string
		for n := len(want); len(got) < len(want); n++ {
			got = nil
			for _, m := range awaitMessages(t, w, topic, n) {
				if !slices.Contains(got, string(m.Body)) {
					got = append(got, string(m.Body))
				}
			}
		}
		slices.Sort(got)
		require.Equal(t, want, got)
	})
}
