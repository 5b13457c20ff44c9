package publisher_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/realbroker"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// Overload with the default settings: with OVERLOAD_TIME, a Go duration, each load lasts
// that long and the figures are printed (make bench-overload). Tests have small requests
// and so small numbers, since a goroutine costs the race detector 100 KiB and more.

// overloadTime is how long each load lasts, and says whether somebody has asked for
// figures.
func overloadTime(t *testing.T, otherwise time.Duration) (length time.Duration, asked bool) {
	text := os.Getenv("OVERLOAD_TIME")
	if text == "" {
		return otherwise, false
	}
	length, err := time.ParseDuration(text)
	require.NoError(t, err, "OVERLOAD_TIME")
	return length, true
}

// loads are multiples of what a broker takes.
var loads = []float64{1.2, 1.6, 3}

// overload is one load and what became of it.
type overload struct {
	capacity float64
	factor   float64
	length   time.Duration
	count    *outcomeTally
	took     time.Duration // from the first message until the last has its result
}

// runOverload offers a multiple of the capacity, and then half of it for five
// seconds.
func runOverload(t *testing.T, p *publisher.Publisher, count *outcomeTally, publish func(*message.Message), wg *sync.WaitGroup, o overload) overload {
	o.count = count
	began := time.Now()
	offer(o.factor*o.capacity, o.length, publish)
	offer(o.capacity/2, 5*time.Second, publish)
	wg.Wait()
	require.NoError(t, p.Flush(t.Context()))
	o.took = time.Since(began)
	return o
}

// seconds is the length of the load.
func (o overload) seconds() int { return int(o.length / time.Second) }

// String is a line of figures.
func (o overload) String() string {
	under := o.count.sum(0, o.seconds())
	after := o.count.sum(o.seconds()+2, o.seconds()+5)
	share := func(n int, of float64) float64 { return 100 * float64(n) / of }
	return fmt.Sprintf("%.1fx of %.0f/s for %v: acknowledged %.1f %% of capacity; of %d offered %.2f %% may be stored, %.1f %% not sent; from 2 s after it %d of %d acknowledged",
		o.factor, o.capacity, o.length,
		share(under[publisher.Stored], o.capacity*o.length.Seconds()),
		under.all(), share(under[publisher.MayBeStored], float64(under.all())), share(under[publisher.NotSent], float64(under.all())),
		after[publisher.Stored], after.all())
}

// capacity is the rate at which messages are stored that have all the time, while
// more come than the broker takes.
func capacity(t *testing.T, p *publisher.Publisher, topic string, rate float64, stored func() int) float64 {
	const length = 15 * time.Second // long: a request has a thousand messages
	var wg sync.WaitGroup
	publish := offering["Publish"](t, p, topic, &wg)
	offer(rate, 3*time.Second, publish)
	before := stored()
	offer(rate, length, publish)
	n := stored() - before
	wg.Wait()
	return float64(n) / length.Seconds()
}

// TestOverloadSimulated is on the embedded broker and the simulated clock.
func TestOverloadSimulated(t *testing.T) {
	length, asked := overloadTime(t, 0)
	if !asked {
		t.Skip("TestPromiseOverload is the same with smaller numbers; set OVERLOAD_TIME for this one")
	}
	opts := []embedded.Option{embedded.InMemory(), embedded.WithTopic(orders, 8), embedded.WithRetention(1000)}
	inOwnBubble := func(test func(*testing.T, *embedded.Cluster)) func(*testing.T) {
		return func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, err := embedded.Start(opts...)
				require.NoError(t, err)
				defer func() { require.NoError(t, c.Close()) }()
				slowBroker(c)
				test(t, c)
			})
		}
	}
	var full float64
	inOwnBubble(func(t *testing.T, c *embedded.Cluster) {
		p := publisherOn(t, c, func(c *publisher.Config) { c.SendTimeout = time.Hour })
		full = capacity(t, p, orders, 10_000, func() int { return storedIn(c, orders) })
	})(t)
	for how, offering := range offering {
		for _, factor := range loads {
			t.Run(fmt.Sprintf("%s, %.1fx", how, factor), inOwnBubble(func(t *testing.T, c *embedded.Cluster) {
				count := newOutcomeTally()
				p := publisherOn(t, c, func(c *publisher.Config) { c.OnResult = count.add })
				var wg sync.WaitGroup
				t.Log(how, runOverload(t, p, count, offering(t, p, orders, &wg), &wg, overload{capacity: full, factor: factor, length: length}))
			}))
		}
	}
	t.Run("60,000 calls at once", inOwnBubble(func(t *testing.T, c *embedded.Cluster) {
		possible, stored, inDoubt := atOnce(t, c, 60_000, nil)
		t.Logf("acknowledged %d, %.1f %% of what is answered in 3 s; %.2f %% may be stored", stored, 100*float64(stored)/float64(possible), 100*float64(inDoubt)/60_000)
	}))
}

