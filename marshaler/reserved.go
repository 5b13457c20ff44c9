package marshaler

import "strings"

// transientPrefix begins the names of properties that a broker does not store
// (MessageConst.PROPERTY_TRANSIENT_PREFIX).
const transientPrefix = "__RMQ.TRANSIENT."

// Reserved reports whether a message property of this name means something to
// RocketMQ, on sending or on receipt. Such properties are never metadata.
//
// The set is the property names of org.apache.rocketmq.common.message.MessageConst
// of 4.9.7 and 5.5.0. Its constants that are no property names are not in it:
// KEY_SEPARATOR, the INDEX_..._TYPE letters and the values of the timer engine
// type. A foreign message may use those names, and its properties must arrive.
func Reserved(name string) bool {
	switch name {
	case "KEYS", "TAGS", "WAIT", "UNIQ_KEY", "EXTEND_UNIQ_INFO", "INSTANCE_ID", "BUYER_ID",
		"__SHARDINGKEY", "_SYS_MSG_PRIORITY_", "__LITE_TOPIC",
		// Delay and timer.
		"DELAY", "TIMER_DELIVER_MS", "TIMER_DELAY_SEC", "TIMER_DELAY_MS", "TIMER_DELAY_LEVEL", "TIMER_OUT_MS",
		"TIMER_ENQUEUE_MS", "TIMER_DEQUEUE_MS", "TIMER_ROLL_TIMES", "TIMER_ROLL_LABEL", "TIMER_DEL_UNIQKEY", "E_T",
		// Transactions.
		"TRAN_MSG", "PGROUP", "__transactionId__", "TRAN_PREPARED_QUEUE_OFFSET", "TRANSACTION_CHECK_TIMES",
		"CHECK_IMMUNITY_TIME_IN_SECONDS", "TRANS_OFFSET",
		// Retry, dead letters, and where the message came from.
		"RETRY_TOPIC", "REAL_TOPIC", "REAL_QID", "ORIGIN_MESSAGE_ID", "ORIGIN_GROUP", "RECONSUME_TIME",
		"MAX_RECONSUME_TIMES", "DLQ_ORIGIN_TOPIC", "DLQ_ORIGIN_MESSAGE_ID", "__BORNHOST", "BORN_TIMESTAMP",
		// Request and reply.
		"MSG_TYPE", "CORRELATION_ID", "REPLY_TO_CLIENT", "TTL", "ARRIVE_TIME", "PUSH_REPLY_TIME",
		// Set by brokers.
		"CLUSTER", "MSG_REGION", "TRACE_ON", "TRACE_CONTEXT", "TRANSFER_FLAG", "CORRECTION_FLAG", "MQ2_FLAG",
		"REDIRECT", "PROPERTY_FORWARD_QUEUE_ID", "DUP_INFO", "__CRC32#",
		"INNER_NUM", "INNER_BASE", "INNER_MULTI_DISPATCH", "INNER_MULTI_QUEUE_OFFSET",
		// Set on receipt.
		"MIN_OFFSET", "MAX_OFFSET", "CONSUME_START_TIME", "POP_CK", "POP_CK_OFFSET", "1ST_POP_TIME":
		return true
	}
	return strings.HasPrefix(name, transientPrefix)
}

// Free reports whether a message property of this name is metadata of that name and
// nothing else: neither RocketMQ nor Default has a use for it.
func Free(name string) bool {
	return !strings.HasPrefix(name, mark) && name != propertyUUID && !Reserved(name)
}
