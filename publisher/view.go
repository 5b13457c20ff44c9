package publisher

import "github.com/ThreeDotsLabs/watermill/message"

// Async returns the Publisher as one whose Publish does not wait for brokers, for a bus or a
// router that wants that. It hands messages over as PublishAsync does, but for one thing:
// where Config.Waiting is reached it waits for room, as Publish does, for as long as
// Config.SendTimeout and the contexts of the messages allow. So it must not be called from
// Config.OnResult.
//
// Once messages have been taken the cancellation of their contexts does not count any more, since
// the handler whose message these are of mostly ends then: a router acks it and so cancels
// them. Their deadlines and Config.SendTimeout do count.
//
// Nil means that the messages have been taken, and not that they are stored. What becomes of
// each is told to Config.OnResult, without which every call returns ErrNoOnResult, and to
// Hooks.PublishEnd. A router that publishes so acks the message that it handles before the
// message that it has published is stored: one that brokers do not take, or that a crash
// overtakes, is lost unless OnResult sees to it.
//
// Its Close is that of the Publisher, which it closes: it returns when all results have been
// told.
func (p *Publisher) Async() message.Publisher { return view{p, mode{async: true, patient: true}} }

// Oneway returns the Publisher as one whose Publish is PublishOneway, for a bus or a router
// whose messages may be lost. Nil means that the network has taken the messages. What is
// known of each, which is never that it is stored, is told to Config.OnResult, if there is
// one, and to Hooks.PublishEnd. Its Close is that of the Publisher, which it closes.
func (p *Publisher) Oneway() message.Publisher { return view{p, mode{oneway: true}} }

// view is a Publisher that publishes in another mode.
type view struct {
	p    *Publisher
	mode mode
}

func (v view) Publish(topic string, messages ...*message.Message) error {
	if v.mode.async {
		return v.p.handOver(topic, messages, v.mode)
	}
	return v.p.send(topic, messages, v.mode)
}

func (v view) Close() error { return v.p.Close() }

// String is that of the Publisher, for metrics that go by it.
func (v view) String() string { return v.p.String() }
