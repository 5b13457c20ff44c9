package publisher

import (
	"fmt"
	"slices"
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Feature names what is special about a message, for errors.
type Feature string

// The features that exclude each other, or need a broker of a certain version.
const (
	FeatureDelay       Feature = "delay"
	FeatureTransaction Feature = "transaction"
	FeatureOrderingKey Feature = "ordering key"
	FeatureOneway      Feature = "one-way"
	FeatureTimer       Feature = "timer message"
	FeatureRecall      Feature = "recall"
	FeatureMessageType Feature = "topic message type"
)

// CombinationError means that a message has features that RocketMQ cannot bring
// together. The Publisher refuses it, whatever a broker would make of it. It was not
// sent.
type CombinationError struct{ Features []Feature }

// Error names the features, and where an ordering key is one too many, what to do.
func (e *CombinationError) Error() string {
	names := make([]string, len(e.Features))
	for i, f := range e.Features {
		names[i] = string(f)
	}
	said := "the publisher refuses a message with " + strings.Join(names, " and ") + ", which RocketMQ cannot combine"
	if slices.Contains(e.Features, FeatureOrderingKey) && !slices.Contains(e.Features, FeatureOneway) {
		said += `: let Config.OrderingKey return "" for it`
	}
	return said
}

// exclusive are the pairs of features that no message may have. A transaction
// decides about one message that is visible at once, and needs the broker's
// answer; a delayed message is put into its queue when its time has come, behind
// whatever is there by then.
var exclusive = [...][2]Feature{
	{FeatureTransaction, FeatureDelay},
	{FeatureTransaction, FeatureOrderingKey},
	{FeatureTransaction, FeatureOneway},
	{FeatureOrderingKey, FeatureDelay},
	{FeatureOrderingKey, FeatureOneway},
}

// features is what a message has.
type features struct{ delay, transaction, key, oneway bool }

func (f features) has(one Feature) bool {
	switch one {
	case FeatureDelay:
		return f.delay
	case FeatureTransaction:
		return f.transaction
	case FeatureOrderingKey:
		return f.key
	case FeatureOneway:
		return f.oneway
	default:
		return false
	}
}

// check returns a *CombinationError for what RocketMQ cannot do.
func (f features) check() error {
	if f == (features{}) {
		return nil
	}
	for i := range exclusive {
		if pair := exclusive[i][:]; f.has(pair[0]) && f.has(pair[1]) {
			return &CombinationError{Features: slices.Clone(pair)}
		}
	}
	return nil
}

// UnsupportedError means that a broker's version has no such feature. The message
// was not sent.
type UnsupportedError struct {
	Feature Feature
	// Addr and Version are the broker's, as it says itself.
	Addr    string
	Version headers.Version
	// Since is the first version of RocketMQ that has the feature, such as
	// "5.0.0".
	Since string
}

// Error names feature, broker and versions.
func (e *UnsupportedError) Error() string {
	return fmt.Sprintf("broker %s does not support %s: it needs RocketMQ %s, the broker says it is %v", e.Addr, e.Feature, e.Since, e.Version)
}
