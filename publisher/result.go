package publisher

import (
	"strconv"
	"time"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// Outcome says where a message is when Publish returns.
type Outcome int

const (
	// NotSent means that no broker has the message.
	NotSent Outcome = iota
	// MayBeStored means that an attempt reached, or may have reached, a broker
	// that did not say what became of it. It is the best outcome of a message
	// that is sent one-way.
	MayBeStored
	// Stored means that a broker said it has the message.
	Stored
)

// String returns "not sent", "may be stored" or "stored".
func (o Outcome) String() string {
	switch o {
	case NotSent:
		return "not sent"
	case MayBeStored:
		return "may be stored"
	case Stored:
		return "stored"
	default:
		return "outcome " + strconv.Itoa(int(o))
	}
}

// SendStatus is what a broker says of a message that it has stored
// (org.apache.rocketmq.client.producer.SendStatus).
type SendStatus int

const (
	// StatusNone is the status of a message that no broker said it stored.
	StatusNone SendStatus = iota
	// SendOK: stored as the broker's configuration asks for.
	SendOK
	// FlushDiskTimeout: stored in the broker's memory, but a broker that
	// flushes each message to disk (SYNC_FLUSH) did not get that done in time.
	FlushDiskTimeout
	// FlushSlaveTimeout: stored by the master, but its replica did not confirm
	// in time (SYNC_MASTER).
	FlushSlaveTimeout
	// SlaveNotAvailable: stored by the master, which has no replica to copy it
	// to (SYNC_MASTER).
	SlaveNotAvailable
)

// String returns RocketMQ's name of the status.
func (s SendStatus) String() string {
	switch s {
	case StatusNone:
		return "NONE"
	case SendOK:
		return "SEND_OK"
	case FlushDiskTimeout:
		return "FLUSH_DISK_TIMEOUT"
	case FlushSlaveTimeout:
		return "FLUSH_SLAVE_TIMEOUT"
	case SlaveNotAvailable:
		return "SLAVE_NOT_AVAILABLE"
	default:
		return "status " + strconv.Itoa(int(s))
	}
}

// storedStatus returns the status of an answer that says the message is stored,
// StatusNone for any other.
func storedStatus(code headers.ResponseCode) SendStatus {
	switch code {
	case headers.Success:
		return SendOK
	case headers.FlushDiskTimeout:
		return FlushDiskTimeout
	case headers.FlushSlaveTimeout:
		return FlushSlaveTimeout
	case headers.SlaveNotAvailable:
		return SlaveNotAvailable
	default:
		return StatusNone
	}
}

// code is the code of the answer that has that status, which is not StatusNone.
func (s SendStatus) code() headers.ResponseCode {
	switch s {
	case FlushDiskTimeout:
		return headers.FlushDiskTimeout
	case FlushSlaveTimeout:
		return headers.FlushSlaveTimeout
	case SlaveNotAvailable:
		return headers.SlaveNotAvailable
	default:
		return headers.Success
	}
}

// Result is what became of one message. It is a value of the receiver's own.
type Result struct {
	// Topic is the Watermill topic that the message was published to. It is always
	// set.
	Topic string
	// UUID of the Watermill message; empty for a nil message.
	UUID string
	// MessageID is the unique message id (UNIQ_KEY), the same for all attempts;
	// empty if the message was refused before it got one. Consoles find the
	// message by it, and consumers know a duplicate by it.
	MessageID string
	Outcome   Outcome

	// The next fields are set when Outcome is Stored. MessageQueue and BrokerAddr
	// are also set for a message that was sent one-way without an error, and say
	// where it was sent to.

	// Status is SendOK unless the broker has stored the message with less safety
	// than it is configured for, which is a success all the same unless
	// Config.RequireDurable is set.
	Status       SendStatus
	MessageQueue routing.MessageQueue
	BrokerAddr   string
	// QueueOffset is the message's place in the queue. For a message that the
	// broker keeps elsewhere first (a half message of a transaction, a delayed
	// one) it is the place there.
	QueueOffset int64
	// OffsetMessageID is RocketMQ's other message id: broker address and place
	// in the commit log.
	OffsetMessageID string
	// RecallHandle takes a delayed message back, see Publisher.Recall. Brokers
	// before 5.3.3, and delay levels, have none.
	RecallHandle string

	// Began is when the message was handed over, and Took how long it was until
	// its result was final: what was waited at Config.Waiting's limit and in the
	// queue for a request is part of it.
	Began time.Time
	Took  time.Duration
	// Attempts counts the attempts made, the good one included.
	Attempts int
	// Failed has the failed attempts in order. Of a long row only the first and
	// the latest eight are kept.
	Failed []Attempt
	// Err is nil if the message was published. The Publish call that the
	// message belongs to then fails, if at all, for another message.
	Err error
}

// Attempt is one failed try to store a message.
type Attempt struct {
	// MessageQueue and Addr say where; empty if no queue or address was found.
	MessageQueue routing.MessageQueue
	Addr         string
	Began        time.Time
	Took         time.Duration
	// Outcome of this attempt alone.
	Outcome Outcome
	Err     error
}
