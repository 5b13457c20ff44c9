package publisher_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/embedded"
	"github.com/watermill-rocketmq/watermill-rocketmq/publisher"
)

// outcomeTally counts what became of messages, by the second of the load in which they were
// handed over.
type outcomeTally struct {
	began time.Time

	mu      sync.Mutex
	seconds []outcomeCount
}

// outcomeCount counts messages by their outcome.
type outcomeCount [publisher.Stored + 1]int

func (c outcomeCount) all() int {
	return c[publisher.NotSent] + c[publisher.MayBeStored] + c[publisher.Stored]
}

func newOutcomeTally() *outcomeTally { return &outcomeTally{began: time.Now()} }

// add is an OnResult.
func (t *outcomeTally) add(r publisher.Result) {
	second := int(r.Began.Sub(t.began) / time.Second)
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.seconds) <= second {
		t.seconds = append(t.seconds, outcomeCount{})
	}
	t.seconds[second][r.Outcome]++
}

// sum adds up what was handed over from one second of the load to another.
func (t *outcomeTally) sum(from, to int) outcomeCount {
	t.mu.Lock()
	defer t.mu.Unlock()
	var sum outcomeCount
	for _, second := range t.seconds[min(from, len(t.seconds)):min(to, len(t.seconds))] {
		for outcome, n := range second {
			sum[outcome] += n
		}
	}
	return sum
}

// offer hands over that many messages a second, one per call, whatever becomes of
// them. It returns when that time is over.
func offer(perSecond float64, length time.Duration, publish func(*message.Message)) {
	began := time.Now()
	for sent := 0; ; time.Sleep(10 * time.Millisecond) {
		elapsed := time.Since(began)
		if elapsed >= length {
			return
		}
		for ; float64(sent) < perSecond*elapsed.Seconds(); sent++ {
			publish(newMessage("x"))
		}
	}
}

// The two ways of publishing under a load that does not wait for results.
var offering = map[string]func(*testing.T, *publisher.Publisher, string, *sync.WaitGroup) func(*message.Message){
	"Publish": func(_ *testing.T, p *publisher.Publisher, topic string, wg *sync.WaitGroup) func(*message.Message) {
		return func(msg *message.Message) {
			wg.Go(func() { _ = p.Publish(topic, msg) }) // OnResult counts
		}
	},
	"PublishAsync": func(t *testing.T, p *publisher.Publisher, topic string, _ *sync.WaitGroup) func(*message.Message) {
		return func(msg *message.Message) {
			if err := p.PublishAsync(topic, msg); err != nil {
				t.Error(err)
			}
		}
	},
}

// slowBroker has every request take 300 ms.
func slowBroker(c *embedded.Cluster) { everySend(c, embedded.DelayAnswer(300*time.Millisecond)) }

// smallBatches keeps the numbers small: what counts are their ratios.
func smallBatches(c *publisher.Config) { c.Batch.MaxMessages = 64 }

// capacityOf returns how many messages a second a slow broker takes at most: under a
// load that it does not keep up with, of messages that have all the time.
func capacityOf(t *testing.T, change func(*publisher.Config)) float64 {
	const seconds = 10
	var stored int
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		slowBroker(c)
		p := publisherOn(t, c, func(c *publisher.Config) {
			smallBatches(c)
			if change != nil {
				change(c)
			}
			c.SendTimeout = time.Hour
		})
		var wg sync.WaitGroup
		publish := offering["Publish"](t, p, orders, &wg)
		offer(1000, seconds*time.Second, publish)
		before := storedIn(c, orders)
		offer(1000, seconds*time.Second, publish)
		stored = storedIn(c, orders) - before
		wg.Wait()
	})
	return float64(stored) / seconds
}

// Under more load than a broker takes, what it takes is acknowledged. The rest is
// refused before it is sent, so that nearly nothing is in doubt, and all is well at
// once when the load has dropped.
func TestPromiseOverload(t *testing.T) {
	const loaded, calm = 20, 10 // seconds
	for keyed, key := range map[string]func(string, *message.Message) (string, error){
		"":          nil,
		", one key": func(string, *message.Message) (string, error) { return "key", nil },
	} {
		change := func(c *publisher.Config) { c.OrderingKey = key }
		capacity := capacityOf(t, change)
		for how, offering := range offering {
			for _, factor := range []float64{1.2, 1.6, 3} {
				t.Run(fmt.Sprintf("%s%s, %.1fx", how, keyed, factor), func(t *testing.T) {
					inBubble(t, func(t *testing.T, c *embedded.Cluster) {
						slowBroker(c)
						count := newOutcomeTally()
						p := publisherOn(t, c, func(c *publisher.Config) {
							smallBatches(c)
							change(c)
							c.OnResult = count.add
						})
						var wg sync.WaitGroup
						publish := offering(t, p, orders, &wg)
						offer(factor*capacity, loaded*time.Second, publish)
						offer(capacity/2, calm*time.Second, publish)
						wg.Wait()
						require.NoError(t, p.Flush(t.Context()))

						under, all := count.sum(0, loaded), count.sum(0, loaded+calm)
						t.Log(capacity, under, all)
						require.GreaterOrEqual(t, float64(under[publisher.Stored]), 0.9*capacity*loaded)
						require.LessOrEqual(t, under[publisher.MayBeStored], under.all()/100)
						if factor > 1.5 { // a fifth more is nearly what waits for its turn
							require.NotZero(t, under[publisher.NotSent])
						}
						after := count.sum(loaded+2, loaded+calm)
						require.Equal(t, after.all(), after[publisher.Stored], "%v", after)
						require.LessOrEqual(t, storedIn(c, orders), all[publisher.Stored]+all[publisher.MayBeStored])
						require.GreaterOrEqual(t, storedIn(c, orders), all[publisher.Stored])
					})
				})
			}
		}
	}
}

