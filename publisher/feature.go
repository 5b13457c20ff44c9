package publisher

import (
	"slices"
	"strings"

	rocketmq "github.com/watermill-rocketmq/watermill-rocketmq"
)

// CombinationError means that a message has features that RocketMQ cannot bring
// together. The Publisher refuses it, whatever a broker would make of it. It was not
// sent.
type CombinationError struct{ Features []rocketmq.Feature }

// Error names the features, and where an ordering key is one too many, what to do.
func (e *CombinationError) Error() string {
	names := make([]string, len(e.Features))
	for i, f := range e.Features {
		names[i] = string(f)
	}
	said := "the publisher refuses a message with " + strings.Join(names, " and ") + ", which RocketMQ cannot combine"
	if slices.Contains(e.Features, rocketmq.FeatureOrderingKey) && !slices.Contains(e.Features, rocketmq.FeatureOneway) {
		said += `: let Config.OrderingKey return "" for it`
	}
	return said
}

// exclusive are the pairs of features that no message may have. A transaction
// decides about one message that is visible at once, and needs the broker's
// answer, as an order does. A delayed message is put into its queue when its time
// has come, behind whatever is there by then: it goes without its key, since
// Watermill's components delay messages that were never theirs to key.
var exclusive = [...][2]rocketmq.Feature{
	{rocketmq.FeatureTransaction, rocketmq.FeatureDelay},
	{rocketmq.FeatureTransaction, rocketmq.FeatureOrderingKey},
	{rocketmq.FeatureTransaction, rocketmq.FeatureOneway},
	{rocketmq.FeatureOrderingKey, rocketmq.FeatureOneway},
}

// features is what a message has.
type features struct{ delay, transaction, key, oneway bool }

func (f features) has(one rocketmq.Feature) bool {
	switch one {
	case rocketmq.FeatureDelay:
		return f.delay
	case rocketmq.FeatureTransaction:
		return f.transaction
	case rocketmq.FeatureOrderingKey:
		return f.key
	case rocketmq.FeatureOneway:
		return f.oneway
	default:
		return false
	}
}

// check returns a *CombinationError for what RocketMQ cannot do.
func (f features) check() error {
	for i := range exclusive {
		if pair := exclusive[i][:]; f.has(pair[0]) && f.has(pair[1]) {
			return &CombinationError{Features: slices.Clone(pair)}
		}
	}
	return nil
}
