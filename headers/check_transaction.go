package headers

// CheckTransaction is the header of CHECK_TRANSACTION_STATE
// (CheckTransactionStateRequestHeader of 5.5.0), by which a broker asks a
// producer of the group, one-way, what became of a half message. The body is the
// half message in the stored layout, with the topic that it is meant for.
type CheckTransaction struct {
	// StateTableOffset and CommitLogOffset are where the half message is now:
	// the broker writes it anew before each check.
	StateTableOffset int64
	CommitLogOffset  int64
	// MessageID is the unique message id, OffsetMessageID the broker's own.
	MessageID       string
	TransactionID   string
	OffsetMessageID string
	// Topic is that of all half messages, RMQ_SYS_TRANS_HALF_TOPIC, not the
	// message's. 4.9 sends neither it nor BrokerName.
	Topic      string
	BrokerName string
}

// RequestCode is CHECK_TRANSACTION_STATE.
func (h *CheckTransaction) RequestCode() RequestCode { return CodeCheckTransactionState }

// AppendFields appends the fields in the order of the Java class.
func (h *CheckTransaction) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "topic", h.Topic)
	dst = AppendIntField(dst, s, "tranStateTableOffset", h.StateTableOffset)
	dst = AppendIntField(dst, s, "commitLogOffset", h.CommitLogOffset)
	dst = AppendField(dst, s, "msgId", h.MessageID)
	dst = AppendField(dst, s, "transactionId", h.TransactionID)
	dst = AppendField(dst, s, "offsetMsgId", h.OffsetMessageID)
	return AppendField(dst, s, "bname", h.BrokerName)
}

// ParseCheckTransaction reads the header of CHECK_TRANSACTION_STATE. The result
// owns its memory.
func ParseCheckTransaction(c *Command) (CheckTransaction, error) {
	var h CheckTransaction
	var seen fieldSet
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "tranStateTableOffset":
			h.StateTableOffset, err = parseInt64(key, value)
			seen.add(0)
		case "commitLogOffset":
			h.CommitLogOffset, err = parseInt64(key, value)
			seen.add(1)
		case "msgId":
			h.MessageID = string(value)
		case "transactionId":
			h.TransactionID = string(value)
		case "offsetMsgId":
			h.OffsetMessageID = string(value)
		case "topic":
			h.Topic = string(value)
		case "bname":
			h.BrokerName = string(value)
		}
		if err != nil {
			return CheckTransaction{}, err
		}
	}
	if err := seen.require("CHECK_TRANSACTION_STATE", "tranStateTableOffset", "commitLogOffset"); err != nil {
		return CheckTransaction{}, err
	}
	return h, nil
}
