package publisher_test

import (
	"maps"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Brokers of 5.x take requests with the fields of a namespace v2 and store the
// message in the topic that everybody has, the Java client's as well. Those of 4.x
// are sent nothing.
func TestNamespaceV2(t *testing.T) {
	inEveryWorld(t, func(t *testing.T, w *world) {
		topic := newTopic(t, "spaced")
		w.createTopic(t, topic, 2)
		p := publisherIn(t, w, func(c *publisher.Config) { c.Cluster.NamespaceV2 = "space" })
		if w.version < headers.Version5_0_0 {
			err := p.Publish(topic, newMessage("x"))
			var unsupported *rocketmq.UnsupportedError
			require.ErrorAs(t, err, &unsupported)
			require.Equal(t, rocketmq.FeatureNamespaceV2, unsupported.Feature)
			require.Equal(t, headers.Version4_9_7, unsupported.Version)
			failed := failureOf(t, err)
			require.Equal(t, publisher.NotSent, failed.Outcome())
			requireOneAttempt(t, failed.Results[0])
			require.Empty(t, w.read(t, topic, 0))
			return
		}
		require.NoError(t, p.Publish(topic, newMessage("x")))
		require.NoError(t, p.Publish(topic, newMessages(3)...))
		for _, s := range w.read(t, topic, 4) {
			require.NotContains(t, s.Properties, "INSTANCE_ID")
		}
		if w.real != nil {
			w.real.JavaProduce(t, topic, 1, "--namespace-v2", "space")
			require.Len(t, w.read(t, topic, 5), 5)
		}
	})
}

// sighting is a request as a server saw it.
type sighting struct {
	code   headers.RequestCode
	fields map[string]string
}

// watch notes the requests that arrive at c from now on. The returned func stops
// that and returns them.
func watch(c *embedded.Cluster) (stop func() []sighting) {
	var mu sync.Mutex
	var seen []sighting
	remove := c.Intercept(func(r embedded.Request) embedded.Fault {
		s := sighting{r.Code, make(map[string]string)}
		for name, value := range r.Command.Fields.All() {
			s.fields[string(name)] = string(value)
		}
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, s)
		return embedded.Fault{}
	})
	return func() []sighting {
		remove()
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

// The Java client of 5.5.0 puts the same two fields into the same requests: the
// lookup of a route, heartbeats, single messages, batches, and the goodbye.
func TestNamespaceV2FieldsAreJavas(t *testing.T) {
	realbroker.Require(t)
	c, err := embedded.Start(embedded.WithTopic(orders, 1))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	witness := realbroker.WitnessFor(t, realbroker.Versions()[0], c.NameServers())

	stop := watch(c)
	witness.JavaProduce(t, orders, 1, "--namespace-v2", "space", "--group", "group")
	witness.JavaProduce(t, orders, 3, "--namespace-v2", "space", "--group", "group", "--batch")
	java := stop()

	stop = watch(c)
	p := publisherOn(t, c, func(c *publisher.Config) { c.Cluster.NamespaceV2, c.ProducerGroup = "space", "group" })
	require.NoError(t, p.Publish(orders, newMessage("x")))
	require.NoError(t, p.Publish(orders, newMessages(3)...))
	require.NoError(t, p.Close())
	ours := stop()

	added := map[string]string{"nsd": "true", "ns": "space"}
	for who, seen := range map[string][]sighting{"java": java, "ours": ours} {
		codes := make(map[headers.RequestCode]bool)
		for _, s := range seen {
			codes[s.code] = true
			for name, value := range added {
				require.Equal(t, value, s.fields[name], "%s: %v %v", who, s.code, s.fields)
			}
		}
		for _, code := range []headers.RequestCode{
			headers.CodeTopicRoute, headers.CodeHeartbeat, headers.CodeSendMessageV2, headers.CodeSendBatchMessage, headers.CodeUnregisterClient,
		} {
			require.True(t, codes[code], "%s: %v", who, code)
		}
	}
	require.Equal(t, namesOf(java, headers.CodeSendMessageV2), namesOf(ours, headers.CodeSendMessageV2))
	// Our batches have no properties of their own (i), only their messages do.
	batch := slices.DeleteFunc(namesOf(java, headers.CodeSendBatchMessage), func(name string) bool { return name == "i" })
	require.Equal(t, batch, namesOf(ours, headers.CodeSendBatchMessage))
}

// namesOf returns the names of the fields of the first request with that code.
func namesOf(seen []sighting, code headers.RequestCode) []string {
	at := slices.IndexFunc(seen, func(s sighting) bool { return s.code == code })
	return slices.Sorted(maps.Keys(seen[at].fields))
}
