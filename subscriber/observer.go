package subscriber

import (
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// failureLogs keep apart what may happen often.
type failureLogs struct {
	missing, starting, leases, slow, deadLetters, buryErrors, unreadable loglimit.Limit
}

// observer tells hooks and the log what happens to the messages of a subscription.
type observer struct{ sub *subscription }

func (o observer) hooks() *Hooks { return &o.sub.s.cfg.Hooks }

// event makes what hooks are told of a message.
func event(m *delivery.Message, err error) MessageEvent {
	e := MessageEvent{Info: newInfo(m.Delivery()), Took: m.Took(), Err: err}
	if given := m.Given(); given != nil {
		e.UUID = given.UUID
	}
	return e
}

func tell(hook func(MessageEvent), m *delivery.Message, err error) {
	if hook != nil {
		hook(event(m, err))
	}
}

func (o observer) HandedOut(m *delivery.Message) { tell(o.hooks().Received, m, nil) }
func (o observer) Acked(m *delivery.Message)     { tell(o.hooks().Acked, m, nil) }
func (o observer) Released(m *delivery.Message)  { tell(o.hooks().Released, m, nil) }
func (o observer) Renewed(m *delivery.Message)   { tell(o.hooks().Renewed, m, nil) }

func (o observer) Nacked(m *delivery.Message, pause time.Duration, last, local bool) {
	if hook := o.hooks().Nacked; hook != nil {
		hook(NackEvent{MessageEvent: event(m, nil), Pause: pause, Last: last, Local: local})
	}
}

// GaveUp says that a handler has taken too long. Nacked follows.
func (o observer) GaveUp(m *delivery.Message) {
	o.log(&o.sub.s.logs.slow, "Handler takes longer than MaxProcessing, its message is delivered again", nil, m)
}

func (o observer) LeaseLost(m *delivery.Message, cause error) {
	if cause == nil {
		cause = ErrLeaseLost
	}
	tell(o.hooks().LeaseLost, m, cause)
	o.log(&o.sub.s.logs.leases, "Lease of a message is lost, others may get it while its handler works", cause, m)
}

func (o observer) DeadLettered(m *delivery.Message) {
	tell(o.hooks().DeadLettered, m, nil)
	text := "Message is a dead letter now"
	if o.sub.s.cfg.Group == "" && o.sub.s.cfg.DeadLetter == nil {
		text = "Message is dropped: its deliveries are used up, and without a group there are no dead letters"
	}
	o.log(&o.sub.s.logs.deadLetters, text, nil, m)
}

func (o observer) DeadLetterFailed(m *delivery.Message, err error) {
	tell(o.hooks().DeadLetterFailed, m, err)
	o.log(&o.sub.s.logs.buryErrors, "Cannot make a dead letter of a message, trying again", err, m)
}

func (o observer) Unreadable(m *delivery.Message, err error) {
	tell(o.hooks().Unreadable, m, err)
	o.log(&o.sub.s.logs.unreadable, "Cannot make a Watermill message of a RocketMQ message", err, m)
}

// log writes a line, unless there was such a line of the topic a short time ago.
func (o observer) log(limit *loglimit.Limit, text string, err error, m *delivery.Message) {
	missed, ok := limit.Ask(o.sub.topic, time.Now())
	if !ok {
		return
	}
	fields := watermill.LogFields{
		"message_id": messageID(&m.Message),
		"broker":     m.Broker,
		"queue":      m.Stored.QueueID,
		"offset":     m.Stored.QueueOffset,
		"deliveries": m.Delivery().Number,

		loglimit.Unlogged: missed,
	}
	if given := m.Given(); given != nil {
		fields["message_uuid"] = given.UUID
	}
	if err != nil {
		o.sub.logger.Error(text, err, fields)
		return
	}
	o.sub.logger.Info(text, fields)
}

// engineObserver tells hooks what the engine does.
type engineObserver struct{ s *Subscriber }

func (o engineObserver) Fetched(topic string, queue routing.MessageQueue, messages int) {
	if hook := o.s.cfg.Hooks.Fetched; hook != nil {
		hook(FetchEvent{Topic: o.s.watermillTopic(topic), Queue: queue, Messages: messages})
	}
}

func (o engineObserver) Rebalanced(topic string, before, after []routing.MessageQueue) {
	if hook := o.s.cfg.Hooks.Rebalanced; hook != nil {
		hook(RebalanceEvent{Topic: o.s.watermillTopic(topic), Before: before, After: after})
	}
}

// watermillTopic returns Watermill's name of a topic, or RocketMQ's if there is none.
func (s *Subscriber) watermillTopic(topic string) string {
	name, err := s.names.Unmap(topic, nil)
	if err != nil {
		return topic
	}
	return name
}
