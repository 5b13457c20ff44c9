package pull

import (
	"strconv"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/loglimit"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// logs are the log lines of an engine that may come often.
type logs struct {
	logger watermill.LoggerAdapter
	group  string
	limit  loglimit.Limit
}

// failed logs what failed for a queue.
func (l *logs) failed(what string, err error, q routing.MessageQueue) {
	if missed, ok := l.limit.Ask(what+" "+queueText(q), time.Now()); ok {
		fields := l.fields(q)
		fields[loglimit.Unlogged] = missed
		l.logger.Error(what, err, fields)
	}
}

// recovered logs that it does not fail any more.
func (l *logs) recovered(what string, q routing.MessageQueue) {
	if missed, ok := l.limit.Ask(what+" "+queueText(q), time.Now()); ok {
		fields := l.fields(q)
		fields[loglimit.Unlogged] = missed
		l.logger.Info(what, fields)
	}
}

// group logs what is wrong with the group, or with a topic of it.
func (l *logs) groupFailed(what, topic string, err error) {
	if missed, ok := l.limit.Ask(what+" "+topic, time.Now()); ok {
		l.logger.Error(what, err, watermill.LogFields{"group": l.group, "rocketmq_topic": topic, loglimit.Unlogged: missed})
	}
}

func (l *logs) fields(q routing.MessageQueue) watermill.LogFields {
	return watermill.LogFields{"group": l.group, "rocketmq_topic": q.Topic, "broker": q.BrokerName, "queue": q.QueueID}
}

// stuck logs that a message holds up its queue.
func (l *logs) stuck(q routing.MessageQueue, offset int64) {
	if missed, ok := l.limit.Ask("stuck "+queueText(q), time.Now()); ok {
		fields := l.fields(q)
		fields["offset"], fields["span"], fields[loglimit.Unlogged] = offset, maxSpan, missed
		l.logger.Error("A message is not answered and holds up its queue: its handler has to Ack or Nack it", nil, fields)
	}
}

// moved logs that the broker has the queue go on elsewhere.
func (l *logs) moved(q routing.MessageQueue, from, to int64) {
	if missed, ok := l.limit.Ask("moved "+queueText(q), time.Now()); ok {
		fields := l.fields(q)
		fields["from"], fields["to"], fields[loglimit.Unlogged] = from, to, missed
		l.logger.Info("Queue goes on at another offset: its messages are deleted, its end was lost, or the group was reset", fields)
	}
}

// gone logs that a message was deleted before it could come again.
func (l *logs) gone(q routing.MessageQueue, offset int64) {
	if missed, ok := l.limit.Ask("gone "+queueText(q), time.Now()); ok {
		fields := l.fields(q)
		fields["offset"], fields[loglimit.Unlogged] = offset, missed
		l.logger.Error("A message was to be delivered once more, but its broker has deleted it", nil, fields)
	}
}

// homeless logs that nobody here wants a message of the retry topic.
func (l *logs) homeless(q routing.MessageQueue, topic string) {
	if missed, ok := l.limit.Ask("homeless "+topic, time.Now()); ok {
		fields := l.fields(q)
		fields["retried_topic"], fields[loglimit.Unlogged] = topic, missed
		l.logger.Error("A message of the retry topic is of a topic that this member does not subscribe to, sending it back: all members of a group have to subscribe to the same topics", nil, fields)
	}
}

// share says how many queues of a topic belong to this member.
func (l *logs) share(topic string, before, after int) watermill.LogFields {
	return watermill.LogFields{"group": l.group, "rocketmq_topic": topic, "queues": after, "queues_before": before}
}

func queueText(q routing.MessageQueue) string {
	return q.Topic + "/" + q.BrokerName + "/" + strconv.Itoa(int(q.QueueID))
}
