package headers

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"strconv"
)

// BatchAck is the request BATCH_ACK_MESSAGE, which brokers know from 5.1.3 on. It has no
// fields: what it says is in the body, see BatchAckData.
type BatchAck struct{}

// RequestCode is BATCH_ACK_MESSAGE.
func (BatchAck) RequestCode() RequestCode { return CodeBatchAckMessage }

// AppendFields appends nothing.
func (BatchAck) AppendFields(dst []byte, _ Serialization) []byte { return dst }

// BatchAckData is the body of BATCH_ACK_MESSAGE, as JSON (BatchAckMessageRequestBody of
// 5.5.0). A broker takes the entries one after the other. One that is wrong ends the
// request with SYSTEM_ERROR: those before it are done, those behind it are not.
type BatchAckData struct {
	// BrokerName is the one in the handles. A 5.5.0 broker of another name answers
	// Success and does nothing.
	BrokerName string
	Entries    []BatchAckEntry
}

// BatchAckEntry acknowledges messages of one check point, that is, of one queue of one
// pop (org.apache.rocketmq.remoting.protocol.body.BatchAck of 5.5.0). Its fields are
// those of the messages' handles.
type BatchAckEntry struct {
	ConsumerGroup string
	// Topic is the one that was asked for, whatever Retry is: the broker puts together the
	// topic that has the messages.
	Topic           string
	Retry           RetryKind
	StartOffset     int64
	QueueID         int32
	ReviveQueueID   int32
	PopTime         int64
	InvisibleMillis int64
	// Offsets are those of the messages, less StartOffset.
	Offsets OffsetSet
}

// OffsetSet is a set of small numbers: bit i%8 of byte i/8 stands for i, as in
// java.util.BitSet. The zero value is empty.
type OffsetSet []byte

// MaxOffsetInSet is the largest number that an OffsetSet takes: it bounds what a number
// makes a broker allocate. A message further behind the start of its check point, with
// those between them filtered out, has to be acknowledged alone.
const MaxOffsetInSet = 1<<16 - 1

// Add puts n into the set. It reports false, and does nothing, if n is negative or more
// than MaxOffsetInSet.
func (s *OffsetSet) Add(n int64) bool {
	if n < 0 || n > MaxOffsetInSet {
		return false
	}
	for int64(len(*s)) <= n/8 {
		*s = append(*s, 0)
	}
	(*s)[n/8] |= 1 << (n % 8)
	return true
}

// Len is how many numbers are in the set.
func (s OffsetSet) Len() int {
	n := 0
	for _, b := range s {
		n += bits.OnesCount8(b)
	}
	return n
}

// All walks the numbers of the set, the least first.
func (s OffsetSet) All() iter.Seq[int64] {
	return func(yield func(int64) bool) {
		for i, b := range s {
			for ; b != 0; b &= b - 1 {
				if !yield(int64(i)*8 + int64(bits.TrailingZeros8(b))) {
					return
				}
			}
		}
	}
}

// Encode returns the body's bytes, in the form that BitSetSerializerDeserializer of
// 5.5.0 reads: the bits are standard Base64 with padding.
func (d *BatchAckData) Encode() []byte {
	const entrySize = 192 // of most
	dst := make([]byte, 0, 64+len(d.Entries)*entrySize)
	dst = append(dst, '{')
	if d.BrokerName != "" {
		dst = append(dst, `"brokerName":`...)
		dst = append(appendJSONString(dst, d.BrokerName), ',')
	}
	dst = append(dst, `"acks":[`...)
	for i := range d.Entries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = d.Entries[i].append(dst)
	}
	return append(dst, "]}"...)
}

func (e *BatchAckEntry) append(dst []byte) []byte {
	dst = appendJSONString(append(dst, `{"c":`...), e.ConsumerGroup)
	dst = appendJSONString(append(dst, `,"t":`...), e.Topic)
	dst = append(append(dst, `,"r":"`...), e.Retry.digit())
	dst = strconv.AppendInt(append(dst, `","so":`...), e.StartOffset, 10)
	dst = strconv.AppendInt(append(dst, `,"q":`...), int64(e.QueueID), 10)
	dst = strconv.AppendInt(append(dst, `,"rq":`...), int64(e.ReviveQueueID), 10)
	dst = strconv.AppendInt(append(dst, `,"pt":`...), e.PopTime, 10)
	dst = strconv.AppendInt(append(dst, `,"it":`...), e.InvisibleMillis, 10)
	dst = base64.StdEncoding.AppendEncode(append(dst, `,"b":"`...), e.Offsets)
	return append(dst, `"}`...)
}

// ParseBatchAckData reads the body of a BATCH_ACK_MESSAGE. An entry of an unknown retry
// kind, without offsets or with offsets out of range is malformed. A broker does those
// before it, so the result has these beside the error. The result owns its memory.
func ParseBatchAckData(body []byte) (BatchAckData, error) {
	var wire struct {
		BrokerName string `json:"brokerName"`
		Acks       []struct {
			ConsumerGroup string `json:"c"`
			Topic         string `json:"t"`
			Retry         string `json:"r"`
			StartOffset   int64  `json:"so"`
			QueueID       int32  `json:"q"`
			ReviveQueueID int32  `json:"rq"`
			PopTime       int64  `json:"pt"`
			Invisible     int64  `json:"it"`
			Bits          []byte `json:"b"`
		} `json:"acks"`
	}
	if err := json.Unmarshal(body, &wire); err != nil {
		return BatchAckData{}, fmt.Errorf("headers: %w: batch ack: %w", ErrMalformed, err)
	}
	d := BatchAckData{BrokerName: wire.BrokerName}
	for i := range wire.Acks {
		w := &wire.Acks[i]
		kind, known := parseRetryKind(w.Retry)
		e := BatchAckEntry{
			ConsumerGroup: w.ConsumerGroup, Topic: w.Topic, Retry: kind, StartOffset: w.StartOffset, QueueID: w.QueueID,
			ReviveQueueID: w.ReviveQueueID, PopTime: w.PopTime, InvisibleMillis: w.Invisible, Offsets: w.Bits,
		}
		inRange := e.StartOffset >= 0 && e.StartOffset <= math.MaxInt64-MaxOffsetInSet && len(e.Offsets)*8 <= MaxOffsetInSet+1
		if !known || !inRange || e.Offsets.Len() == 0 {
			return d, malformed("batch ack: entry %d", i)
		}
		d.Entries = append(d.Entries, e)
	}
	return d, nil
}