// Of very many calls at once those are acknowledged that the broker answers in their
// time, and hardly any of the others is in doubt.
func TestPromiseOverloadAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		slowBroker(c)
		possible, stored, inDoubt := atOnce(t, c, 4000, smallBatches)
		t.Log(possible, stored, inDoubt)
		require.GreaterOrEqual(t, 10*stored, 9*possible)
		require.LessOrEqual(t, inDoubt, 40)
	})
}

// atOnce makes n calls at once and counts those that are stored, and those that may be.
// possible is how many are answered in the same time if they have more.
func atOnce(t *testing.T, c *embedded.Cluster, n int, change func(*publisher.Config)) (possible, stored, inDoubt int) {
	const limit = 3 * time.Second // the default SendTimeout
	for _, timeout := range []time.Duration{time.Hour, limit} {
		seen := newResults()
		p := publisherOn(t, c, func(c *publisher.Config) {
			if change != nil {
				change(c)
			}
			c.OnResult, c.SendTimeout = seen.add, timeout
		})
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() { _ = p.Publish(orders, newMessage("x")) })
		}
		wg.Wait()
		for range n {
			r := seen.next(t)
			switch {
			case timeout != limit && r.Took <= limit:
				possible++
			case timeout == limit && r.Outcome == publisher.Stored:
				stored++
			case timeout == limit && r.Outcome == publisher.MayBeStored:
				inDoubt++
			}
		}
	}
	return possible, stored, inDoubt
}

// The error of a message that was not sent for lack of time says so, and that more
// messages come than brokers take. It is a time-out as well.
func TestPromiseOverloadError(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		slowBroker(c)
		errs := make(chan error, 10_000)
		p := publisherOn(t, c, smallBatches)
		var wg sync.WaitGroup
		for range 3000 {
			wg.Go(func() { errs <- p.Publish(orders, newMessage("x")) })
		}
		wg.Wait()
		close(errs)
		overloaded := 0
		for err := range errs {
			if err == nil {
				continue
			}
			require.ErrorIs(t, err, publisher.ErrSendTimeout)
			var overload *publisher.OverloadError
			if failed := failureOf(t, err); failed.Outcome() == publisher.NotSent {
				require.ErrorAs(t, err, &overload)
				require.Equal(t, 300*time.Millisecond, overload.Latency)
				require.Zero(t, failed.Results[0].Attempts)
				overloaded++
			}
		}
		require.NotZero(t, overloaded)
	})
}

// overloaded makes more calls at once than a slow broker answers in their time, and returns
// the error of one that was not sent.
func overloaded(t *testing.T, c *embedded.Cluster, p *publisher.Publisher) error {
	slowBroker(c)
	errs := make(chan error, 2000)
	var wg sync.WaitGroup
	for range cap(errs) {
		wg.Go(func() { errs <- p.Publish(orders, newMessage("x")) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		if err != nil && failureOf(t, err).Outcome() == publisher.NotSent {
			return err
		}
	}
	return nil
}

// A pause of the only broker fails no message that it takes afterwards: one slow
// answer among quick ones, or none for a while, is no overload.
func TestPromisePauseIsNoOverload(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		began := time.Now()
		// Nothing is answered from the first second to the third, and all right after.
		everySendAt(c, func() embedded.Fault {
			if since := time.Since(began); since > time.Second && since < 2500*time.Millisecond {
				return embedded.DelayAnswer(2500*time.Millisecond - since)
			}
			return embedded.DelayAnswer(5 * time.Millisecond)
		})
		count := newOutcomeTally()
		p := publisherOn(t, c, func(c *publisher.Config) { smallBatches(c); c.OnResult = count.add })
		var wg sync.WaitGroup
		offer(500, 5*time.Second, offering["Publish"](t, p, orders, &wg))
		wg.Wait()
		all := count.sum(0, 5)
		require.Equal(t, all.all(), all[publisher.Stored], "%v", all)
	})
}

// everySendAt decides at the time of each send.
func everySendAt(c *embedded.Cluster, fault func() embedded.Fault) {
	onSend(c, func(int, embedded.Request) embedded.Fault { return fault() })
}

// A context with less time than an answer takes is not refused for that alone: a
// message that finds nothing before it is sent.
func TestPromiseShortContextIsSent(t *testing.T) {
	inBubble(t, func(t *testing.T, c *embedded.Cluster) {
		takes := 300 * time.Millisecond
		everySendAt(c, func() embedded.Fault { return embedded.DelayAnswer(takes) })
		p := publisherOn(t, c, nil)
		for range 10 {
			require.NoError(t, p.Publish(orders, newMessage("x")))
		}
		takes = 50 * time.Millisecond
		require.NoError(t, p.Publish(orders, messageIn(limitedTo(t, 100*time.Millisecond))))
	})
}
