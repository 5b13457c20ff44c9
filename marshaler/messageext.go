package marshaler

import (
	"maps"
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// DefaultMaxBodySize is the largest body, in bytes, that is decompressed unless told
// otherwise.
const DefaultMaxBodySize = 64 << 20

// Decompressed says which bodies a client decompresses before it hands its messages
// out. It has to be told, because the message itself does not show what was done to
// its body: rocketmq-client-go, for one, keeps the system flag of all of them.
type Decompressed int

const (
	// DecompressedNone is for bodies as the broker stored them: those of the embedded
	// broker, and of whoever reads the answer to a pull by himself.
	DecompressedNone Decompressed = iota + 1
	// DecompressedZlib is for clients that know zlib only: rocketmq-client-go v2,
	// and Java clients before 4.9.4. A body that rocketmq-client-go could not
	// decompress it hands out as it is, and nobody can tell: the payload is then the
	// compressed bytes.
	DecompressedZlib
	// DecompressedAll is for clients that know all compressions: the Java client
	// from 4.9.4 on, and the clients of RocketMQ 5, which have no system flag.
	DecompressedAll
)

// MessageExt is a message as a consumer holds it, of whatever client (MessageExt of
// the Java client and rocketmq-client-go, MessageView of the clients of RocketMQ 5).
type MessageExt struct {
	// Topic is RocketMQ's name of the topic, without a namespace.
	Topic string
	// Body is compressed or not, as SysFlag and Decompressed say.
	Body []byte
	// SysFlag is the message's system flag, which says how Body was compressed when it
	// was stored. A client that has none leaves it 0: the body is not compressed.
	SysFlag int32
	// Decompressed says what the client has done to Body. It must be set.
	Decompressed Decompressed
	// Flag is the producer's free number.
	Flag int32
	// Properties with those of the producer, the broker and the client, in any order.
	// ParseProperties and PropertiesOf make them of other forms.
	Properties []headers.Property
}

// Message returns the RocketMQ message, its body decompressed. Its Body aliases m's
// unless it was compressed, its Properties are m's.
//
// limit is the most bytes that a body may have once it is decompressed; zero or less
// is DefaultMaxBodySize. A body that is not compressed may have any size. If the
// body cannot be had, the error is a *BodyError, and the message is there without a
// body.
func (m MessageExt) Message(limit int) (Message, error) {
	out := Message{Properties: m.Properties, Flag: m.Flag}
	if limit <= 0 {
		limit = DefaultMaxBodySize
	}
	sysFlag, err := m.compression()
	if err == nil {
		out.Body, err = body.Decompress(m.Body, sysFlag, limit)
	}
	if err != nil {
		return out, &BodyError{SysFlag: m.SysFlag, Size: len(m.Body), Limit: limit, Reason: err}
	}
	return out, nil
}

// compression returns the system flag of the body as it is.
func (m MessageExt) compression() (int32, error) {
	switch m.Decompressed {
	case DecompressedNone:
		return m.SysFlag, nil
	case DecompressedZlib:
		if c, err := body.CompressionOf(m.SysFlag); err == nil && c == body.Zlib {
			return m.SysFlag &^ headers.SysFlagCompressed, nil
		}
		return m.SysFlag, nil
	case DecompressedAll:
		return m.SysFlag &^ headers.SysFlagCompressed, nil
	default:
		return 0, ErrDecompressedUnset
	}
}

// ParseProperties takes a properties string apart, the form in which a broker stores
// properties. Entries that are none, without a name or a value, are left out, as Java
// does. Names and values are parts of raw.
func ParseProperties(raw string) []headers.Property {
	if raw == "" {
		return nil
	}
	list := make([]headers.Property, 0, mostProperties(raw))
	for name, value := range headers.StringProperties(raw) {
		list = append(list, headers.Property{Name: name, Value: value})
	}
	return list
}

// mostProperties is the most properties that a properties string can have.
func mostProperties(raw string) int {
	const shortest = 4 // a name and a value of one byte each, and what ends them
	return min(strings.Count(raw, "\x02")+1, len(raw)/shortest+1)
}

// PropertiesOf returns properties that are held as a map, sorted by name.
func PropertiesOf(properties map[string]string) []headers.Property {
	list := make([]headers.Property, 0, len(properties))
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		list = append(list, headers.Property{Name: name, Value: properties[name]})
	}
	return list
}
