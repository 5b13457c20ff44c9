package otelrocketmq

import (
	"net"
	"strconv"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// Attributes that the conventions have no name for.
const (
	// keyTopic is Watermill's name of the topic, where it is not RocketMQ's.
	keyTopic = attribute.Key("watermill.topic")
	// keyUUID is Watermill's id of the message.
	keyUUID = attribute.Key("watermill.message.uuid")
	// keyAttempts is how many attempts a message took, keyTry which one this is, from 1.
	keyAttempts = attribute.Key("watermill.rocketmq.attempts")
	keyTry      = attribute.Key("watermill.rocketmq.try")
	// keyOutcome is publisher.Outcome of a message that failed.
	keyOutcome = attribute.Key("watermill.rocketmq.outcome")
	// keyDeliveries is which delivery this is, from 1.
	keyDeliveries = attribute.Key("watermill.rocketmq.deliveries")
	// keyPause is a pause in seconds, keyLast that a nack was the last.
	keyPause = attribute.Key("watermill.rocketmq.pause")
	keyLast  = attribute.Key("watermill.rocketmq.last_delivery")
	// keySendResult and keyQueueOffset are as in the agent for Java, which can be told to
	// have them.
	keySendResult  = attribute.Key("messaging.rocketmq.send_result")
	keyQueueOffset = attribute.Key("messaging.rocketmq.queue_offset")
)

// The operations' names. Those of the first two are as in the agent for Java.
const (
	operationSend       = "send"
	operationProcess    = "process"
	operationAttempt    = "attempt"
	operationDeadLetter = "dead_letter"
)

// correlationID is the metadata of Watermill's middleware CorrelationID. That package would
// bring more dependencies along.
const correlationID = "correlation_id"

// Prefixes of the topics of a consumer group.
const (
	retryPrefix      = "%RETRY%"
	deadLetterPrefix = "%DLQ%"
)

// destination returns the name of a topic without the namespace, as the agent for Java has
// it. Where RocketMQ has no name it is Watermill's.
func destination(rocketMQTopic, namespace, topic string) string {
	if rocketMQTopic == "" {
		return topic
	}
	if namespace == "" {
		return rocketMQTopic
	}
	prefix, name := "", rocketMQTopic
	for _, p := range []string{retryPrefix, deadLetterPrefix} {
		if rest, ok := strings.CutPrefix(rocketMQTopic, p); ok {
			prefix, name = p, rest
		}
	}
	return prefix + strings.TrimPrefix(name, namespace+"%")
}

// common returns the attributes that all spans of an operation on a topic have.
func common(operation string, kind attribute.KeyValue, destination, namespace string) []attribute.KeyValue {
	return []attribute.KeyValue{
		semconv.MessagingSystemRocketMQ,
		semconv.MessagingOperationName(operation),
		kind,
		semconv.MessagingDestinationName(destination),
		semconv.MessagingRocketMQNamespace(namespace),
	}
}

// partition names a queue uniquely in its topic: each broker has one of that number.
func partition(broker string, queue int32) attribute.KeyValue {
	return semconv.MessagingDestinationPartitionID(broker + "/" + strconv.Itoa(int(queue)))
}

// withServer appends where a broker is, host:port.
func withServer(list []attribute.KeyValue, addr string) []attribute.KeyValue {
	if addr == "" {
		return list
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return append(list, semconv.ServerAddress(addr))
	}
	list = append(list, semconv.ServerAddress(host))
	if number, err := strconv.Atoi(port); err == nil {
		list = append(list, semconv.ServerPort(number))
	}
	return list
}
