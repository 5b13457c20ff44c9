package headers

import (
	"bytes"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"
)

// Names of message properties with a meaning for producers
// (org.apache.rocketmq.common.message.MessageConst).
const (
	PropertyKeys             = "KEYS"
	PropertyTags             = "TAGS"
	PropertyWait             = "WAIT"
	PropertyDelayLevel       = "DELAY"
	PropertyTimerDeliverMS   = "TIMER_DELIVER_MS"
	PropertyTimerDelaySec    = "TIMER_DELAY_SEC"
	PropertyTimerDelayMS     = "TIMER_DELAY_MS"
	PropertyUniqueKey        = "UNIQ_KEY"
	PropertyTransaction      = "TRAN_MSG"
	PropertyProducerGroup    = "PGROUP"
	PropertyShardingKey      = "__SHARDINGKEY"
	PropertyReconsumeTime    = "RECONSUME_TIME"
	PropertyMaxReconsumeTime = "MAX_RECONSUME_TIMES"
	PropertyRealTopic        = "REAL_TOPIC"
	PropertyRealQueue        = "REAL_QID"
	PropertyCheckTimes       = "TRANSACTION_CHECK_TIMES"
	PropertyCheckImmunity    = "CHECK_IMMUNITY_TIME_IN_SECONDS"
)

// Names of message properties of requests and replies (MessageConst of 5.5.0).
const (
	// PropertyCorrelationID is in a request and in its reply.
	PropertyCorrelationID = "CORRELATION_ID"
	// PropertyReplyToClient is the client id of who has made the request.
	PropertyReplyToClient = "REPLY_TO_CLIENT"
	// PropertyTTL is how long a reply is waited for, in milliseconds.
	PropertyTTL = "TTL"
	// PropertyMessageType is MessageTypeReply in a reply.
	PropertyMessageType = "MSG_TYPE"
	// PropertyCluster is the name of the broker's cluster. Brokers add it to a message,
	// and since 5.0.0 not to those in a batch (MessageExtEncoder of 5.5.0).
	PropertyCluster = "CLUSTER"
	// PropertyPushReplyTime is when the broker has handed a reply on. The broker adds it.
	PropertyPushReplyTime = "PUSH_REPLY_TIME"
)

// MessageTypeReply is the value of PropertyMessageType in a reply (MixAll.REPLY_MESSAGE_FLAG).
const MessageTypeReply = "reply"

// Names of message properties with a meaning for consumers (MessageConst of 5.5.0). A
// producer may have set any of them by itself, except for PropertyPopCheckPoint of brokers
// from 5.2.0 on.
const (
	// PropertyPopCheckPoint is the receipt handle of a popped message that was delivered
	// before.
	PropertyPopCheckPoint = "POP_CK"
	// PropertyFirstPopTime is when the message was popped first, in milliseconds since 1970.
	PropertyFirstPopTime = "1ST_POP_TIME"
	// PropertyOriginGroup is the group whose pop is repeated.
	PropertyOriginGroup = "ORIGIN_GROUP"
	// PropertyRetryTopic is the topic of a message that is in a retry topic now.
	PropertyRetryTopic = "RETRY_TOPIC"
	// PropertyOriginMessageID is the offset message id that a message had before it was
	// sent back first.
	PropertyOriginMessageID = "ORIGIN_MESSAGE_ID"
	// PropertyDLQOriginTopic and PropertyDLQOriginMessageID say where a message in a dead
	// letter topic was, from 5.0.0 on.
	PropertyDLQOriginTopic     = "DLQ_ORIGIN_TOPIC"
	PropertyDLQOriginMessageID = "DLQ_ORIGIN_MESSAGE_ID"
	// PropertyMinOffset and PropertyMaxOffset are the queue's at the time of the pull.
	// Clients add them.
	PropertyMinOffset = "MIN_OFFSET"
	PropertyMaxOffset = "MAX_OFFSET"
)

const (
	nameEnd  = 1 // between a property's name and its value
	valueEnd = 2 // after each property

	// MaxPropertiesSize is the length, in bytes of UTF-8, of the longest
	// properties string a broker stores, its own additions included
	// (MessageExtEncoder of 5.5.0: Short.MAX_VALUE).
	MaxPropertiesSize = 1<<15 - 1
)

// Property is a message property, a name and a value.
type Property struct{ Name, Value string }

