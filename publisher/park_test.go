package publisher_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// lot is where parked messages are.
type lot struct {
	mu      sync.Mutex
	parked  []string
	reasons []error
	err     error
}

func (l *lot) park(topic string, msg *message.Message, reason error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return l.err
	}
	l.parked = append(l.parked, topic+" "+msg.UUID)
	l.reasons = append(l.reasons, reason)
	return nil
}

// named makes messages; those whose name begins with bad have a tag that is none.
func named(names ...string) []*message.Message {
	messages := make([]*message.Message, len(names))
	for i, name := range names {
		messages[i] = message.NewMessage(name, []byte(name))
		if strings.HasPrefix(name, "bad") {
			messages[i].Metadata.Set(marshaler.MetadataTag, "a|b")
		}
	}
	return messages
}

func parkedOn(t *testing.T, c *embedded.Cluster, l *lot, change func(*publisher.Config)) message.Publisher {
	t.Helper()
	p, err := publisher.Park(l.park)(publisherOn(t, c, change))
	require.NoError(t, err)
	return p
}

// The bad messages of a call are parked, and the good ones are published once.
func TestPark(t *testing.T) {
	for _, names := range []string{"1", "bad1", "1 2 3", "bad1 2", "1 bad2", "1 bad2 3 bad4 5", "bad1 bad2 bad3"} {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			l := new(lot)
			require.NoError(t, parkedOn(t, c, l, nil).Publish(orders, named(strings.Fields(names)...)...))
			var good, bad []string
			for _, name := range strings.Fields(names) {
				if strings.HasPrefix(name, "bad") {
					bad = append(bad, orders+" "+name)
				} else {
					good = append(good, name)
				}
			}
			require.Equal(t, good, bodies(c, orders))
			require.Equal(t, bad, l.parked)
			for _, reason := range l.reasons {
				require.ErrorIs(t, reason, publisher.ErrPermanent)
				require.ErrorIs(t, reason, marshaler.ErrIllegalTag)
			}
		})
	}
}

// So are those that a broker refuses, whether they go in one request or each by
// itself, and whichever it is.
func TestParkRefusedByTheBroker(t *testing.T) {
	for name, change := range map[string]func(*publisher.Config){"together": nil, "one by one": oneByOne} {
		for _, bad := range []string{"1", "2", "3"} {
			t.Run(name+" "+bad, func(t *testing.T) {
				inBubble(t, func(t *testing.T, c *embedded.Cluster) {
					onSend(c, func(_ int, r embedded.Request) embedded.Fault {
						if strings.Contains(string(r.Command.Body), "payload "+bad) {
							return embedded.Answer(headers.MessageIllegal, "the message is illegal")
						}
						return embedded.Fault{}
					})
					l := new(lot)
					var call []*message.Message
					for _, id := range []string{"1", "2", "3"} {
						call = append(call, message.NewMessage(id, []byte("payload "+id)))
					}
					require.NoError(t, parkedOn(t, c, l, change).Publish(orders, call...))
					require.Equal(t, []string{orders + " " + bad}, l.parked)
					require.Equal(t, 2, storedIn(c, orders))
					require.NotContains(t, bodies(c, orders), "payload "+bad)
				})
			})
		}
	}
}

// What fails in another way is the caller's to do again, and so are the bad messages
// beside it.
func TestParkLeavesOtherErrors(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		l := new(lot)
		p := parkedOn(t, c, l, oneByOne)
		onSend(c, func(n int, _ embedded.Request) embedded.Fault {
			if n == 1 {
				return embedded.Answer(4711, "")
			}
			return embedded.Fault{}
		})
		err := p.Publish(orders, named("1", "2")...)
		require.Equal(t, publisher.MayBeStored, failureOf(t, err).Outcome())
		require.Empty(t, l.parked)

		require.NoError(t, p.Close())
		require.ErrorIs(t, p.Publish(orders, named("1")...), publisher.ErrClosed)
		require.Empty(t, l.parked)
	})
}

func TestParkFails(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		l := &lot{err: errors.New("the disk is full")}
		err := parkedOn(t, c, l, nil).Publish(orders, named("1", "bad2")...)
		require.ErrorIs(t, err, l.err)
		require.NotErrorIs(t, err, publisher.ErrPermanent)
		require.EqualError(t, err, `publisher: cannot park message "bad2" to topic "orders": the disk is full`)
		require.Zero(t, storedIn(c, orders))
	})
	_, err := publisher.Park(nil)(nil)
	require.Error(t, err)
}

// Other publishers' errors pass.
func TestParkOfAnotherPublisher(t *testing.T) {
	l := new(lot)
	broken := fmt.Errorf("not of this package: %w", publisher.ErrPermanent)
	p, err := publisher.Park(l.park)(brokenPublisher{broken})
	require.NoError(t, err)
	require.Equal(t, broken, p.Publish(orders, named("1")...))
	require.Empty(t, l.parked)
}

type brokenPublisher struct{ err error }

func (p brokenPublisher) Publish(string, ...*message.Message) error { return p.err }

func (p brokenPublisher) Close() error { return nil }

// A router with it goes on to the next message, whatever a handler makes; and so does
// a poison queue that cannot have the message either.
func TestParkInARouter(t *testing.T) {
	large := strings.Repeat("x", 4<<20+1)
	t.Run("produced", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			l := new(lot)
			in := routed(t, parkedOn(t, c, l, noCompression), orders, relay)
			require.Equal(t, 1, in.deliver(t, message.NewMessage("large", []byte(large))))
			require.Equal(t, 1, in.deliver(t, message.NewMessage("small", []byte("x"))))
			require.Equal(t, []string{"orders large"}, l.parked)
			require.Equal(t, []string{"x"}, bodies(c, orders))
		})
	})
	t.Run("poisoned", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *embedded.Cluster) {
			l := new(lot)
			p := parkedOn(t, c, l, noCompression)
			in := routed(t, p, orders, failing(errBroken), poisonQueue(p, poison))
			require.Equal(t, 1, in.deliver(t, message.NewMessage("large", []byte(large))))
			require.Equal(t, []string{"poison large"}, l.parked)
		})
	})
}

func noCompression(c *publisher.Config) { c.Compression.Codec = publisher.NoCompression }
