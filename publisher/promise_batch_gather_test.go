package publisher_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

func numbered(n int) []string {
	bodies := make([]string, n)
	for i := range bodies {
		bodies[i] = fmt.Sprintf("%03d", i)
	}
	return bodies
}

// What comes while requests of the topic are under way leaves in one batch, in
// the order of coming.
func TestPromiseBatchGathers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, holding(time.Second))
		p := publisherOn(t, c, nil)
		calls := append(occupied(p), gathering(p, numbered(10)...)...)
		require.Len(t, seen.list(), held, "the others wait")
		requirePublished(t, calls...)
		require.Equal(t, [][]string{numbered(10)}, seen.groups(held))
		require.Equal(t, headers.CodeSendBatchMessage, seen.list()[held].code)
		require.Equal(t, time.Second, calls[len(calls)-1].took, "no longer than the requests before")
		require.Len(t, messagesIn(c, orders), held+10)
	})
}

// A request to another broker starts beside the first as soon as as many messages
// wait as half the latest request had.
func TestPromiseBatchHalfFull(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, func(n int, _ request) embedded.Fault { return embedded.DelayAnswer(time.Second) })
		p := publisherOn(t, c, nil)
		calls := append(append(occupied(p), occupied(p)...), gathering(p, numbered(8)...)...) // a broker each, and the crowd
		time.Sleep(1500 * time.Millisecond)                                                   // the batch of 8 is under way, alone
		require.Len(t, seen.list(), 2*held+1)
		calls = append(calls, gathering(p, "a", "b", "c")...)
		require.Len(t, seen.list(), 2*held+1)
		calls = append(calls, gathering(p, "d")...)
		require.Equal(t, [][]string{numbered(8), {"a", "b", "c", "d"}}, seen.groups(2*held))
		calls = append(calls, gathering(p, "e", "f", "g", "h")...)
		require.Len(t, seen.list(), 2*held+2, "never a third")
		require.NotEqual(t, seen.list()[2*held].broker, seen.list()[2*held+1].broker)
		requirePublished(t, calls...)
	}, embedded.WithBrokers(2))
}

func TestPromiseBatchCountLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, holding(time.Second))
		p := publisherOn(t, c, func(c *publisher.Config) { c.Batch.MaxMessages = 4 })
		all := numbered(10)
		calls := append(occupied(p), gathering(p, all...)...)
		requirePublished(t, calls...)
		require.ElementsMatch(t, [][]string{all[:4], all[4:8], all[8:]}, seen.groups(held))
	})
}

// A request is full to the byte, and not over.
func TestPromiseBatchByteLimit(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, nil)
		require.NoError(t, publisherOn(t, c, nil).Publish(orders, newMessages(2)...))
		size := seen.list()[0].size / 2
		for name, tc := range map[string]struct {
			limit int
			want  []int
		}{
			"three":             {3 * size, []int{3, 3, 1}},
			"not quite three":   {3*size - 1, []int{2, 2, 2, 1}},
			"not quite one":     {size - 1, []int{1, 1, 1, 1, 1, 1, 1}},
			"all of them":       {7 * size, []int{7}},
			"not quite of them": {7*size - 1, []int{6, 1}},
		} {
			from := len(seen.list())
			p := publisherOn(t, c, func(c *publisher.Config) { c.Batch.MaxBytes = tc.limit })
			require.NoError(t, p.Publish(orders, newMessages(7)...))
			var counts []int
			for _, group := range seen.groups(from) {
				counts = append(counts, len(group))
			}
			require.Equal(t, tc.want, counts, name)
		}
	})
}

// A message over Batch.MaxBytes is sent by itself, and those around it are not
// kept from sharing.
func TestPromiseBatchLargeAlone(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, nil)
		p := publisherOn(t, c, func(c *publisher.Config) {
			c.Batch.MaxBytes, c.Compression.Codec = 2000, publisher.NoCompression
		})
		large := strings.Repeat("l", 5000)
		messages := newMessages(5)
		messages[2] = newMessage(large)
		require.NoError(t, p.Publish(orders, messages...))
		require.Equal(t, [][]string{{"x", "x"}, {large}, {"x", "x"}}, seen.groups(0))
		require.Equal(t, headers.CodeSendMessageV2, seen.list()[1].code)
	})
}

// The messages of one call take as few requests as the limits allow.
func TestPromiseBatchCall(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) { c.Batch.MaxMessages = 4 })
		for n, want := range map[int]int{1: 1, 2: 1, 4: 1, 5: 2, 8: 2, 9: 3, 100: 25} {
			before, stored := sends(c), storedIn(c, orders)
			elapsed := stopwatch()
			require.NoError(t, p.Publish(orders, newMessages(n)...))
			require.Zero(t, elapsed())
			require.Equal(t, want, sends(c)-before, "requests for %d messages", n)
			require.Equal(t, n, storedIn(c, orders)-stored)
		}
	})
}

// A lone message is no batch: brokers have less work with a plain one.
func TestPromiseBatchLoneIsPlain(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, holding(time.Second))
		p := publisherOn(t, c, nil)
		calls := append(occupied(p), gathering(p, "lone")...) // both by its caller and by a sender
		requirePublished(t, calls...)
		require.Len(t, seen.list(), held+1)
		for _, r := range seen.list() {
			require.Equal(t, headers.CodeSendMessageV2, r.code)
		}
	})
}

// Batch.MaxMessages of 1 sends every message by itself.
func TestPromiseBatchOff(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := record(c, holding(time.Second))
		p := publisherOn(t, c, func(c *publisher.Config) { c.Batch.MaxMessages = 1 })
		calls := append(occupied(p), gathering(p, numbered(5)...)...)
		requirePublished(t, calls...)
		require.Len(t, seen.list(), held+5)
		for _, r := range seen.list() {
			require.Equal(t, headers.CodeSendMessageV2, r.code)
		}
	})
}

// A message that finds its topic idle does not wait for company.
func TestPromiseBatchNothingLingers(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		elapsed := stopwatch()
		for range 5 {
			require.NoError(t, p.Publish(orders, newMessage("x")))
			require.NoError(t, p.Publish(orders, newMessages(3)...))
		}
		require.Zero(t, elapsed())
		require.Equal(t, 10, sends(c))
	})
}

// Topics do not wait for one another, and share no request.
func TestPromiseBatchPerTopic(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		record(c, holding(time.Second))
		p := publisherOn(t, c, nil)
		calls := append(occupied(p), gathering(p, "waits")...)
		elapsed := stopwatch()
		require.NoError(t, p.Publish("invoices", newMessage("invoice")))
		require.Zero(t, elapsed())
		requirePublished(t, calls...)
		require.Equal(t, []string{"invoice"}, bodies(c, "invoices"))
		require.ElementsMatch(t, []string{"first", "waits"}, bodies(c, orders))
	})
}
