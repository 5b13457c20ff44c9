package embedded_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	wm "github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// sendWatermill sends what a publisher would for a Watermill message, compressed if
// there is a compressor.
func sendWatermill(c *client, topic string, msg *wm.Message, z *body.Compressor) {
	c.t.Helper()
	sent, err := marshaler.Default{}.Marshal(topic, msg)
	require.NoError(c.t, err)
	mapped, err := marshaler.EscapeTopics{}.MapTopic(topic)
	require.NoError(c.t, err)
	h := message(mapped.Name)
	h.Flag = sent.Flag
	for _, p := range append(sent.Properties, mapped.Property) {
		if p.Name != "" {
			h.Properties = headers.AppendProperty(h.Properties, p.Name, p.Value)
		}
	}
	if z != nil {
		sent.Body, err = z.Compress(nil, sent.Body)
		require.NoError(c.t, err)
		h.SysFlag |= z.SysFlag()
	}
	c.succeed(h, sent.Body)
}

func compressors(t testing.TB) []*body.Compressor {
	t.Helper()
	list := []*body.Compressor{nil}
	for _, codec := range []body.Compression{body.Zlib, body.LZ4, body.Zstd} {
		z, err := body.NewCompressor(codec, 0)
		require.NoError(t, err)
		list = append(list, z)
	}
	return list
}

func TestWatermillMessages(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	for _, topic := range []string{"orders", "shop.orders", strings.Repeat("a long name. ", 20)} {
		list, err := cluster.WatermillMessages(topic)
		require.NoError(t, err)
		require.Empty(t, list, "there is no such topic yet")
		payloads := []wm.Payload{nil, {}, wm.Payload(strings.Repeat("two pizzas ", 1000))}
		for _, z := range compressors(t) {
			for _, payload := range payloads {
				msg := wm.NewMessage("8c1f", payload)
				msg.Metadata.Set("note", "")
				msg.Metadata.Set(marshaler.MetadataFlag, "-7")
				sendWatermill(c, topic, msg, z)
			}
		}
		list, err = cluster.WatermillMessages(topic)
		require.NoError(t, err)
		require.Len(t, list, 4*len(payloads))
		mapped, err := marshaler.EscapeTopics{}.MapTopic(topic)
		require.NoError(t, err)
		stored := messagesIn(cluster, mapped.Name)
		require.Len(t, stored, len(list))
		for i, msg := range list {
			require.Equal(t, "8c1f", msg.UUID)
			require.Equal(t, payloads[i%len(payloads)], msg.Payload)
			require.Equal(t, wm.Metadata{"note": "", marshaler.MetadataFlag: "-7"}, msg.Metadata)
			payload, err := stored[i].Payload()
			require.NoError(t, err)
			require.Equal(t, msg.Payload, payload)
			name, again, err := marshaler.Reader{}.Read(stored[i].MessageExt())
			require.NoError(t, err)
			require.Equal(t, topic, name)
			require.True(t, msg.Equals(again))
		}
	}
	_, err := cluster.WatermillMessages("TBW102")
	require.ErrorIs(t, err, marshaler.ErrTopicReserved)
	_, err = cluster.AwaitWatermillMessages(t.Context(), "", 1)
	require.ErrorIs(t, err, marshaler.ErrTopicEmpty)
}

// A body that is not what its system flag says is an error, not a payload.
func TestUnreadableMessage(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	sendWatermill(c, "orders", wm.NewMessage("1", []byte("x")), nil)
	c.succeed(message("orders", func(h *headers.SendMessage) { h.SysFlag = body.Zlib.SysFlag() }), []byte("plain"))
	stored := messagesIn(cluster, "orders")
	_, err := stored[1].Payload()
	var failure *marshaler.BodyError
	require.ErrorAs(t, err, &failure)
	require.ErrorIs(t, err, headers.ErrMalformed)
	_, err = stored[1].Watermill()
	require.ErrorIs(t, err, headers.ErrMalformed)

	for _, read := range []func() ([]*wm.Message, error){
		func() ([]*wm.Message, error) { return cluster.WatermillMessages("orders") },
		func() ([]*wm.Message, error) { return cluster.AwaitWatermillMessages(t.Context(), "orders", 2) },
	} {
		list, err := read()
		require.ErrorIs(t, err, headers.ErrMalformed)
		require.ErrorContains(t, err, stored[1].OffsetMessageID)
		require.Len(t, list, 1, "the one before it")
	}
}

func TestAwaitWatermillMessages(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		c := dial(t, cluster, cluster.Broker(0).Addr())
		got := make(chan []*wm.Message, 1)
		go func() {
			list, err := cluster.AwaitWatermillMessages(t.Context(), "shop.orders", 2)
			if err != nil {
				t.Error(err)
			}
			got <- list
		}()
		for _, uuid := range []string{"1", "2"} {
			synctest.Wait()
			require.Empty(t, got)
			sendWatermill(c, "shop.orders", wm.NewMessage(uuid, nil), nil)
		}
		require.Len(t, <-got, 2)

		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		list, err := cluster.AwaitWatermillMessages(ctx, "shop.orders", 3)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Len(t, list, 2)
	})
}

// Who asks for messages by Watermill's name is told so, instead of that there are
// none.
func TestTopicNameError(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	ask := func(topic string) []error {
		_, messages := cluster.Messages(topic)
		_, stored := cluster.Stored(topic)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, awaited := cluster.AwaitMessages(ended, topic, 0)
		return []error{messages, stored, awaited}
	}
	refused := func(topic, mapped string) {
		t.Helper()
		for _, err := range ask(topic) {
			var failure *embedded.TopicNameError
			require.ErrorAs(t, err, &failure)
			require.Equal(t, embedded.TopicNameError{Topic: topic, Mapped: mapped}, *failure)
			require.ErrorContains(t, err, mapped)
		}
	}
	taken := func(topic string) {
		t.Helper()
		for _, err := range ask(topic) {
			require.NoError(t, err, topic)
		}
	}
	refused("shop.orders", "_wm_shop-2Eorders")
	sendWatermill(c, "shop.orders", wm.NewMessage("1", nil), nil)
	refused("shop.orders", "_wm_shop-2Eorders")
	taken("_wm_shop-2Eorders")
	refused("", "")
	refused(strings.Repeat(".", 40_000), "")

	// A name that RocketMQ takes may be a topic's, unless another one has its messages.
	taken("orders")
	taken("TBW102")
	taken("_wm_plain")
	sendWatermill(c, "_wm_plain", wm.NewMessage("1", nil), nil)
	refused("_wm_plain", "_wm__wm_plain")
	require.NoError(t, cluster.CreateTopic("_wm_plain", 1))
	taken("_wm_plain")
}
