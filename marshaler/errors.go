package marshaler

import (
	"errors"
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/body"
)

// MetadataError is a metadata entry that asks for a tag, keys or a flag which no
// message can have. All other metadata can be sent.
type MetadataError struct {
	Name string
	// Value is what an attribute may not be; of JoinKeys, the one key.
	Value string
	// Reason is ErrIllegalTag, ErrIllegalKeys or ErrIllegalFlag.
	Reason error
}

// Error names the entry and the reason.
func (e *MetadataError) Error() string {
	if e.Value == "" {
		return fmt.Sprintf("marshaler: metadata %q: %v", e.Name, e.Reason)
	}
	const most = 64
	return fmt.Sprintf("marshaler: metadata %q of %.*q: %v", e.Name, most, e.Value, e.Reason)
}

// Unwrap returns the reason.
func (e *MetadataError) Unwrap() error { return e.Reason }

// PropertiesTooLargeError is a message whose properties string is too long.
type PropertiesTooLargeError struct {
	Size  int // bytes, with UNIQ_KEY
	Limit int // bytes
}

// Error has both sizes and says where they come from.
func (e *PropertiesTooLargeError) Error() string {
	return fmt.Sprintf("marshaler: the metadata and UUID take %d bytes as message properties, the limit is %d: shorten the metadata or move it to the payload", e.Size, e.Limit)
}

// The reasons of a BodyError; headers.ErrMalformed is the fourth: the body is not
// what its system flag says.
var (
	// ErrBodyTooLarge means that a body is larger than allowed once it is
	// decompressed.
	ErrBodyTooLarge = body.ErrInflatedTooLarge
	// ErrCompressionType means that the system flag names a compression that does not
	// exist.
	ErrCompressionType = body.ErrCompressionType
	// ErrDecompressedUnset means that MessageExt.Decompressed is none of its values.
	ErrDecompressedUnset = errors.New("MessageExt.Decompressed does not say which bodies the client decompresses")
)

// BodyError is a body that cannot be decompressed.
type BodyError struct {
	SysFlag int32
	Size    int // of the body as it came, in bytes
	Limit   int // for the decompressed body, in bytes
	// Reason wraps ErrBodyTooLarge, ErrCompressionType, ErrDecompressedUnset or
	// headers.ErrMalformed.
	Reason error
}

// Error has size and system flag and gives the reason.
func (e *BodyError) Error() string {
	return fmt.Sprintf("marshaler: body of %d bytes with system flag %#x: %v", e.Size, e.SysFlag, e.Reason)
}

// Unwrap returns the reason.
func (e *BodyError) Unwrap() error { return e.Reason }

// The reasons of a TopicError.
var (
	ErrTopicEmpty    = errors.New("the name is empty")
	ErrTopicIllegal  = errors.New("the name has characters other than letters, digits and _-%|")
	ErrTopicTooLong  = errors.New("the name is too long")
	ErrTopicReserved = errors.New("the name is reserved by RocketMQ")
	// ErrTopicNotInNamespace means that the name is one that RocketMQ's clients do not
	// put into a namespace: it begins with the namespace already, or with the prefix of
	// RocketMQ's own groups.
	ErrTopicNotInNamespace = errors.New("the name would not be put into the namespace")
	// ErrTopicJoined means that another topic would have the same name in RocketMQ.
	ErrTopicJoined = errors.New("another topic has the same name in RocketMQ, or would have it")
	// ErrTopicNotInTable means that a TopicTable without others does not have the name.
	ErrTopicNotInTable = errors.New("the name is not in the table of topics")
	// ErrTopicNotMapped means that a RocketMQ topic looks like the work of
	// EscapeTopics, but is not, or cannot be read back without the property
	// that holds the original name.
	ErrTopicNotMapped = errors.New("no original name can be found for it")
)

// TopicError is a topic name that cannot be used.
type TopicError struct {
	Topic  string
	Reason error // one of ErrTopicEmpty, ErrTopicIllegal and so on
}

// Error quotes the name, cut if it is very long, and gives the reason.
func (e *TopicError) Error() string {
	const most = 256
	if len(e.Topic) > most {
		return fmt.Sprintf("marshaler: topic %q... (%d bytes): %v", e.Topic[:most], len(e.Topic), e.Reason)
	}
	return fmt.Sprintf("marshaler: topic %q: %v", e.Topic, e.Reason)
}

// Unwrap returns the reason.
func (e *TopicError) Unwrap() error { return e.Reason }

// reasonOf returns the reason of a *TopicError, nil of nil.
func reasonOf(err error) error {
	var topic *TopicError
	if errors.As(err, &topic) {
		return topic.Reason
	}
	return err
}
