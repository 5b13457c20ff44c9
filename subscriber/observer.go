package subscriber

import (
	"cmp"
	"context"
	"time"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
	"github.com/watermill-rocketmq/watermill-rocketmq/subscriber/internal/delivery"
)

// failureLogs keep apart what may happen often.
type failureLogs struct {
	missing, starting, unreached, leases, slow, deadLetters, buryErrors, unreadable, unconfirmed loglimit.Limit
}

// observer tells hooks and the log what happens to the messages of a subscription.
type observer struct{ sub *subscription }

func (o observer) hooks() *Hooks { return &o.sub.s.hooks }

// event makes what hooks are told of a message.
func (o observer) event(m *delivery.Message, err error) MessageEvent {
	d := m.Delivery()
	topic, group := d.Subscription()
	return MessageEvent{
		Topic: topic, RocketMQTopic: m.Stored.Topic, Group: group,
		SubscribedTopic: o.sub.what.Name, Namespace: o.sub.s.namespace(),
		Broker: m.Broker, BrokerAddr: m.Stored.StoreHost, QueueID: m.Stored.QueueID, QueueOffset: m.Stored.QueueOffset,
		UUID: m.UUID(), Deliveries: d.Number, Bytes: len(m.Stored.Body), StoreTime: m.StoredAt(),
		Took: m.Took(), Err: err,
	}
}

func (o observer) tell(hook func(context.Context, MessageEvent), m *delivery.Message, err error) {
	if hook != nil {
		hook(m.Context(), o.event(m, err))
	}
}

// Starting is told that a message is to be handed out.
func (o observer) Starting(m *delivery.Message, given *message.Message) context.Context {
	if hook := o.hooks().DeliveryStart; hook != nil {
		return hook(m.Context(), given, o.event(m, nil))
	}
	return m.Context()
}

// HandedOut is told that a receiver has a message.
func (o observer) HandedOut(m *delivery.Message) {
	o.tell(o.hooks().Received, m, nil)
	if o.sub.s.messageLog.Read() {
		o.logMessage(m)
	}
}

// logMessage writes a line for a message that was received.
func (o observer) logMessage(m *delivery.Message) {
	o.sub.logger.Trace("Message received from RocketMQ", watermill.LogFields{
		"message_uuid":   m.UUID(),
		"rocketmq_topic": m.Stored.Topic,
		"message_id":     messageID(&m.Message),
		"broker":         m.Broker,
		"queue_id":       m.Stored.QueueID,
		"queue_offset":   m.Stored.QueueOffset,
		"deliveries":     m.Delivery().Number,
	})
}

func (o observer) Acked(m *delivery.Message)    { o.tell(o.hooks().Acked, m, nil) }
func (o observer) Released(m *delivery.Message) { o.tell(o.hooks().Released, m, nil) }
func (o observer) Renewed(m *delivery.Message)  { o.tell(o.hooks().Renewed, m, nil) }

func (o observer) Nacked(m *delivery.Message, pause time.Duration, last, local bool) {
	if hook := o.hooks().Nacked; hook != nil {
		hook(m.Context(), NackEvent{MessageEvent: o.event(m, nil), Pause: pause, Last: last, Local: local})
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
	o.tell(o.hooks().LeaseLost, m, cause)
	o.log(&o.sub.s.logs.leases, "Lease of a message is lost, others may get it while its handler works", cause, m)
}

func (o observer) DeadLettered(m *delivery.Message) {
	o.tell(o.hooks().DeadLettered, m, nil)
	text := "Message is a dead letter now"
	if o.sub.s.cfg.Group == "" && o.sub.s.cfg.DeadLetter == nil {
		text = "Message is dropped: its deliveries are used up, and without a group there are no dead letters"
	}
	o.log(&o.sub.s.logs.deadLetters, text, nil, m)
}

func (o observer) DeadLetterFailed(m *delivery.Message, err error) {
	o.tell(o.hooks().DeadLetterFailed, m, err)
	o.log(&o.sub.s.logs.buryErrors, "Cannot make a dead letter of a message, trying again", err, m)
}

func (o observer) Unreadable(m *delivery.Message, err error) {
	o.tell(o.hooks().Unreadable, m, err)
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
	if uuid := m.UUID(); uuid != "" {
		fields["message_uuid"] = uuid
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
	if hook := o.s.hooks.Fetched; hook != nil {
		hook(FetchEvent{Topic: o.s.watermillTopic(topic), RocketMQTopic: topic, Group: o.s.cfg.Group, Queue: queue, Messages: messages})
	}
}

func (o engineObserver) Rebalanced(topic string, before, after []routing.MessageQueue) {
	if hook := o.s.hooks.Rebalanced; hook != nil {
		hook(RebalanceEvent{Topic: o.s.watermillTopic(topic), RocketMQTopic: topic, Group: o.s.cfg.Group, Before: before, After: after})
	}
}

// namespace returns that of the cluster, by either way of having one.
func (s *Subscriber) namespace() string {
	return cmp.Or(s.cfg.Cluster.Namespace, s.cfg.Cluster.NamespaceV2)
}

// watermillTopic returns Watermill's name of a topic, or RocketMQ's if there is none.
func (s *Subscriber) watermillTopic(topic string) string {
	name, err := s.names.Unmap(topic, nil)
	if err != nil {
		return topic
	}
	return name
}
