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
	table, hasTable, err := c.Fields.Int("tranStateTableOffset", 64)
	if err != nil {
		return CheckTransaction{}, err
	}
	log, hasLog, err := c.Fields.Int("commitLogOffset", 64)
	if err != nil {
		return CheckTransaction{}, err
	}
	if !hasTable || !hasLog {
		return CheckTransaction{}, malformed("CHECK_TRANSACTION_STATE without tranStateTableOffset or commitLogOffset")
	}
	return CheckTransaction{
		StateTableOffset: table,
		CommitLogOffset:  log,
		MessageID:        c.Fields.String("msgId"),
		TransactionID:    c.Fields.String("transactionId"),
		OffsetMessageID:  c.Fields.String("offsetMsgId"),
		Topic:            c.Fields.String("topic"),
		BrokerName:       c.Fields.String("bname"),
	}, nil
}
