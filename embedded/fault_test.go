package embedded_test

import (
	"io"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// sends lets a fault happen to every send.
func sends(f embedded.Fault) func(embedded.Request) embedded.Fault {
	return func(r embedded.Request) embedded.Fault {
		if r.Send != nil {
			return f
		}
		return embedded.Fault{}
	}
}

// What decides about a request may wait for the answer to one before it, though both came at
// once.
func TestInterceptMayWaitForAnEarlierAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 1))
		answered := make(chan struct{})
		n := 0
		cluster.Intercept(func(r embedded.Request) embedded.Fault {
			if n++; n == 2 {
				select {
				case <-answered:
				case <-time.After(patience):
					return embedded.Answer(headers.SystemBusy, "the first one was not answered")
				}
			}
			return embedded.Fault{}
		})
		c := dial(t, cluster, cluster.Broker(0).Addr())
		var raw []byte
		for i := range 3 {
			var err error
			raw, err = headers.AppendRequest(raw, headers.JSON, int32(i), false, message("topic"), []byte("body"))
			require.NoError(t, err)
		}
		c.writeBytes(raw)
		for i := range 3 {
			answer := c.receive()
			require.NoError(t, answer.Err())
			if i == 0 {
				close(answered)
			}
		}
	})
}

func TestFaults(t *testing.T) {
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		for _, test := range []struct {
			name   string
			fault  embedded.Fault
			stored int
			check  func(t *testing.T, c *client)
		}{
			{"answer", embedded.Answer(headers.SystemBusy, "busy"), 0, func(t *testing.T, c *client) {
				answer := c.receive()
				require.ErrorIs(t, answer.Err(), &headers.StatusError{Code: headers.SystemBusy})
				require.Equal(t, "busy", string(answer.Remark))
			}},
			{"store then answer", embedded.StoreThenAnswer(headers.FlushDiskTimeout, ""), 1, func(t *testing.T, c *client) {
				answer := c.receive()
				require.ErrorIs(t, answer.Err(), &headers.StatusError{Code: headers.FlushDiskTimeout})
				_, err := headers.ParseSendResult(&answer)
				require.NoError(t, err)
			}},
			{"store then drop", embedded.StoreThenDrop(), 1, func(_ *testing.T, c *client) { c.closed() }},
			{"drop", embedded.DropConnection(), 0, func(_ *testing.T, c *client) { c.closed() }},
			{"ignore", embedded.Ignore(), 0, func(_ *testing.T, c *client) { c.silent() }},
			{"bytes", embedded.AnswerBytes([]byte("HTTP/1.1 400")), 0, func(t *testing.T, c *client) {
				got := make([]byte, 12)
				_, err := io.ReadFull(c.in, got)
				require.NoError(t, err)
				require.Equal(t, "HTTP/1.1 400", string(got))
			}},
			{"cut", embedded.CutAnswer(10), 1, func(t *testing.T, c *client) {
				_, err := io.ReadFull(c.in, make([]byte, 10))
				require.NoError(t, err)
				c.closed()
			}},
			{"cut to nothing", embedded.CutAnswer(-1), 1, func(_ *testing.T, c *client) { c.closed() }},
			{"delay", embedded.Delay(time.Millisecond), 1, func(t *testing.T, c *client) { a := c.receive(); require.NoError(t, a.Err()) }},
			{"delayed answer", embedded.DelayAnswer(time.Millisecond), 1, func(t *testing.T, c *client) { a := c.receive(); require.NoError(t, a.Err()) }},
			{"none", embedded.Fault{}, 1, func(t *testing.T, c *client) { a := c.receive(); require.NoError(t, a.Err()) }},
		} {
			t.Run(test.name, func(t *testing.T) {
				cluster := start(t, network, embedded.WithTopic("topic", 1))
				remove := cluster.Intercept(sends(test.fault))
				c := dial(t, cluster, cluster.Broker(0).Addr())
				c.send(message("topic"), []byte("body"))
				test.check(t, c)
				require.Len(t, messagesIn(cluster, "topic"), test.stored)
				remove()
				dial(t, cluster, cluster.Broker(0).Addr()).succeed(message("topic"), []byte("body"))
			})
		}
	})
}

func TestStoreThenAnswerKeepsRealErrors(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	cluster.Intercept(sends(embedded.StoreThenAnswer(headers.SlaveNotAvailable, "")))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	require.EqualValues(t, headers.InvalidParameter, c.call(message("to.pic"), []byte("body")).Code)
}

