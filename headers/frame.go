package headers

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strconv"
)

const (
	// FrameLengthSize is the size of the length that opens a frame.
	FrameLengthSize = 4
	// MaxFrameSize is the largest frame, length included, that a RocketMQ peer
	// takes by default: com.rocketmq.remoting.frameMaxLength, NettyDecoder of
	// 4.9.7 and 5.5.0. A larger one makes it close the connection.
	MaxFrameSize = 16 << 20

	maxHeaderSize   = 1<<24 - 1
	binaryFixedSize = 21

	flagResponse = 1
	flagOneway   = 2
)

// Command is one decoded frame, a request or an answer (RemotingCommand). It
// aliases the frame it was parsed from: Remark, Fields and Body are valid as
// long as those bytes are.
type Command struct {
	// Code is a RequestCode in a request and a ResponseCode in an answer.
	Code int32
	// Flag holds the response and oneway bits.
	Flag int32
	// Opaque pairs an answer with its request. Each side counts its own
	// requests, so look at IsResponse first.
	Opaque        int32
	Language      Language
	Version       Version
	Serialization Serialization
	Remark        []byte
	Fields        Fields
	Body          []byte
}

// IsResponse reports whether the command is an answer.
func (c *Command) IsResponse() bool { return c.Flag&flagResponse != 0 }

// IsOneway reports whether the command is a request that must not be answered.
func (c *Command) IsOneway() bool { return c.Flag&flagOneway != 0 }

// Successful is for who wants no answer but a successful one. It returns what a call
// came to, with the answer's Err where the call has none of its own:
//
//	answer, err := headers.Successful(client.Invoke(ctx, addr, r, body))
func Successful(answer Command, err error) (Command, error) {
	if err == nil {
		err = answer.Err()
	}
	return answer, err
}

// Err returns nil for an answer with code Success and a *StatusError for all
// others. A long remark is cut. A remark beside code 0 means nothing: brokers send "not set any
// response code" with some successes.
func (c *Command) Err() error {
	if code := ResponseCode(c.Code); code != Success {
		return &StatusError{Code: code, Remark: cutRemark(c.Remark)}
	}
	return nil
}

// FrameSize checks the length that opens a frame against most, the largest
// frame that is accepted, and returns the number of bytes that follow it. It
// comes before any allocation: the four bytes are not to be trusted.
func FrameSize(length [FrameLengthSize]byte, most int) (int, error) {
	n := int32(binary.BigEndian.Uint32(length[:]))
	if n < FrameLengthSize {
		return 0, malformed("frame length %d, want at least %d%s", n, FrameLengthSize, guessPeer(length))
	}
	if int64(n)+FrameLengthSize > int64(most) {
		return 0, malformed("frame length %d is over the limit of %d%s", n, most-FrameLengthSize, guessPeer(length))
	}
	return int(n), nil
}

// guessPeer turns a nonsense length into a diagnosis where the four bytes are
// the well-known start of something else.
func guessPeer(length [FrameLengthSize]byte) string {
	switch {
	case string(length[:]) == "HTTP":
		return " (an HTTP server answered: wrong port?)"
	case string(length[:]) == "SSH-":
		return " (an SSH server answered: wrong port?)"
	case length[0] == 0x15 || length[0] == 0x16:
		if length[1] == 3 {
			return " (a TLS record: the peer speaks TLS)"
		}
	}
	return ""
}

// ParseFrame decodes what follows a frame's length. The Command aliases frame.
func ParseFrame(frame []byte) (Command, error) {
	if len(frame) < 4 {
		return Command{}, malformed("frame of %d bytes has no header length", len(frame))
	}
	word := binary.BigEndian.Uint32(frame)
	size := int(word & maxHeaderSize)
	c := Command{Serialization: Serialization(word >> 24), Language: LanguageUnknown}
	if size > len(frame)-4 {
		return Command{}, malformed("header length %d in a frame of %d bytes", size, len(frame))
	}
	header := frame[4 : 4+size]
	if body := frame[4+size:]; len(body) > 0 {
		c.Body = body
	}
	var err error
	switch c.Serialization {
	case JSON:
		err = parseJSONHeader(&c, header)
	case Binary:
		err = parseBinaryHeader(&c, header)
	default:
		err = malformed("serialization type %d is not known", byte(c.Serialization))
	}
	if err != nil {
		return Command{}, err
	}
	return c, nil
}

// parseBinaryHeader fills c from a header in RocketMQ's own serialization
// (RocketMQSerializable.rocketMQProtocolDecode).
func parseBinaryHeader(c *Command, h []byte) error {
	if len(h) < binaryFixedSize {
		return malformed("binary header of %d bytes, want at least %d", len(h), binaryFixedSize)
	}
	c.Code = int32(int16(binary.BigEndian.Uint16(h)))
	c.Language = Language(h[2])
	c.Version = Version(int16(binary.BigEndian.Uint16(h[3:])))
	c.Opaque = int32(binary.BigEndian.Uint32(h[5:]))
	c.Flag = int32(binary.BigEndian.Uint32(h[9:]))
	remark, rest, ok := cutBinaryBlock(h[13:])
	if !ok {
		return malformed("binary header: remark runs past the end")
	}
	if len(remark) > 0 {
		c.Remark = remark
	}
	ext, rest, ok := cutBinaryBlock(rest)
	if !ok {
		return malformed("binary header: ext fields run past the end")
	}
	if len(rest) > 0 {
		return malformed("binary header: %d bytes after its end", len(rest))
	}
	for walk := ext; len(walk) > 0; {
		if _, _, walk, ok = cutBinaryField(walk); !ok {
			return malformed("binary header: ext field runs past the end")
		}
	}
	c.Fields = Fields{raw: ext, serialization: Binary}
	return nil
}

