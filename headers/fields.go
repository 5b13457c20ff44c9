package headers

import (
	"encoding/binary"
	"iter"
	"math"
	"strconv"
	"strings"
)

// FieldAppender is a typed header: it appends its ext fields. AppendFields must
// give the same bytes each time it is called with the same value.
type FieldAppender interface {
	AppendFields(dst []byte, s Serialization) []byte
}

// Request is a typed request header, which names its code as well.
type Request interface {
	FieldAppender
	RequestCode() RequestCode
}

// AppendField appends one ext field in the serialization s, or nothing if value
// is empty: a Java peer reads an empty value of a binary header as null, which
// breaks ACL signatures. In JSON the field is an object member, preceded by a
// comma when dst does not end in '{'. A name has at most 32767 bytes, which is
// not checked: names are the protocol's, not the user's.
func AppendField(dst []byte, s Serialization, name, value string) []byte {
	return appendField(dst, s, name, value)
}

// appendField is AppendField for values of either type.
func appendField[T string | []byte](dst []byte, s Serialization, name string, value T) []byte {
	if len(value) == 0 {
		return dst
	}
	if s == Binary {
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(name)))
		dst = append(dst, name...)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(value)))
		return append(dst, value...)
	}
	if len(dst) > 0 && dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	dst = appendJSONString(dst, name)
	dst = append(dst, ':')
	return appendJSONString(dst, value)
}

// AppendIntField appends an integer as the decimal string RocketMQ expects.
func AppendIntField(dst []byte, s Serialization, name string, value int64) []byte {
	var digits [20]byte
	return appendField(dst, s, name, strconv.AppendInt(digits[:0], value, 10))
}

// AppendBoolField appends "true" or "false".
func AppendBoolField(dst []byte, s Serialization, name string, value bool) []byte {
	if value {
		return AppendField(dst, s, name, "true")
	}
	return AppendField(dst, s, name, "false")
}

// Field is one ext field.
type Field struct{ Name, Value string }

// FieldList is a list of ext fields in the order they are written. It is the
// header of requests and responses that have no type of their own.
type FieldList []Field

// AppendFields appends the fields in order; fields with an empty value are left
// out.
func (l FieldList) AppendFields(dst []byte, s Serialization) []byte {
	for _, f := range l {
		dst = AppendField(dst, s, f.Name, f.Value)
	}
	return dst
}

// Fields are the ext fields of a decoded frame. They alias the frame: copy what
// is to outlive it. ParseFrame has checked their structure, so walking them
// cannot fail.
type Fields struct {
	raw           []byte
	serialization Serialization
}

// All walks the fields in wire order. The slices are valid until the next step
// of the walk or until the frame is reused, whichever comes first.
//
// It is small enough to be inlined, so that a loop over it allocates nothing.
func (f Fields) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		if f.serialization == Binary {
			walkBinaryFields(f.raw, yield)
		} else {
			walkJSONFields(f.raw, yield)
		}
	}
}

func walkBinaryFields(rest []byte, yield func(name, value []byte) bool) {
	for len(rest) > 0 {
		var name, value []byte
		var ok bool
		if name, value, rest, ok = cutBinaryField(rest); !ok {
			return
		}
		if !yield(name, value) {
			return
		}
	}
}

// cutBinaryField takes the first field off a binary header's ext block.
func cutBinaryField(raw []byte) (name, value, rest []byte, ok bool) {
	if len(raw) < 2 {
		return nil, nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(raw))
	if n > math.MaxInt16 || len(raw)-2 < n+4 {
		return nil, nil, nil, false
	}
	name, raw = raw[2:2+n], raw[2+n:]
	size := int64(binary.BigEndian.Uint32(raw))
	if size > math.MaxInt32 || int64(len(raw)-4) < size {
		return nil, nil, nil, false
	}
	return name, raw[4 : 4+size], raw[4+size:], true
}

// Get returns the value of the named field. When a name is there twice the last
// one counts, as in Java, where fields are a map. The value aliases the frame.
func (f Fields) Get(name string) (value []byte, ok bool) {
	for n, v := range f.All() {
		if string(n) == name {
			value, ok = v, true
		}
	}
	return value, ok
}

// String returns the value of the named field as a string of its own, empty if
// it is not there.
func (f Fields) String(name string) string {
	v, _ := f.Get(name)
	return string(v)
}

// Int returns the named field as an integer of the given size in bits. A field
// that is not there is 0 with ok false; one that is no number is an error.
func (f Fields) Int(name string, bits int) (value int64, ok bool, err error) {
	v, ok := f.Get(name)
	if !ok {
		return 0, false, nil
	}
	value, err = parseInt(name, v, bits)
	return value, err == nil, err
}

// Bool returns whether the named field is "true" in any case, as Java's
// Boolean.parseBoolean reads it.
func (f Fields) Bool(name string) bool {
	v, _ := f.Get(name)
	return parseBool(v)
}

func parseBool(value []byte) bool { return strings.EqualFold(string(value), "true") }

func parseInt32(name string, value []byte) (int32, error) {
	n, err := parseInt(name, value, 32)
	return int32(n), err
}

func parseInt64(name string, value []byte) (int64, error) { return parseInt(name, value, 64) }

// parseInt reads an integer field. Of name it keeps a copy only, so that the
// callers' conversions of names from the frame need no memory.
func parseInt(name string, value []byte, bits int) (int64, error) {
	n, err := strconv.ParseInt(string(value), 10, bits)
	if err != nil {
		return 0, malformed("field %s is %q, want a %d-bit integer", strings.Clone(name), clip(value), bits)
	}
	return n, nil
}

// clip shortens untrusted bytes for an error text.
func clip(b []byte) string {
	const most = 64
	if len(b) <= most {
		return string(b)
	}
	return string(b[:most]) + "..."
}
