package publisher_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// badNameServers are ways in which a name server can be of no use.
var badNameServers = map[string]struct {
	fault embedded.Fault
	text  string // of the diagnosis
}{
	"hangs up":         {embedded.DropConnection(), "closed by the peer"},
	"silent":           {embedded.Ignore(), "no answer"},
	"HTTP":             {embedded.AnswerBytes([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")), "HTTP"},
	"random bytes":     {embedded.AnswerBytes([]byte("\xde\xad\xbe\xef\xde\xad\xbe\xef\xde\xad\xbe\xef")), "frame length"},
	"unknown encoding": {embedded.AnswerBytes(binary.BigEndian.AppendUint64(nil, 4<<32|0x7f000000)), "malformed"},
	"refuses":          {embedded.Answer(headers.SystemError, "out of order"), "out of order"},
	"busy":             {embedded.Answer(headers.SystemBusy, "later"), "later"},
	"no route in it":   {embedded.Answer(headers.Success, ""), "malformed"},
}

// Where one name server is of no use the other is asked, in whatever order they
// come.
func TestPromiseNameServerFailover(t *testing.T) {
	for name, bad := range badNameServers {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				c.Intercept(func(r embedded.Request) embedded.Fault {
					if r.Server == "nameserver-0" {
						return bad.fault
					}
					return embedded.Fault{}
				})
				for range 8 { // each publisher shuffles its name servers
					p := publisherOn(t, c, nil)
					elapsed := stopwatch()
					require.NoError(t, p.Publish(orders, newMessage("x")))
					require.LessOrEqual(t, elapsed(), time.Second)
				}
			}, embedded.WithNameServers(2))
		})
	}
	t.Run("down", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			c.NameServer(0).Stop()
			for range 8 {
				require.NoError(t, publisherOn(t, c, nil).Publish(orders, newMessage("x")))
			}
		}, embedded.WithNameServers(2))
	})
}

// Without a usable name server nothing can have been sent, whatever happened to
// the questions, and the error says what is there instead.
func TestPromiseOnlyBadNameServers(t *testing.T) {
	for name, bad := range badNameServers {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *embedded.Cluster) {
				c.Intercept(func(r embedded.Request) embedded.Fault {
					if r.Server == "nameserver-0" {
						return bad.fault
					}
					return embedded.Fault{}
				})
				elapsed := stopwatch()
				err := publisherOn(t, c, nil).Publish(orders, newMessage("x"))
				require.Equal(t, 3*time.Second, elapsed(), "it may be well again in time")
				require.ErrorIs(t, err, publisher.ErrSendTimeout)
				failed := failureOf(t, err)
				require.Equal(t, publisher.NotSent, failed.Outcome())
				require.Greater(t, failed.Results[0].Attempts, 1)
				first := failed.Results[0].Failed[0]
				var servers *routing.NameServersError
				require.ErrorAs(t, first.Err, &servers)
				require.Len(t, servers.Servers, 1)
				require.Equal(t, c.NameServers()[0], servers.Servers[0].Addr)
				require.ErrorContains(t, first.Err, c.NameServers()[0])
				require.ErrorContains(t, first.Err, bad.text)
				require.Empty(t, first.Addr, "no broker was found")
				require.Zero(t, sends(c))
			})
		})
	}
}

// A name server that comes up after the publisher is not missed.
func TestPromiseNameServerStartsLate(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		c.NameServer(0).Stop()
		p := publisherOn(t, c, nil)
		time.AfterFunc(2*time.Second, func() { _ = c.NameServer(0).Start() })
		elapsed := stopwatch()
		require.NoError(t, p.Publish(orders, newMessage("x")))
		require.GreaterOrEqual(t, elapsed(), 2*time.Second)
		require.Less(t, elapsed(), 3*time.Second)
	})
}

// What is known goes on without a name server: only what is new needs one.
func TestPromiseNameServerDiesLater(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, nil)
		require.NoError(t, p.Publish(orders, newMessage("x")))
		c.NameServer(0).Stop()
		for range 10 {
			time.Sleep(time.Minute)
			elapsed := stopwatch()
			require.NoError(t, p.Publish(orders, newMessage("x")))
			require.Zero(t, elapsed())
		}
		require.Error(t, p.Publish("new", newMessage("x")))
	})
}
