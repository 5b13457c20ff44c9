package headers

import "bytes"

// Bits of SysFlag (org.apache.rocketmq.common.sysflag.MessageSysFlag of 5.5.0).
const (
	SysFlagCompressed = 0x1
	SysFlagMultiTags  = 0x2

	SysFlagTransactionMask = 0xC
	SysFlagPrepared        = 0x4
	SysFlagCommit          = 0x8
	SysFlagRollback        = 0xC

	SysFlagBornHostV6  = 0x10
	SysFlagStoreHostV6 = 0x20

	SysFlagCompressionMask = 0x700
	SysFlagLZ4             = 0x100
	SysFlagZstd            = 0x200
	SysFlagZlib            = 0x300
)

// SendMessage is the header of SEND_MESSAGE_V2 and, when Batch or Reply is set, of
// SEND_BATCH_MESSAGE or SEND_REPLY_MESSAGE_V2 (SendMessageRequestHeaderV2 of 5.5.0). The wire names are
// the letters a to n; they are known in this file only.
type SendMessage struct {
	ProducerGroup string // a
	Topic         string // b
	// DefaultTopic is the topic whose settings a broker copies when it creates
	// Topic by itself, DefaultTopicQueues the number of queues wished for.
	DefaultTopic       string // c
	DefaultTopicQueues int32  // d
	QueueID            int32  // e
	SysFlag            int32  // f
	// BornTimestamp is when the producer made the message, in milliseconds
	// since 1970.
	BornTimestamp int64 // g
	// Flag is a free number that travels with the message.
	Flag int32 // h
	// Properties is a whole properties string, see AppendProperty.
	Properties     []byte // i
	ReconsumeTimes int32  // j
	UnitMode       bool   // k
	// MaxReconsumeTimes is written when HasMaxReconsumeTimes is set, which Java
	// does on %RETRY% topics only.
	MaxReconsumeTimes    int32 // l
	HasMaxReconsumeTimes bool
	// Batch says that the body is the encoding of many messages. The broker goes
	// by this field and not by the request code.
	Batch      bool   // m
	BrokerName string // n
	// Reply says that the message is a reply to a request. The request code alone tells
	// the broker.
	Reply bool
}

// RequestCode is SEND_BATCH_MESSAGE for a batch, SEND_REPLY_MESSAGE_V2 for a reply, else
// SEND_MESSAGE_V2.
func (h *SendMessage) RequestCode() RequestCode {
	switch {
	case h.Batch:
		return CodeSendBatchMessage
	case h.Reply:
		return CodeSendReplyMessageV2
	}
	return CodeSendMessageV2
}

// AppendFields appends the fields in the order a to n.
func (h *SendMessage) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "a", h.ProducerGroup)
	dst = AppendField(dst, s, "b", h.Topic)
	dst = AppendField(dst, s, "c", h.DefaultTopic)
	dst = AppendIntField(dst, s, "d", int64(h.DefaultTopicQueues))
	dst = AppendIntField(dst, s, "e", int64(h.QueueID))
	dst = AppendIntField(dst, s, "f", int64(h.SysFlag))
	dst = AppendIntField(dst, s, "g", h.BornTimestamp)
	dst = AppendIntField(dst, s, "h", int64(h.Flag))
	dst = appendField(dst, s, "i", h.Properties)
	dst = AppendIntField(dst, s, "j", int64(h.ReconsumeTimes))
	dst = AppendBoolField(dst, s, "k", h.UnitMode)
	if h.HasMaxReconsumeTimes {
		dst = AppendIntField(dst, s, "l", int64(h.MaxReconsumeTimes))
	}
	dst = AppendBoolField(dst, s, "m", h.Batch)
	return AppendField(dst, s, "n", h.BrokerName)
}