// cutBinaryBlock takes a 32-bit length and as many bytes off b.
func cutBinaryBlock(b []byte) (block, rest []byte, ok bool) {
	if len(b) < 4 {
		return nil, nil, false
	}
	n := int64(binary.BigEndian.Uint32(b))
	if n > math.MaxInt32 || n > int64(len(b)-4) {
		return nil, nil, false
	}
	return b[4 : 4+n], b[4+n:], true
}

// BodyAppender is a Request whose body is in parts, so that it is put together in its
// frame and nowhere else.
type BodyAppender interface {
	Request
	// BodySize is the number of bytes that AppendBody appends.
	BodySize() int
	AppendBody(dst []byte) []byte
}

// AppendRequest appends a whole request frame. A request of InJSON, and a code that
// the binary header's signed 16 bits do not hold, is written with a JSON header. Where
// body is nil, a BodyAppender appends its own. On error dst is returned as it was.
func AppendRequest(dst []byte, s Serialization, opaque int32, oneway bool, r Request, body []byte) ([]byte, error) {
	var flag int32
	if oneway {
		flag = flagOneway
	}
	s = serializationOf(r, s)
	if body == nil {
		if parts, ok := r.(BodyAppender); ok {
			dst, err := appendHeader(dst, s, int32(r.RequestCode()), flag, opaque, Version5_5_0, "", r, parts.BodySize())
			if err != nil {
				return dst, err
			}
			return parts.AppendBody(dst), nil
		}
	}
	return appendFrame(dst, s, int32(r.RequestCode()), flag, opaque, Version5_5_0, "", r, body)
}

// AppendResponse appends a whole answer frame, of a code too large for a binary
// header with a JSON one, as AppendRequest does. fields may be nil. On error dst
// is returned as it was.
func AppendResponse(dst []byte, s Serialization, opaque int32, code ResponseCode, remark string, fields FieldAppender, body []byte) ([]byte, error) {
	return appendFrame(dst, s, int32(code), flagResponse, opaque, Version5_5_0, remark, fields, body)
}

// AppendAnswer is AppendResponse for a peer that plays a broker of another
// version: the header says version instead of this client's own.
func AppendAnswer(dst []byte, s Serialization, version Version, opaque int32, code ResponseCode, remark string, fields FieldAppender, body []byte) ([]byte, error) {
	return appendFrame(dst, s, int32(code), flagResponse, opaque, version, remark, fields, body)
}

func appendFrame(dst []byte, s Serialization, code, flag, opaque int32, version Version, remark string, fields FieldAppender, body []byte) ([]byte, error) {
	dst, err := appendHeader(dst, s, code, flag, opaque, version, remark, fields, len(body))
	if err != nil {
		return dst, err
	}
	return append(dst, body...), nil
}

// appendHeader appends the frame of a body of that size up to the body. On error dst is
// returned as it was.
func appendHeader(dst []byte, s Serialization, code, flag, opaque int32, version Version, remark string, fields FieldAppender, body int) ([]byte, error) {
	if s > Binary {
		return dst, fmt.Errorf("headers: %s is not known", s)
	}
	if code != int32(int16(code)) {
		s = JSON
	}
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0) // the two lengths, put in below
	if s == Binary {
		dst = appendBinaryHeader(dst, code, flag, opaque, version, remark, fields)
	} else {
		dst = appendJSONHeader(dst, code, flag, opaque, version, remark, fields)
	}
	header := len(dst) - start - 8
	if header > maxHeaderSize {
		return dst[:start], fmt.Errorf("headers: %w: header of %d bytes, limit %d", ErrTooLarge, header, maxHeaderSize)
	}
	if total := int64(4+header) + int64(body); total > math.MaxInt32 {
		return dst[:start], fmt.Errorf("headers: %w: frame of %d bytes", ErrTooLarge, total)
	}
	binary.BigEndian.PutUint32(dst[start:], uint32(4+header+body))
	binary.BigEndian.PutUint32(dst[start+4:], uint32(s)<<24|uint32(header))
	return slices.Grow(dst, body), nil
}

func appendBinaryHeader(dst []byte, code, flag, opaque int32, version Version, remark string, fields FieldAppender) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	dst = append(dst, byte(LanguageGo))
	dst = binary.BigEndian.AppendUint16(dst, uint16(version))
	dst = binary.BigEndian.AppendUint32(dst, uint32(opaque))
	dst = binary.BigEndian.AppendUint32(dst, uint32(flag))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(remark)))
	dst = append(dst, remark...)
	ext := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	if fields != nil {
		dst = fields.AppendFields(dst, Binary)
	}
	binary.BigEndian.PutUint32(dst[ext:], uint32(len(dst)-ext-4))
	return dst
}

func appendJSONHeader(dst []byte, code, flag, opaque int32, version Version, remark string, fields FieldAppender) []byte {
	dst = append(dst, `{"code":`...)
	dst = strconv.AppendInt(dst, int64(code), 10)
	if fields != nil {
		dst = append(dst, `,"extFields":{`...)
		dst = fields.AppendFields(dst, JSON)
		dst = append(dst, '}')
	}
	dst = append(dst, `,"flag":`...)
	dst = strconv.AppendInt(dst, int64(flag), 10)
	dst = append(dst, `,"language":"`...)
	dst = append(dst, LanguageGo.String()...)
	dst = append(dst, `","opaque":`...)
	dst = strconv.AppendInt(dst, int64(opaque), 10)
	if remark != "" {
		dst = append(dst, `,"remark":`...)
		dst = appendJSONString(dst, remark)
	}
	dst = append(dst, `,"serializeTypeCurrentRPC":"JSON","version":`...)
	dst = strconv.AppendInt(dst, int64(version), 10)
	return append(dst, '}')
}
