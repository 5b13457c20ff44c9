package rocketmq

import (
	"fmt"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// Feature names what is special about a message or a client, for errors.
type Feature string

// The features that exclude each other in one message, or need a broker of a certain
// version.
const (
	FeatureDelay       Feature = "delay"
	FeatureTransaction Feature = "transaction"
	FeatureOrderingKey Feature = "ordering key"
	FeatureOneway      Feature = "one-way"
	FeatureTimer       Feature = "timer message"
	FeatureRecall      Feature = "recall"
	FeatureMessageType Feature = "topic message type"
	// FeaturePOP is what subscriber.POP consumes by.
	FeaturePOP Feature = "POP"
	// FeatureNamespaceV2 is Cluster.NamespaceV2.
	FeatureNamespaceV2 Feature = "namespace v2"
)

// UnsupportedError means that a broker's version has no such feature. A message
// was not sent, or a subscription was not begun.
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
