package meter

import "encoding/binary"

// StampSize is how many bytes at the begin of a body hold the message's number.
const StampSize = 8

// Stamp writes a message's number into its body, which has StampSize bytes or more.
func Stamp(body []byte, number int64) { binary.BigEndian.PutUint64(body, uint64(number)) }

// number reads what Stamp wrote, -1 of a body that has no room for it.
func number(body []byte) int64 {
	if len(body) < StampSize {
		return -1
	}
	return int64(binary.BigEndian.Uint64(body))
}