// TestBehaviourOverload is on a real broker, whose answers a proxy keeps for 300 ms.
func TestBehaviourOverload(t *testing.T) {
	length, asked := overloadTime(t, 8*time.Second)
	var cluster *realbroker.Cluster
	if asked { // so many messages that the broker itself has to refuse some
		cluster = realbroker.Start(t, realbroker.Config{Version: realbroker.Versions()[0], Impatient: true})
	} else {
		cluster = sharedCluster(t, realbroker.Versions()[0])
	}
	w := realWorld(t, cluster)
	topic := newTopic(t, "overload")
	w.createTopic(t, topic, 8)
	dial := answersKept(t, 300*time.Millisecond, w.nameServers)
	rate := 10_000.0 // more than the broker takes
	on := func(t *testing.T, change func(*publisher.Config)) (*publisher.Publisher, *outcomeTally) {
		count := newOutcomeTally()
		p := publisherIn(t, w, func(c *publisher.Config) {
			c.Cluster.Dial, c.OnResult, c.SendTimeout, c.AttemptTimeout = dial, count.add, 0, 0
			if !asked {
				smallBatches(c)
				rate = 600
			}
			if change != nil {
				change(c)
			}
		})
		return p, count
	}
	var full float64
	measure := func(t *testing.T) {
		p, count := on(t, func(c *publisher.Config) { c.SendTimeout = time.Hour })
		full = capacity(t, p, topic, rate, func() int { return count.sum(0, 18)[publisher.Stored] })
	}
	t.Run("capacity", measure)
	for how, offering := range offering {
		for _, factor := range loads {
			if !asked && factor != 3 {
				continue
			}
			t.Run(fmt.Sprintf("%s, %.1fx", how, factor), func(t *testing.T) {
				// A broker that stands still for some seconds of so few, while the machine is
				// busy, cannot reach it.
				tries := 5
				if asked {
					tries = 1
				}
				for try := 1; ; try++ {
					p, count := on(t, nil)
					var wg sync.WaitGroup
					o := runOverload(t, p, count, offering(t, p, topic, &wg), &wg, overload{capacity: full, factor: factor, length: length})
					t.Log(how, o)
					under := count.sum(0, o.seconds())
					// Far below what is reached, and far above none.
					if float64(under[publisher.Stored]) >= 0.5*full*length.Seconds() && under[publisher.MayBeStored] <= under.all()/10 {
						break
					}
					require.Less(t, try, tries, "%v", o)
					measure(t) // the machine may have become slower
				}
			})
		}
	}
}

// answersKept returns a Dial that leads through a proxy that keeps what a broker says
// for a while. Name servers are dialed as they are.
func answersKept(t *testing.T, length time.Duration, nameServers []string) func(ctx context.Context, network, addr string) (net.Conn, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = ln.Close()
		wg.Wait()
	})
	targets := make(chan string, 1) // of the connection that is accepted next
	wg.Go(func() {
		for {
			client, err := ln.Accept()
			if err != nil {
				return
			}
			target := <-targets
			wg.Go(func() { keepAnswers(client, target, length) })
		}
	})
	var mu sync.Mutex // one dial at a time, so that targets fit
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		if strings.Contains(strings.Join(nameServers, " "), addr) {
			return (&net.Dialer{}).DialContext(ctx, network, addr)
		}
		mu.Lock()
		defer mu.Unlock()
		conn, err := (&net.Dialer{}).DialContext(ctx, network, ln.Addr().String())
		if err == nil {
			targets <- addr
		}
		return conn, err
	}
}

// piece is bytes that are to be passed on at a time.
type piece struct {
	at    time.Time
	bytes []byte
}

// keepAnswers passes on what client says, and what target says that much later.
func keepAnswers(client net.Conn, target string, length time.Duration) {
	defer client.Close()
	server, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer server.Close()
	pieces := make(chan piece, 1<<16)
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	wg.Go(func() {
		defer client.Close()
		for p := range pieces {
			time.Sleep(time.Until(p.at))
			if _, err := client.Write(p.bytes); err != nil {
				return
			}
		}
	})
	for {
		buf := make([]byte, 64<<10)
		n, err := server.Read(buf)
		if err != nil {
			break
		}
		pieces <- piece{time.Now().Add(length), buf[:n]}
	}
	close(pieces)
	wg.Wait()
}