func TestDelays(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		faults := []embedded.Fault{
			embedded.Delay(3 * time.Second),
			embedded.DelayAnswer(2 * time.Second),
			embedded.Answer(headers.SystemBusy, "").After(time.Second),
			{},
		}
		var calls atomic.Int32
		cluster.Intercept(func(embedded.Request) embedded.Fault {
			return faults[calls.Add(1)-1]
		})
		c := dial(t, cluster, cluster.Broker(0).Addr())
		begin := time.Now()
		var opaques []int32
		for range faults {
			opaques = append(opaques, c.send(message("topic"), []byte("body")))
		}
		synctest.Wait()
		require.Len(t, messagesIn(cluster, "topic"), 2, "the delayed answer's message is stored, the delayed message is not")
		for i := range faults {
			answer := c.receive()
			require.Equal(t, opaques[len(faults)-1-i], answer.Opaque, "the answers come in reverse")
			require.Equal(t, time.Duration(i)*time.Second, time.Since(begin))
		}
		require.Len(t, messagesIn(cluster, "topic"), 3)
	})
}

// TestDelayedWorkOfAClosedConnection is not done.
func TestDelayedWorkOfAClosedConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, cluster *embedded.Cluster) {
		cluster.Intercept(sends(embedded.Delay(time.Second)))
		c := dial(t, cluster, cluster.Broker(0).Addr())
		c.send(message("topic"), []byte("body"))
		synctest.Wait()
		cluster.Broker(0).Kill()
		time.Sleep(2 * time.Second)
		require.Empty(t, messagesIn(cluster, "topic"))
	})
}

func TestInterceptSeesRequests(t *testing.T) {
	cluster := start(t, embedded.InMemory(), embedded.WithTopic("topic", 1))
	seen := make(chan embedded.Request, 10)
	remove := cluster.Intercept(func(r embedded.Request) embedded.Fault {
		seen <- r
		return embedded.Fault{}
	})
	c := dial(t, cluster, cluster.Broker(0).Addr())
	c.succeed(message("topic", func(h *headers.SendMessage) { h.Flag = 9 }), []byte("body"))
	r := <-seen
	require.Equal(t, "broker-a", r.Server)
	require.Equal(t, cluster.Broker(0).Addr(), r.Addr)
	require.Equal(t, c.conn.LocalAddr().String(), r.RemoteAddr)
	require.Equal(t, headers.CodeSendMessageV2, r.Code)
	require.Equal(t, "topic", r.Send.Topic)
	require.EqualValues(t, 9, r.Send.Flag)
	require.Equal(t, "body", string(r.Command.Body))
	frame, err := headers.AppendRequest(nil, headers.JSON, c.opaque, false, message("topic", func(h *headers.SendMessage) { h.Flag = 9 }), []byte("body"))
	require.NoError(t, err)
	require.Equal(t, len(frame), r.FrameSize)

	dial(t, cluster, cluster.NameServers()[0]).succeed(routeOf("topic"), nil)
	r = <-seen
	require.Equal(t, "nameserver-0", r.Server)
	require.Nil(t, r.Send)

	remove()
	remove()
	c.succeed(message("topic"), []byte("body"))
	require.Empty(t, seen)
}

// TestInterceptors: all are called, the first fault counts.
func TestInterceptors(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	var calls atomic.Int32
	add := func(f embedded.Fault) func() {
		return cluster.Intercept(func(embedded.Request) embedded.Fault {
			calls.Add(1)
			return f
		})
	}
	add(embedded.Fault{})
	remove := add(embedded.Answer(headers.SystemBusy, ""))
	add(embedded.Answer(headers.ServiceNotAvailable, ""))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	require.EqualValues(t, headers.SystemBusy, c.call(message("topic"), []byte("body")).Code)
	require.EqualValues(t, 3, calls.Load())
	remove()
	require.EqualValues(t, headers.ServiceNotAvailable, c.call(message("topic"), []byte("body")).Code)
}

// TestKillFromInterceptor: an intercepting function may end its own server.
func TestKillFromInterceptor(t *testing.T) {
	onBothNetworks(t, func(t *testing.T, network embedded.Option) {
		cluster := start(t, network)
		cluster.Intercept(func(embedded.Request) embedded.Fault {
			cluster.Broker(0).Kill()
			return embedded.DropConnection()
		})
		c := dial(t, cluster, cluster.Broker(0).Addr())
		c.send(message("topic"), []byte("body"))
		c.closed()
	})
}

func TestOnewayFaultsAreSilent(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	cluster.Intercept(sends(embedded.Answer(headers.SystemBusy, "")))
	c := dial(t, cluster, cluster.Broker(0).Addr())
	c.oneway(message("topic"), []byte("body"))
	c.silent()
}

func TestDropConnections(t *testing.T) {
	cluster := start(t, embedded.InMemory())
	c := dial(t, cluster, cluster.Broker(0).Addr())
	cluster.Broker(0).DropConnections()
	c.closed()
	dial(t, cluster, cluster.Broker(0).Addr()).succeed(message("topic"), []byte("body"))
}
