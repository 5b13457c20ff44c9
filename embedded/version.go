package embedded

import "github.com/watermill-rocketmq/watermill-rocketmq/headers"

// versionParameterCode is the first version that answers a bad queue id with
// INVALID_PARAMETER, as 5.1.4 was seen to answer SYSTEM_ERROR.
const versionParameterCode = headers.Version5_3_0

// Versions that changed POP.
const (
	// versionOrderFree is the first that changes the invisible time of messages that were
	// popped in order, wakes who waits for a queue when it gets free, and wakes
	// notifications for messages that are delivered again.
	versionOrderFree headers.Version = 433 // 5.1.0
	// versionNamedAcks is the first that passes over acknowledgements for another broker.
	versionNamedAcks = headers.Version5_3_3
	// versionNotifyFilter is the first whose notifications have a filter, versionSuspend
	// that in which a message can be given back without being counted, versionOriginGroup
	// that in which messages that are delivered again tell their group.
	versionNotifyFilter = headers.Version5_5_0
	versionSuspend      = headers.Version5_5_0
	versionOriginGroup  = headers.Version5_5_0
)

// behaviour says what depends on the version that the cluster plays. Each field
// was observed on 4.9.7 and 5.5.0 brokers.
type behaviour struct {
	version headers.Version
	// five is set for 5.0.0 and later.
	five bool
	// binaryAnswers: see WithBinaryAnswers.
	binaryAnswers bool
	// badParameter is the code for queue ids and topic names that are not valid.
	badParameter headers.ResponseCode
}

func newBehaviour(cfg *config) behaviour {
	b := behaviour{
		version:       cfg.version,
		five:          cfg.version >= headers.Version5_0_0,
		binaryAnswers: cfg.binaryAnswers,
		badParameter:  headers.SystemError,
	}
	if cfg.version >= versionParameterCode {
		b.badParameter = headers.InvalidParameter
	}
	return b
}

// answerIn is the serialization of the answer to a request in s.
func (b *behaviour) answerIn(s headers.Serialization) headers.Serialization {
	switch {
	case b.binaryAnswers:
		return headers.Binary
	case b.five:
		return headers.JSON
	default:
		return s
	}
}

// Texts of the pages that remarks point to (FAQUrl of both versions).
func (b *behaviour) faq() string {
	if b.five {
		return "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details."
	}
	return "\nSee http://rocketmq.apache.org/docs/faq/ for further details."
}
