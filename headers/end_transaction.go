package headers

// TransactionEnd says how a transaction ends: the values that MessageSysFlag has
// for the transaction bits of 5.5.0.
type TransactionEnd int32

const (
	// TransactionUndecided leaves a transaction to the next check. A broker does
	// not answer it, even where an answer was asked for.
	TransactionUndecided TransactionEnd = 0
	// TransactionCommit puts the half message into its topic.
	TransactionCommit TransactionEnd = SysFlagCommit
	// TransactionRollback drops the half message.
	TransactionRollback TransactionEnd = SysFlagRollback
)

// EndTransaction is the header of END_TRANSACTION (EndTransactionRequestHeader of
// 5.5.0): the decision about a half message. The Java client sends it one-way; a
// broker answers a commit and a rollback that ask for it.
type EndTransaction struct {
	// ProducerGroup is the half message's property PGROUP.
	ProducerGroup string
	// StateTableOffset and CommitLogOffset say where the half message is: in the
	// queue of half messages and in the commit log. Each check moves it.
	StateTableOffset int64
	CommitLogOffset  int64
	End              TransactionEnd
	// FromCheck is set in the answer to a CHECK_TRANSACTION_STATE.
	FromCheck bool
	// MessageID is the unique message id; TransactionID has the same value in
	// Java.
	MessageID     string
	TransactionID string
	// Topic and BrokerName are there since 5.0 (RpcRequestHeader), for ACL.
	Topic      string
	BrokerName string
}

// RequestCode is END_TRANSACTION.
func (h *EndTransaction) RequestCode() RequestCode { return CodeEndTransaction }

// AppendFields appends the fields in the order of the Java class.
func (h *EndTransaction) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendField(dst, s, "producerGroup", h.ProducerGroup)
	dst = AppendIntField(dst, s, "tranStateTableOffset", h.StateTableOffset)
	dst = AppendIntField(dst, s, "commitLogOffset", h.CommitLogOffset)
	dst = AppendIntField(dst, s, "commitOrRollback", int64(h.End))
	dst = AppendBoolField(dst, s, "fromTransactionCheck", h.FromCheck)
	dst = AppendField(dst, s, "msgId", h.MessageID)
	dst = AppendField(dst, s, "transactionId", h.TransactionID)
	return AppendField(dst, s, "bname", h.BrokerName)
}

// ParseEndTransaction reads the header of END_TRANSACTION. The result owns its
// memory.
func ParseEndTransaction(c *Command) (EndTransaction, error) {
	var h EndTransaction
	var seen fieldSet
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "producerGroup":
			h.ProducerGroup = string(value)
		case "tranStateTableOffset":
			h.StateTableOffset, err = parseInt64(key, value)
			seen.add(1)
		case "commitLogOffset":
			h.CommitLogOffset, err = parseInt64(key, value)
			seen.add(2)
		case "commitOrRollback":
			var end int32
			end, err = parseInt32(key, value)
			h.End = TransactionEnd(end)
			seen.add(3)
		case "fromTransactionCheck":
			h.FromCheck = parseBool(value)
		case "msgId":
			h.MessageID = string(value)
		case "transactionId":
			h.TransactionID = string(value)
		case "topic":
			h.Topic = string(value)
		case "bname":
			h.BrokerName = string(value)
		}
		if err != nil {
			return EndTransaction{}, err
		}
	}
	if h.ProducerGroup != "" { // an empty one is null to a Java peer
		seen.add(0)
	}
	if err := seen.require("END_TRANSACTION", "producerGroup", "tranStateTableOffset", "commitLogOffset", "commitOrRollback"); err != nil {
		return EndTransaction{}, err
	}
	return h, nil
}
