package publisher

import (
	"github.com/ThreeDotsLabs/watermill"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/tracelog"
)

// messageLog is a log line for each message, at trace level.
type messageLog struct {
	tracelog.Probe
	logger watermill.LoggerAdapter
}

// begin finds out whether anybody reads that level.
func (l *messageLog) begin(logger watermill.LoggerAdapter) {
	l.logger = logger
	l.Begin(logger, "Logging each message sent to RocketMQ")
}

// write writes a line for a message that was published. What became of another is
// in the error.
func (l *messageLog) write(how mode, r *Result) {
	if r.Err != nil {
		return
	}
	text := "Message sent to RocketMQ"
	if how.transaction {
		text = "Half message sent to RocketMQ"
	}
	fields := watermill.LogFields{
		"message_uuid":   r.UUID,
		"topic":          r.Topic,
		"rocketmq_topic": r.MessageQueue.Topic,
		"message_id":     r.MessageID,
		"broker":         r.MessageQueue.BrokerName,
		"queue_id":       r.MessageQueue.QueueID,
		"outcome":        r.Outcome.String(),
	}
	if r.Outcome == Stored {
		fields["queue_offset"] = r.QueueOffset
		fields["status"] = r.Status.String()
	}
	l.logger.Trace(text, fields)
}