// PropertyError is a property that the properties string cannot carry.
type PropertyError struct {
	Name   string
	Reason string
}

// Error names the property and what is wrong with it.
func (e *PropertyError) Error() string {
	return fmt.Sprintf("message property %q %s", e.Name, e.Reason)
}

// Check returns a *PropertyError if the properties string cannot carry p: the
// name or value is empty (Java drops such an entry), holds the separators 0x01
// or 0x02, or is not UTF-8 (Java would replace the bad bytes). RocketMQ 5.5.0
// does carry 0x01 inside a value, but the parsers of older clients split there.
func (p Property) Check() error {
	switch {
	case p.Name == "":
		return &PropertyError{p.Name, "has no name"}
	case p.Value == "":
		return &PropertyError{p.Name, "has an empty value"}
	case !Carries(p.Name):
		return &PropertyError{p.Name, "has a name that is not UTF-8 or holds a separator (0x01, 0x02)"}
	case !Carries(p.Value):
		return &PropertyError{p.Name, "has a value that is not UTF-8 or holds a separator (0x01, 0x02)"}
	}
	return nil
}

// IsDelayLevel reports whether a broker delays a message with that property by a level.
// Level 0 is none.
func (p Property) IsDelayLevel() bool { return p.Name == PropertyDelayLevel && p.Value != "0" }

// IsTimer reports whether a message with that property is a timer message. 4.9 knows no
// such property.
func (p Property) IsTimer() bool {
	switch p.Name {
	case PropertyTimerDeliverMS, PropertyTimerDelaySec, PropertyTimerDelayMS:
		return true
	}
	return false
}

// Carries reports whether a properties string carries text unchanged as a name
// or value: it is not empty, is UTF-8 and has neither separator in it.
func Carries(text string) bool {
	rest := text
	for ; len(rest) >= wordSize; rest = rest[wordSize:] {
		if w := wordOf(rest); w.below(valueEnd+1)|w.beyondASCII() != 0 {
			return carriesRest(rest)
		}
	}
	for i := range len(rest) {
		if c := rest[i]; c <= valueEnd || c >= utf8.RuneSelf {
			return carriesRest(rest)
		}
	}
	return text != ""
}

// carriesRest is Carries for the rest of a text, which is more than plain ASCII.
func carriesRest(rest string) bool {
	return strings.IndexByte(rest, nameEnd) < 0 && strings.IndexByte(rest, valueEnd) < 0 && utf8.ValidString(rest)
}

// AppendProperty appends one entry of a properties string
// (MessageDecoder.messageProperties2String): name 0x01 value 0x02. It does not
// check; see Property.Check.
func AppendProperty(dst []byte, name, value string) []byte {
	dst = append(dst, name...)
	dst = append(dst, nameEnd)
	dst = append(dst, value...)
	return append(dst, valueEnd)
}

// PropertySize is the number of bytes AppendProperty adds.
func PropertySize(name, value string) int { return len(name) + len(value) + 2 }

// Properties walks a properties string in its order, by the rules of
// MessageDecoder.string2messageProperties of 5.5.0: the last 0x02 may be
// missing (4.9.7 leaves it out), an entry without 0x01 or with an empty name or
// value is passed over, and a second 0x01 belongs to the value. A name may come
// twice; Java keeps the last. The slices alias raw.
func Properties(raw []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for len(raw) > 0 {
			var entry []byte
			if end := bytes.IndexByte(raw, valueEnd); end < 0 {
				entry, raw = raw, nil
			} else {
				entry, raw = raw[:end], raw[end+1:]
			}
			cut := bytes.IndexByte(entry, nameEnd)
			if cut <= 0 || cut == len(entry)-1 {
				continue
			}
			if !yield(entry[:cut], entry[cut+1:]) {
				return
			}
		}
	}
}

// StringProperties is Properties for a string, by the same rules. Names and values are
// parts of raw.
func StringProperties(raw string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for raw != "" {
			entry := raw
			if end := strings.IndexByte(raw, valueEnd); end < 0 {
				raw = ""
			} else {
				entry, raw = raw[:end], raw[end+1:]
			}
			cut := strings.IndexByte(entry, nameEnd)
			if cut <= 0 || cut == len(entry)-1 {
				continue
			}
			if !yield(entry[:cut], entry[cut+1:]) {
				return
			}
		}
	}
}
