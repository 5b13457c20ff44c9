package peers

import (
	"bytes"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

var (
	codeField   = []byte(`{"code":0,`)
	opaqueField = []byte(`"opaque":`)
)

// answered returns the opaque number of an answer, and as refusal what it says if
// its code is not 0. Of a success with a JSON header, as 5.x writes it, no more is read than
// needed: the list of ids before the number is long.
func answered(frame []byte) (opaque int32, refusal, err error) {
	if len(frame) > 4 && headers.Serialization(frame[0]) == headers.JSON && bytes.HasPrefix(frame[4:], codeField) {
		if opaque, ok := lastNumber(frame); ok {
			return opaque, nil, nil
		}
	}
	command, err := headers.ParseFrame(frame)
	if err != nil {
		return 0, nil, fmt.Errorf("peers: raw: %w", err)
	}
	return command.Opaque, command.Err(), nil
}

// lastNumber reads the digits behind the last opaque field.
func lastNumber(frame []byte) (int32, bool) {
	at := bytes.LastIndex(frame, opaqueField)
	if at < 0 {
		return 0, false
	}
	var n int32
	digits := frame[at+len(opaqueField):]
	for i, c := range digits {
		if c < '0' || c > '9' {
			return n, i > 0 && i < 10
		}
		n = n*10 + int32(c-'0')
	}
	return 0, false
}
