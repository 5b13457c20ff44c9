package realbroker

import (
	"fmt"
	"strconv"
	"testing"
	"time"
)

// ConsumeConfig says how a push consumer of the official Java client consumes.
type ConsumeConfig struct {
	// Group and Topic are required.
	Group, Topic string
	// Tags is a subscription such as "a || b"; all messages if empty. SQL is a SQL92
	// expression in its place, which brokers with enablePropertyFilter take.
	Tags, SQL string
	// Threads is the number of threads that take messages, 0 for the client's
	// default. Each takes one message at a time.
	Threads int
	// Orderly consumes the messages of a queue one after the other
	// (MessageListenerOrderly).
	Orderly bool
	// Broadcast gives every member everything.
	Broadcast bool
	// FromLast starts a new group at the end of the topic and not at its beginning.
	FromLast bool
	// POP makes the brokers, which have to be 5.x, hand out the topic to the group by
	// POP (SET_MESSAGE_REQUEST_MODE), and the client let them. The group is created.
	// InvisibleTime is the time that a popped message is hidden for, to a millisecond;
	// 0 is the client's default of a minute.
	POP           bool
	InvisibleTime time.Duration
	// FailEvery makes each n-th delivery of this consumer fail: 1 fails all, 0 none.
	FailEvery int
	// DelayLevel is that of a failed message's next delivery: 0 leaves it to the
	// broker, 1 is a second, -1 sends it to the dead-letter topic. MaxReconsumeTimes is
	// how often a failed message is delivered again, 0 for the client's default.
	DelayLevel, MaxReconsumeTimes int
	// Reply has the consumer reply to each message, which has to be a request. The body of
	// the reply is "reply to " and that of the request, padded with dots to ReplySize; its
	// property from is java, and n that of the request. A reply that fails fails the delivery.
	Reply     bool
	ReplySize int
}

func (c *ConsumeConfig) args(name string) []string {
	args := []string{"consume", name, c.Group, c.Topic}
	option := func(name string, value string, set bool) {
		if set {
			args = append(args, name, value)
		}
	}
	flag := func(name string, set bool) {
		if set {
			args = append(args, name)
		}
	}
	option("--tags", c.Tags, c.Tags != "")
	option("--sql", c.SQL, c.SQL != "")
	option("--threads", strconv.Itoa(c.Threads), c.Threads != 0)
	flag("--orderly", c.Orderly)
	flag("--broadcast", c.Broadcast)
	flag("--from-last", c.FromLast)
	flag("--pop", c.POP)
	option("--invisible-ms", strconv.FormatInt(c.InvisibleTime.Milliseconds(), 10), c.InvisibleTime != 0)
	option("--fail-every", strconv.Itoa(c.FailEvery), c.FailEvery != 0)
	option("--delay-level", strconv.Itoa(c.DelayLevel), c.DelayLevel != 0)
	flag("--reply", c.Reply)
	option("--reply-size", strconv.Itoa(c.ReplySize), c.ReplySize != 0)
	option("--max-reconsume-times", strconv.Itoa(c.MaxReconsumeTimes), c.MaxReconsumeTimes != 0)
	return args
}

// Delivery is a message that a consumer was given.
type Delivery struct {
	StoredMessage
	// ReceivedAt is when, in Unix milliseconds.
	ReceivedAt int64 `json:"receivedAt"`
	// Failed says that the consumer answered that it could not consume it.
	Failed bool `json:"failed"`
}

// JavaConsumer is a push consumer of the official Java client. It takes messages in
// the background from its start to its stop. Its methods may be called by one goroutine
// at a time.
type JavaConsumer struct {
	witness *Witness
	name    string
	stopped bool
	received
}

// Consume starts a consumer, which joins its group. It leaves it at Stop, or when the
// test ends.
func (w *Witness) Consume(t testing.TB, cfg ConsumeConfig) *JavaConsumer {
	t.Helper()
	c := &JavaConsumer{witness: w, name: fmt.Sprintf("consumer-%d", w.consumers.Add(1))}
	w.Run(t, cfg.args(c.name)...)
	t.Cleanup(func() { c.Stop(t) })
	return c
}

// Deliveries returns what the consumer was given until now, in that order.
func (c *JavaConsumer) Deliveries(t testing.TB) []Delivery {
	t.Helper()
	c.fetch(t, "consumed")
	return c.list()
}

// Await waits until the consumer was given n different messages, told apart by MsgID,
// and returns all deliveries. The test fails when that takes longer than three minutes: a
// group may need 20 seconds to share its queues anew.
func (c *JavaConsumer) Await(t testing.TB, n int) []Delivery {
	t.Helper()
	c.await(t, n, func() { c.fetch(t, "consumed") })
	return c.list()
}

// Stop lets the consumer finish what it has in hand, commit its offsets and leave its
// group, and returns all deliveries. Only the first call stops it.
func (c *JavaConsumer) Stop(t testing.TB) []Delivery {
	t.Helper()
	c.fetch(t, "stop")
	return c.list()
}

// fetch runs a command that prints the deliveries since the last one.
func (c *JavaConsumer) fetch(t testing.TB, command string) {
	t.Helper()
	if c.stopped {
		return
	}
	// Whatever comes of it: a lost witness has lost its consumers.
	c.stopped = command == "stop"
	c.add(lines[Delivery](t, c.witness.Run(t, command, c.name))...)
}
