package publisher

import (
	"strconv"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// TransactionState is a decision about a half message
// (org.apache.rocketmq.client.producer.LocalTransactionState).
type TransactionState int

const (
	// TransactionUnknown: nothing is decided yet. Nothing is sent, and the next
	// check asks again.
	TransactionUnknown TransactionState = iota
	// TransactionCommit: consumers are to get the message.
	TransactionCommit
	// TransactionRollback: the message is to be dropped.
	TransactionRollback
)

// String returns "unknown", "commit" or "rollback".
func (s TransactionState) String() string {
	switch s {
	case TransactionUnknown:
		return "unknown"
	case TransactionCommit:
		return "commit"
	case TransactionRollback:
		return "rollback"
	default:
		return "transaction state " + strconv.Itoa(int(s))
	}
}

// end is the state on the wire. A state that does not exist is none.
func (s TransactionState) end() headers.TransactionEnd {
	switch s {
	case TransactionCommit:
		return headers.TransactionCommit
	case TransactionRollback:
		return headers.TransactionRollback
	default:
		return headers.TransactionUndecided
	}
}
