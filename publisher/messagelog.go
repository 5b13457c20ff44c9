package publisher

import (
	"sync/atomic"

	"github.com/ThreeDotsLabs/watermill"
)

// messageLog finds out whether anybody reads log lines at trace level, which no
// method of a watermill.LoggerAdapter tells: it is the value of a field of one such
// line. Adapters write out the values of a line that somebody reads, and not those of
// another.
type messageLog struct {
	logger watermill.LoggerAdapter
	read   atomic.Bool
}

// String is called when the line is written out.
func (l *messageLog) String() string {
	l.read.Store(true)
	return "trace"
}

// MarshalText is the same for adapters that encode.
func (l *messageLog) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// begin writes the line.
func (l *messageLog) begin(logger watermill.LoggerAdapter) {
	l.logger = logger
	if _, ok := logger.(*watermill.CaptureLoggerAdapter); ok {
		l.read.Store(true) // it keeps values as they are
	}
	logger.Trace("Logging each message sent to RocketMQ", watermill.LogFields{"log_level": l})
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
