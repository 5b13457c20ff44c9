package commitlog

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

const (
	// blankSize is the least room that a file has left at its end, for the record that says
	// so (CommitLog.END_FILE_MIN_BLANK_LENGTH).
	blankSize = 8
	// blankMagic marks it (CommitLog.BLANK_MAGIC_CODE).
	blankMagic = 0xCBD43194
	// leastRecord is the size of a message without a body and properties, and a topic of a
	// byte.
	leastRecord = 92
)

// errEnd says that nothing was ever written here.
var errEnd = errors.New("the end of the log")

// header is how a record begins.
type header struct {
	size  int64
	blank bool // there is no other record in this file
}

// parseHeader looks at the first bytes of a record with room for so many. It fails with
// errEnd for zeros.
func parseHeader(b []byte, room int64) (header, error) {
	size, magic := int64(int32(binary.BigEndian.Uint32(b))), binary.BigEndian.Uint32(b[4:])
	switch {
	case size == 0 && magic == 0:
		return header{}, errEnd
	case magic == blankMagic && size == room:
		return header{size: size, blank: true}, nil
	case size < leastRecord || size > room-blankSize:
		return header{}, fmt.Errorf("a record of %d bytes where there is room for %d", size, room-blankSize)
	}
	return header{size: size}, nil
}

// parseRecord decodes a whole record, which is to lie at an offset, and checks what a broker
// checks of it when it opens its folder (CommitLog.checkMessageAndReturnSize): the size, the
// magic, and the checksum of the body. Its own offset is checked besides, since there may be
// old records behind the end. topic is the name that it probably has.
func parseRecord(b []byte, offset int64, topic string) (body.StoredMessage, error) {
	m, _, err := body.ParseStoredFrom(topic, b)
	if err != nil {
		return m, err
	}
	switch {
	case m.CommitLogOffset != offset:
		return m, fmt.Errorf("a record that says it is at %d", m.CommitLogOffset)
	case m.Topic == "":
		return m, errors.New("a record without a topic")
	case m.BodyCRC != body.BodyChecksum(m.Body):
		return m, errors.New("a body that does not have the checksum of its record")
	}
	return m, nil
}

// appendBlank appends the record that ends a file with room for so many bytes.
func appendBlank(dst []byte, room int64) []byte {
	dst = binary.BigEndian.AppendUint32(dst, uint32(room))
	return binary.BigEndian.AppendUint32(dst, blankMagic)
}
