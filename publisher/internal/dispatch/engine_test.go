package dispatch

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/verdict"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// fake is a Sender of one route that sends as a test says, and an Observer of nothing.
type fake struct {
	route   *routing.Route
	send    func(context.Context, *Attempt) (Stored, error)
	verdict verdict.Verdict // on every failure
}

func (f *fake) Route(context.Context, string) (*routing.Route, error) { return f.route, nil }

func (f *fake) Send(ctx context.Context, a *Attempt) (Stored, error) { return f.send(ctx, a) }

func (f *fake) Judge(err, _ error) (verdict.Verdict, error) { return f.verdict, err }

func (f *fake) Left(_ *Attempt, cause error) error { return cause }
func (f *fake) Starting(*Attempt)                  {}
func (f *fake) Abandoned(*Attempt)                 {}

func (f *fake) Stored(*Attempt, *Stored)                           {}
func (f *fake) Failed(*Attempt, *Failure, verdict.Verdict, bool)   {}
func (f *fake) Retrying(*Attempt, time.Duration, error)            {}
func (f *fake) Queues(route *routing.Route) []routing.MessageQueue { return route.WriteQueues() }

func (f *fake) Queue(hash uint64, queues []routing.MessageQueue) routing.MessageQueue {
	return queues[hash]
}

// owner is that of calls whose messages have no contexts that end.
type owner struct{}

func (owner) Context(int) context.Context { return context.Background() }
func (owner) Settled()                    {}

// newEngine returns an engine of a topic with one broker and two queues.
func newEngine(t testing.TB, f *fake) *Engine {
	t.Helper()
	var err error
	f.route, err = routing.ParseRoute("orders", []byte(`{"queueDatas":[{"brokerName":"a","perm":6,"readQueueNums":2,"writeQueueNums":2}],
		"brokerDatas":[{"brokerName":"a","brokerAddrs":{"0":"127.0.0.1:10911"}}]}`))
	require.NoError(t, err)
	e := New(Config{
		Sender: f, Observer: f, Keys: f, Selector: routing.RoundRobin{},
		MaxMessages: 10, MaxBytes: 1 << 20, SendTimeout: time.Minute, AttemptTimeout: time.Minute, SweepInterval: time.Minute,
		Pause: func(int) time.Duration { return time.Second },
	})
	t.Cleanup(func() {
		e.Cut()
		e.Wait()
	})
	return e
}

// newCall returns a call of n messages, made up by shape.
func newCall(e *Engine, n int, shape func(i int, m *Message)) *Call {
	c := &Call{Shared: context.Background(), Began: e.Now()}
	c.Until = e.Limit(c.Began)
	messages := c.Begin(owner{}, n)
	for i := range messages {
		messages[i].Data = []byte("message")
		shape(i, &messages[i])
	}
	return c
}

// A message of a call that has failed does not leave any more, though its attempt has
// begun before.
func TestFailedCallSendsNothingMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := errors.New("refused")
		begun, failed := make(chan struct{}), make(chan struct{})
		left := make(chan bool, 1)
		e := newEngine(t, &fake{send: func(_ context.Context, a *Attempt) (Stored, error) {
			a.Connecting("127.0.0.1:10911")
			if a.Messages[0].Index() == 0 {
				<-begun
				return Stored{}, refused
			}
			close(begun)
			<-failed
			left <- a.Commit()
			return Stored{At: time.Now()}, nil
		}})
		c := newCall(e, 2, func(_ int, m *Message) { m.Solo = true })
		over := make(chan struct{})
		go func() {
			e.Deliver("orders", c, e.Now())
			close(over)
		}()
		synctest.Wait()
		close(failed)
		<-over
		require.False(t, <-left)
		require.Equal(t, refused, c.Report(0).Err)
		require.Equal(t, ErrNotAttempted, c.Report(1).Err)
		require.Equal(t, verdict.NotSent, c.Report(1).Outcome)
	})
}

// What is said of the messages of a call that are stored by one request, and of one whose
// messages are stored by several.
func TestReportsOfStoredMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		offset := int64(0)
		e := newEngine(t, &fake{send: func(_ context.Context, a *Attempt) (Stored, error) {
			require.True(t, a.Commit())
			offset += 100
			return Stored{At: time.Now(), Queue: a.Queue, Offset: offset}, nil
		}})
		c := newCall(e, 3, func(int, *Message) {})
		e.Deliver("orders", c, e.Now())
		require.False(t, c.Failed())
		require.Nil(t, c.Report(1), "nobody has asked for it")

		c = newCall(e, 3, func(int, *Message) {})
		c.Reports = true
		e.Deliver("orders", c, e.Now())
		for i := range 3 {
			r := c.Report(i)
			require.Equal(t, verdict.Stored, r.Outcome)
			require.Equal(t, 1, r.Attempts)
			require.Equal(t, []int{i, 3}, []int{r.Place, r.Of})
			require.Equal(t, int64(200), r.Stored.Offset)
		}

		c = newCall(e, 13, func(i int, m *Message) { m.Data = make([]byte, 1) })
		c.Reports = true
		e.Deliver("orders", c, e.Now())
		require.Equal(t, int64(300), c.Report(9).Stored.Offset)
		require.Equal(t, int64(400), c.Report(12).Stored.Offset)
		require.Equal(t, []int{2, 3}, []int{c.Report(12).Place, c.Report(12).Of})
	})
}

// User code that panics in the request of a caller leaves nobody waiting, though a sender
// has other messages of the same call by then.
func TestPanicOfACallerWhoseCallASenderHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panics := true
		e := newEngine(t, &fake{send: func(_ context.Context, a *Attempt) (Stored, error) {
			require.True(t, a.Commit())
			time.Sleep(time.Second)
			if a.Messages[0].KeyHash == 0 && panics {
				time.Sleep(time.Second / 2)
				panics = false
				panic("user code")
			}
			return Stored{At: time.Now()}, nil
		}})
		keyed := func(hashes ...uint64) *Call {
			return newCall(e, len(hashes), func(i int, m *Message) { m.Keyed, m.KeyHash = true, hashes[i] })
		}
		deliver := func(c *Call) (over chan bool) {
			over = make(chan bool, 1)
			go func() {
				defer func() { over <- recover() != nil }()
				e.Deliver("orders", c, e.Now())
			}()
			return over
		}
		panics = false
		for hash := range uint64(2) { // the queue of a key is found by a sender of its own
			require.False(t, <-deliver(keyed(hash)))
		}
		synctest.Wait()
		panics = true
		before := deliver(keyed(1))
		synctest.Wait()
		c := keyed(1, 1, 0) // the first two wait, and their lane's sender takes them
		mixed := deliver(c)
		require.False(t, <-before)
		require.True(t, <-mixed)
		synctest.Wait()
		require.True(t, c.Failed())
		for hash := range uint64(2) {
			began := time.Now()
			require.False(t, <-deliver(keyed(hash)))
			require.Equal(t, time.Second, time.Since(began))
		}
	})
}
