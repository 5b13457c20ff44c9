package publisher_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// vipOf is the VIP address of the broker that is registered at addr.
func vipOf(t *testing.T, addr string) string {
	host, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return net.JoinHostPort(host, strconv.Itoa(n-2))
}

// dialed notes where a world's connections go.
type dialed struct {
	mu    sync.Mutex
	addrs map[string]int
}

func (d *dialed) through(dial func(ctx context.Context, network, addr string) (net.Conn, error)) func(ctx context.Context, network, addr string) (net.Conn, error) {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		d.mu.Lock()
		if d.addrs == nil {
			d.addrs = make(map[string]int)
		}
		d.addrs[addr]++
		d.mu.Unlock()
		return dial(ctx, network, addr)
	}
}

func (d *dialed) times(addr string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.addrs[addr]
}

// Messages go to the VIP port and are stored like others; the Java client's do as
// well. The registered port has the heartbeats: it knows the producer.
func TestVIPChannel(t *testing.T) {
	test := func(t *testing.T, w *world, addr string) {
		topic, group := newTopic(t, "vip"), newTopic(t, "group")
		w.createTopic(t, topic, 1)
		seen, dials := newResults(), new(dialed)
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.Cluster.VIPChannel, c.ProducerGroup, c.OnResult, c.Cluster.Dial = true, group, seen.add, dials.through(w.dial)
		})
		require.NoError(t, p.Publish(topic, newMessage("x")))
		require.NoError(t, p.Publish(topic, newMessages(3)...))
		require.Len(t, w.read(t, topic, 4), 4)
		require.Equal(t, vipOf(t, addr), seen.next(t).BrokerAddr)
		require.Equal(t, 1, dials.times(vipOf(t, addr)))
		require.Eventually(t, func() bool { return dials.times(addr) > 0 }, patience, 50*time.Millisecond, "the heartbeat")
		if w.embedded != nil {
			require.Eventually(t, func() bool { return len(w.embedded.Broker(0).Producers(group)) == 1 }, patience, 50*time.Millisecond)
			return
		}
		require.Eventually(t, func() bool { return len(w.real.Producers(t, group)) == 1 }, patience, 50*time.Millisecond)
		w.real.JavaProduce(t, topic, 1, "--vip")
		require.Len(t, w.read(t, topic, 5), 5)
	}
	t.Run("embedded in memory", func(t *testing.T) {
		w := embeddedWorld(t, embedded.InMemory(), embedded.WithVIPPort())
		test(t, w, w.embedded.Broker(0).Addr())
	})
	for _, version := range realbroker.Versions() {
		t.Run("real "+version, func(t *testing.T) {
			cluster := sharedCluster(t, version)
			test(t, realWorld(t, cluster), cluster.Broker(0).Addr)
		})
	}
}

// A broker without a VIP port is not reached, and the error has the address that
// was tried. When the broker moves its new VIP port is found.
func TestPromiseVIPChannel(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) { c.Cluster.VIPChannel = true })
		err := p.Publish(orders, newMessage("x"))
		require.Equal(t, publisher.NotSent, failureOf(t, err).Outcome())
		require.ErrorContains(t, err, vipOf(t, c.Broker(0).Addr()))
	})
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) { c.Cluster.VIPChannel, c.OnResult = true, seen.add })
		require.Equal(t, vipOf(t, c.Broker(0).Addr()), publishOne(t, p, seen).BrokerAddr)
		require.NoError(t, c.Broker(0).Move())
		require.Equal(t, vipOf(t, c.Broker(0).Addr()), publishOne(t, p, seen).BrokerAddr)
		require.Equal(t, 2, c.Stats()["broker-a-vip"].Requests[headers.CodeSendMessageV2], fmt.Sprint(c.Stats()))
		require.Zero(t, c.Stats()["broker-a"].Requests[headers.CodeSendMessageV2])
	}, embedded.WithVIPPort())
}
