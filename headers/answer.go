package headers

import (
	"encoding/binary"
	"math"
	"strconv"
)

// AppendAnswer is AppendResponse for a peer that plays a broker of another
// version: the header says version instead of this client's own. On error dst
// is returned as it was.
func AppendAnswer(dst []byte, s Serialization, version Version, opaque int32, code ResponseCode, remark string, fields FieldAppender, body []byte) ([]byte, error) {
	if version == Version5_5_0 {
		return AppendResponse(dst, s, opaque, code, remark, fields, body)
	}
	if int32(code) > math.MaxInt16 {
		s = JSON
	}
	start := len(dst)
	dst, err := AppendResponse(dst, s, opaque, code, remark, fields, nil)
	if err != nil {
		return dst, err
	}
	if s == Binary {
		// The version stands behind the code (2 bytes) and the language (1 byte).
		binary.BigEndian.PutUint16(dst[start+8+3:], uint16(version))
	} else {
		// The version is the last member of a JSON header that AppendResponse made.
		dst = dst[:len(dst)-len("}")]
		for dst[len(dst)-1] != ':' {
			dst = dst[:len(dst)-1]
		}
		dst = append(strconv.AppendInt(dst, int64(version), 10), '}')
	}
	header := len(dst) - start - 8
	if total := int64(4+header) + int64(len(body)); total > math.MaxInt32 {
		return dst[:start], ErrTooLarge
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(4+header+len(body)))
	binary.BigEndian.PutUint32(dst[start+4:], uint32(s)<<24|uint32(header))
	return append(dst, body...), nil
}
