// Package keys knows by which keys messages are found, and finds them.
package keys

import (
	"bytes"
	"iter"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// tagType goes before a tag that is a key (MessageConst.INDEX_TAG_TYPE).
const tagType = "T#"

// Of yields what a message is found by (IndexService.buildIndex): its unique id, each word
// of its keys, and with tags its tag as [Tag] has it, as 5.5.0 does and 5.3.3 does not. A key
// that is there twice is yielded twice.
func Of(properties []byte, tags bool) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var id, words, tag []byte
		for name, value := range headers.Properties(properties) {
			switch string(name) { // the last one counts, as in Java's map
			case headers.PropertyUniqueKey:
				id = value
			case headers.PropertyKeys:
				words = value
			case headers.PropertyTags:
				tag = value
			}
		}
		if id != nil && !yield(id) {
			return
		}
		for word := range bytes.SplitSeq(words, []byte(" ")) {
			if len(word) > 0 && !yield(word) {
				return
			}
		}
		if tags && tag != nil {
			yield(append([]byte(tagType), tag...))
		}
	}
}

// Tag is the key of a tag.
func Tag(tag string) string { return tagType + tag }

// Hash is what a key of a message in a topic is found by: that of TOPIC#KEY, not negative
// (IndexService.buildKey, IndexFile.indexKeyHashMethod).
func Hash(topic, key string) int32 { return hashOf(seed(topic), []byte(key)) }

// seed is the hash of a topic and what comes between it and a key.
func seed(topic string) int32 { return 31*headers.HashCode(topic) + '#' }

// hashOf goes on from a seed as String.hashCode does.
func hashOf(code int32, key []byte) int32 {
	for i := 0; i < len(key); {
		if key[i] < utf8.RuneSelf {
			code = 31*code + int32(key[i])
			i++
			continue
		}
		r, size := utf8.DecodeRune(key[i:])
		i += size
		if r > 0xffff {
			high, low := utf16.EncodeRune(r)
			code = 31*code + high
			r = low
		}
		code = 31*code + r
	}
	return max(code, -code, 0)
}
