package headers

import (
	"math"
	"strconv"
	"strings"
)

// RetryKind says in which topic a popped message is: the one that was asked for, or
// one of the retry topics that the broker reads with it (ExtraInfoUtil and KeyBuilder
// of 5.5.0).
type RetryKind uint8

// The kinds of topics.
const (
	RetryNone RetryKind = 0
	// RetryV1 is %RETRY%<group>_<topic>.
	RetryV1 RetryKind = 1
	// RetryV2 is %RETRY%<group>+<topic>, which brokers from 5.2.0 on have if
	// enableRetryTopicV2 is set.
	RetryV2 RetryKind = 2
)

// Topic returns the topic that a message of the group is in, which is the one to
// acknowledge it by.
func (k RetryKind) Topic(group, topic string) string {
	switch k {
	case RetryV1:
		return RetryTopicPrefix + group + "_" + topic
	case RetryV2:
		return RetryTopicPrefix + group + "+" + topic
	default:
		return topic
	}
}

// String returns "0", "1" or "2", as it is on the wire.
func (k RetryKind) String() string { return string(k.digit()) }

func (k RetryKind) digit() byte { return '0' + byte(k) }

func parseRetryKind[T string | []byte](text T) (RetryKind, bool) {
	if len(text) != 1 {
		return 0, false
	}
	kind := RetryKind(text[0] - '0')
	return kind, kind <= RetryV2
}

// ReceiptHandle is what a popped message is acknowledged by (extraInfo in requests,
// POP_CK in properties; org.apache.rocketmq.common.consumer.ReceiptHandle of 5.5.0).
// It names the check point that the broker keeps of the pop, and the message in it.
type ReceiptHandle struct {
	// StartOffset is where the pop began to read the queue.
	StartOffset int64
	// PopTime is in milliseconds since 1970, by the broker's clock.
	PopTime         int64
	InvisibleMillis int64
	// ReviveQueueID is OrderedReviveQueue for messages of an ordered pop.
	ReviveQueueID int32
	Retry         RetryKind
	BrokerName    string
	QueueID       int32
	// Offset is the message's own.
	Offset int64
}

// String returns the handle as it is on the wire: the parts, divided by spaces.
func (h ReceiptHandle) String() string {
	dst := make([]byte, 0, 96)
	dst = append(strconv.AppendInt(dst, h.StartOffset, 10), ' ')
	dst = append(strconv.AppendInt(dst, h.PopTime, 10), ' ')
	dst = append(strconv.AppendInt(dst, h.InvisibleMillis, 10), ' ')
	dst = append(strconv.AppendInt(dst, int64(h.ReviveQueueID), 10), ' ')
	dst = append(dst, h.Retry.digit(), ' ')
	dst = append(append(dst, h.BrokerName...), ' ')
	dst = append(strconv.AppendInt(dst, int64(h.QueueID), 10), ' ')
	return string(strconv.AppendInt(dst, h.Offset, 10))
}

// Changed returns the handle by which the message is acknowledged after r was answered
// to a ChangeInvisibleTime for h, which is worthless from then on. The message has a
// check point of its own then, which begins with it (MQClientAPIImpl.changeInvisibleTimeAsync
// of 5.5.0).
func (h ReceiptHandle) Changed(r ChangeInvisibleTimeResult) ReceiptHandle {
	h.PopTime, h.InvisibleMillis, h.ReviveQueueID = r.PopTime, r.InvisibleMillis, r.ReviveQueueID
	h.StartOffset = h.Offset
	return h
}

// handleParts is how many parts a handle has. A proxy adds one, the message's offset in
// the commit log.
const handleParts = 8

// ParseReceiptHandle reads a handle. A ninth part must be a number, and is left out.
func ParseReceiptHandle(text string) (ReceiptHandle, error) {
	var parts [handleParts + 1]string
	n := 0
	for rest, more := text, true; more; n++ {
		if n == len(parts) {
			return ReceiptHandle{}, malformed("receipt handle of more than %d parts", len(parts))
		}
		parts[n], rest, more = strings.Cut(rest, " ")
	}
	h := ReceiptHandle{BrokerName: parts[5]}
	var known bool
	h.Retry, known = parseRetryKind(parts[4])
	ok := known && h.BrokerName != ""
	number := func(part string, least, most int64) int64 {
		n, err := strconv.ParseInt(part, 10, 64)
		ok = ok && err == nil && n >= least && n <= most && part[0] != '+'
		return n
	}
	h.StartOffset = number(parts[0], 0, math.MaxInt64)
	h.PopTime = number(parts[1], 0, math.MaxInt64)
	h.InvisibleMillis = number(parts[2], math.MinInt64, math.MaxInt64)
	h.ReviveQueueID = int32(number(parts[3], 0, math.MaxInt32))
	h.QueueID = int32(number(parts[6], 0, math.MaxInt32))
	h.Offset = number(parts[7], 0, math.MaxInt64)
	if n > handleParts {
		number(parts[8], math.MinInt64, math.MaxInt64)
	}
	if !ok {
		return ReceiptHandle{}, malformed("receipt handle %q", clip([]byte(text)))
	}
	return h, nil
}