// ParseSendMessage reads the header of a send request, either with the short
// names of SEND_MESSAGE_V2, SEND_BATCH_MESSAGE and SEND_REPLY_MESSAGE_V2 or, for
// SEND_MESSAGE and SEND_REPLY_MESSAGE, with the long ones of SendMessageRequestHeader. The
// result owns its memory.
func ParseSendMessage(c *Command) (SendMessage, error) {
	var h SendMessage
	code := RequestCode(c.Code)
	long := code == CodeSendMessage || code == CodeSendReplyMessage
	h.Reply = code == CodeSendReplyMessage || code == CodeSendReplyMessageV2
	for field, value := range c.Fields.All() {
		key := string(field)
		letter := key
		if long {
			letter = sendLetter(key)
		}
		var err error
		switch letter {
		case "a":
			h.ProducerGroup = string(value)
		case "b":
			h.Topic = string(value)
		case "c":
			h.DefaultTopic = string(value)
		case "d":
			h.DefaultTopicQueues, err = parseInt32(key, value)
		case "e":
			h.QueueID, err = parseInt32(key, value)
		case "f":
			h.SysFlag, err = parseInt32(key, value)
		case "g":
			h.BornTimestamp, err = parseInt64(key, value)
		case "h":
			h.Flag, err = parseInt32(key, value)
		case "i":
			h.Properties = bytes.Clone(value)
		case "j":
			h.ReconsumeTimes, err = parseInt32(key, value)
		case "k":
			h.UnitMode = parseBool(value)
		case "l":
			h.MaxReconsumeTimes, err = parseInt32(key, value)
			h.HasMaxReconsumeTimes = true
		case "m":
			h.Batch = parseBool(value)
		case "n":
			h.BrokerName = string(value)
		}
		if err != nil {
			return SendMessage{}, err
		}
	}
	return h, nil
}

// sendLetter gives a field of the first send header, SEND_MESSAGE's, the name it
// has in the second (SendMessageRequestHeaderV2.createSendMessageRequestHeaderV2).
func sendLetter(long string) string {
	switch long {
	case "producerGroup":
		return "a"
	case "topic":
		return "b"
	case "defaultTopic":
		return "c"
	case "defaultTopicQueueNums":
		return "d"
	case "queueId":
		return "e"
	case "sysFlag":
		return "f"
	case "bornTimestamp":
		return "g"
	case "flag":
		return "h"
	case "properties":
		return "i"
	case "reconsumeTimes":
		return "j"
	case "unitMode":
		return "k"
	case "maxReconsumeTimes":
		return "l"
	case "batch":
		return "m"
	case "bname":
		return "n"
	default:
		return ""
	}
}

// SendResult is the header of the answer to a send (SendMessageResponseHeader).
type SendResult struct {
	// OffsetMessageID names the stored message by the broker's address and its
	// place in the commit log. For a batch it is a list joined by commas.
	OffsetMessageID string
	QueueID         int32
	// QueueOffset is the place in the queue, of the first message for a batch.
	QueueOffset int64
	// TransactionID repeats the message's UNIQ_KEY on 5.x; 4.9 leaves it out.
	TransactionID string
	// RecallHandle comes with timer messages, since 5.3.3.
	RecallHandle string
}

// AppendFields appends the result's fields.
func (r *SendResult) AppendFields(dst []byte, s Serialization) []byte {
	dst = AppendField(dst, s, "msgId", r.OffsetMessageID)
	dst = AppendIntField(dst, s, "queueId", int64(r.QueueID))
	dst = AppendIntField(dst, s, "queueOffset", r.QueueOffset)
	dst = AppendField(dst, s, "transactionId", r.TransactionID)
	return AppendField(dst, s, "recallHandle", r.RecallHandle)
}

// StoredPlace is what an answer to a send says of where the messages are. Its ids
// and its handle alias the frame: the ids of a large batch are many kilobytes,
// which few read.
type StoredPlace struct {
	OffsetMessageIDs []byte
	RecallHandle     []byte
	QueueID          int32
	QueueOffset      int64
}

// ParseStoredPlace reads the answer to a send whose code says that the message
// is stored, without copying from it.
func ParseStoredPlace(c *Command) (StoredPlace, error) {
	var p StoredPlace
	var seen fieldSet
	for field, value := range c.Fields.All() {
		var err error
		switch key := string(field); key {
		case "msgId":
			p.OffsetMessageIDs = value
		case "recallHandle":
			p.RecallHandle = value
		case "queueId":
			p.QueueID, err = parseInt32(key, value)
			seen.add(0)
		case "queueOffset":
			p.QueueOffset, err = parseInt64(key, value)
			seen.add(1)
		}
		if err != nil {
			return StoredPlace{}, err
		}
	}
	if err := seen.require("send answer", "queueId", "queueOffset"); err != nil {
		return StoredPlace{}, err
	}
	return p, nil
}

// ParseSendResult is ParseStoredPlace with a result that owns its memory.
func ParseSendResult(c *Command) (SendResult, error) {
	p, err := ParseStoredPlace(c)
	if err != nil {
		return SendResult{}, err
	}
	return SendResult{
		OffsetMessageID: string(p.OffsetMessageIDs),
		QueueID:         p.QueueID,
		QueueOffset:     p.QueueOffset,
		TransactionID:   c.Fields.String("transactionId"),
		RecallHandle:    string(p.RecallHandle),
	}, nil
}
