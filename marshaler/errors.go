package marshaler

import (
	"errors"
	"fmt"
)

// ErrReservedMetadata means that a metadata entry has the name under which the
// message's UUID travels.
var ErrReservedMetadata = errors.New("the name is reserved for the UUID of the message")

// MetadataError is a metadata entry that cannot be sent.
type MetadataError struct {
	Name string
	// Value is what an attribute may not be; of JoinKeys, the one key.
	Value string
	// Reason is ErrReservedMetadata, or ErrIllegalTag, ErrIllegalKeys or
	// ErrIllegalFlag for an attribute.
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

// The reasons of a TopicError.
var (
	ErrTopicEmpty    = errors.New("the name is empty")
	ErrTopicIllegal  = errors.New("the name has characters other than letters, digits and _-%|")
	ErrTopicTooLong  = errors.New("the name is too long")
	ErrTopicReserved = errors.New("the name is reserved by RocketMQ")
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
