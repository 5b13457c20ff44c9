package marshaler

import (
	"github.com/ThreeDotsLabs/watermill/message"
)

// Reader makes Watermill messages of what a consumer holds. The zero value reads
// what a Publisher with the default Marshaler and Topics has sent, and messages of
// others as well as it can. It may be copied, and is safe for concurrent use if its
// parts are.
type Reader struct {
	// Unmarshaler makes the message; nil is Default.
	Unmarshaler Unmarshaler
	// Topics finds Watermill's name of the topic; nil is EscapeTopics.
	Topics TopicMapper
	// MaxBodySize is the largest body, in bytes, that is decompressed; zero or less is
	// DefaultMaxBodySize.
	MaxBodySize int
}

// Read returns the Watermill message and its topic, by Watermill's name. A topic that
// Topics has no name for keeps its own. The payload may alias ext.Body, and the
// message's context is the background.
//
// An error is a *BodyError, or one of the Unmarshaler's; the topic is there all the
// same.
func (r Reader) Read(ext MessageExt) (topic string, msg *message.Message, err error) {
	topic = r.topic(ext)
	plain, err := ext.Message(r.MaxBodySize)
	if err != nil {
		return topic, nil, err
	}
	unmarshaler := r.Unmarshaler
	if unmarshaler == nil {
		unmarshaler = Default{}
	}
	msg, err = unmarshaler.Unmarshal(topic, plain)
	if err != nil {
		return topic, nil, err
	}
	return topic, msg, nil
}

func (r Reader) topic(ext MessageExt) string {
	topics := r.Topics
	if topics == nil {
		topics = EscapeTopics{}
	}
	if topic, err := topics.UnmapTopic(ext.Topic, ext.Properties); err == nil {
		return topic
	}
	return ext.Topic
}
