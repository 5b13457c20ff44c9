package body

import (
	"encoding/binary"
	"fmt"
	"iter"
	"math"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// batchFixedSize is what a message of a batch takes beside body and properties.
const batchFixedSize = 4*5 + 2

// BatchMessage is one message of a batch body.
type BatchMessage struct {
	// Flag is the producer's free number.
	Flag int32
	Body []byte
	// Properties is a properties string, see headers.AppendProperty. Brokers add
	// nothing to it: UNIQ_KEY, KEYS and TAGS have to be in it.
	Properties []byte
}

// BatchMessageSize is the number of bytes AppendBatchMessage adds.
func BatchMessageSize(body, properties []byte) int {
	return batchFixedSize + len(body) + len(properties)
}

// AppendBatchMessage appends one message to a batch body, the body of a send
// whose Batch field is set (MessageDecoder.encodeMessage of 5.5.0). It fails with
// headers.ErrTooLarge when the properties or the whole do not fit their length
// fields; dst is then returned as it was.
func AppendBatchMessage(dst []byte, flag int32, body, properties []byte) ([]byte, error) {
	size := int64(batchFixedSize) + int64(len(body)) + int64(len(properties))
	if err := checkBatchMessage(size, len(properties)); err != nil {
		return dst, err
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(size))
	dst = binary.BigEndian.AppendUint32(dst, 0) // magic number, not used
	dst = binary.BigEndian.AppendUint32(dst, 0) // body CRC, not used
	dst = binary.BigEndian.AppendUint32(dst, uint32(flag))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(body)))
	dst = append(dst, body...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(properties)))
	return append(dst, properties...), nil
}

// batchHeadSize is what stands before the body of a message in a batch.
const batchHeadSize = 4 * 5

// BeginBatchMessage appends the room for what stands before a body in a batch. The body
// and what MiddleBatchMessage adds follow, then the properties, and EndBatchMessage.
func BeginBatchMessage(dst []byte) []byte {
	return append(dst, make([]byte, batchHeadSize)...)
}

// MiddleBatchMessage appends the room for what stands between body and properties.
func MiddleBatchMessage(dst []byte) []byte { return append(dst, 0, 0) }

// EndBatchMessage completes the message that fills m and has been begun there, with
// a body of that size. It fails with headers.ErrTooLarge when the properties or the whole
// do not fit their length fields.
func EndBatchMessage(m []byte, flag int32, bodySize int) error {
	properties := len(m) - batchFixedSize - bodySize
	if err := checkBatchMessage(int64(len(m)), properties); err != nil {
		return err
	}
	binary.BigEndian.PutUint32(m, uint32(len(m)))
	binary.BigEndian.PutUint32(m[12:], uint32(flag))
	binary.BigEndian.PutUint32(m[16:], uint32(bodySize))
	binary.BigEndian.PutUint16(m[batchHeadSize+bodySize:], uint16(properties))
	return nil
}

// SplitBatchMessage returns the parts of a message that stands in a batch as
// AppendBatchMessage and EndBatchMessage write it, without a check. They alias m.
func SplitBatchMessage(m []byte) BatchMessage {
	size := int(binary.BigEndian.Uint32(m[16:]))
	end := batchHeadSize + size
	return BatchMessage{Flag: int32(binary.BigEndian.Uint32(m[12:])), Body: m[batchHeadSize:end:end], Properties: m[end+2 : len(m) : len(m)]}
}

// checkBatchMessage holds a message of that size against its length fields.
func checkBatchMessage(size int64, properties int) error {
	if size > math.MaxInt32 || properties > headers.MaxPropertiesSize {
		return fmt.Errorf("body: batch message: %w: %d bytes, properties %d", headers.ErrTooLarge, size, properties)
	}
	return nil
}

// BatchMessages walks a batch body. The slices of a message alias batch. The
// walk ends at the first message that is malformed, with its error. Like brokers
// do, it goes by the lengths of the parts and passes over the size of the whole.
func BatchMessages(batch []byte) iter.Seq2[BatchMessage, error] {
	return func(yield func(BatchMessage, error) bool) {
		r := reader{buf: batch}
		for index := 0; len(r.buf) > 0; index++ {
			var m BatchMessage
			r.bytes(4 * 3) // size, magic number, body CRC
			m.Flag = r.int32()
			m.Body = r.bytes(int64(r.int32()))
			m.Properties = r.bytes(int64(r.int16()))
			if r.failed {
				yield(BatchMessage{}, fmt.Errorf("body: batch message %d: %w: a part runs past the end", index, headers.ErrMalformed))
				return
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// ParseBatch returns the messages of a batch body. They alias batch.
func ParseBatch(batch []byte) ([]BatchMessage, error) {
	var messages []BatchMessage
	for m, err := range BatchMessages(batch) {
		if err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	return messages, nil
}
