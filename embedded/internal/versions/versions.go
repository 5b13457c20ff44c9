// Package versions says what depends on the version of RocketMQ that a cluster plays.
package versions

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// parameterCode is the first version that answers a bad queue id with
// INVALID_PARAMETER, as 5.1.4 was seen to answer SYSTEM_ERROR.
const parameterCode = headers.Version5_3_0

// Versions that changed POP.
const (
	// OrderFree is the first that changes the invisible time of messages that were
	// popped in order, wakes who waits for a queue when it gets free, and wakes
	// notifications for messages that are delivered again.
	OrderFree headers.Version = 433 // 5.1.0
	// NamedAcks is the first that passes over acknowledgements for another broker.
	NamedAcks = headers.Version5_3_3
	// NotifyFilter is the first whose notifications have a filter, Suspend
	// that in which a message can be given back without being counted, OriginGroup
	// that in which messages that are delivered again tell their group.
	NotifyFilter = headers.Version5_5_0
	Suspend      = headers.Version5_5_0
	OriginGroup  = headers.Version5_5_0
)

// TagIndex is the first that finds messages by their tags (IndexService.buildIndex).
const TagIndex = headers.Version5_4_0

// Behaviour says what depends on the version that the cluster plays. Each field
// was observed on 4.9.7 and 5.5.0 brokers.
type Behaviour struct {
	Version headers.Version
	// Five is set for 5.0.0 and later.
	Five bool
	// BinaryAnswers has all answers in binary, whatever the version.
	BinaryAnswers bool
	// BadParameter is the code for queue ids and topic names that are not valid.
	BadParameter headers.ResponseCode
}

// Of is the behaviour of a version.
func Of(v headers.Version, binaryAnswers bool) Behaviour {
	b := Behaviour{Version: v, Five: v >= headers.Version5_0_0, BinaryAnswers: binaryAnswers, BadParameter: headers.SystemError}
	if v >= parameterCode {
		b.BadParameter = headers.InvalidParameter
	}
	return b
}

// AnswerIn is the serialization of the answer to a request in s.
func (b *Behaviour) AnswerIn(s headers.Serialization) headers.Serialization {
	switch {
	case b.BinaryAnswers:
		return headers.Binary
	case b.Five:
		return headers.JSON
	default:
		return s
	}
}

// FAQ is the end of remarks that point to a page (FAQUrl of both versions).
func (b *Behaviour) FAQ() string {
	if b.Five {
		return "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."
	}
	return "\nSee http://rocketmq.apache.org/docs/faq/ for further details."
}
