package publisher

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
	"github.com/watermill-rocketmq/watermill-rocketmq/routing"
)

// The two kinds of namespace of the Java client (5.5.0). A namespace (v1,
// NamespaceUtil) is a prefix of topics and groups, <namespace>%<name>, which any
// broker takes for a part of the name. A namespace v2 (NamespaceRpcHook) is two
// ext fields of each request, and names stay as they are.

const (
	namespaceSeparator = "%"
	// deadLetterTopicPrefix is MixAll.DLQ_GROUP_TOPIC_PREFIX.
	deadLetterTopicPrefix = "%DLQ%"
	// systemTopicPrefix is TopicValidator.SYSTEM_TOPIC_PREFIX, systemGroupPrefix
	// MixAll.CID_RMQ_SYS_PREFIX.
	systemTopicPrefix = "rmq_sys_"
	systemGroupPrefix = "CID_RMQ_SYS_"

	// propertyInstanceID is set by the Java client to the namespace (v1)
	// (DefaultMQProducerImpl.sendKernelImpl, 5.5.0).
	propertyInstanceID = "INSTANCE_ID"

	// fieldNamespaced and fieldNamespace are MixAll's
	// RPC_REQUEST_HEADER_NAMESPACED_FIELD and ..._NAMESPACE_FIELD.
	fieldNamespaced = "nsd"
	fieldNamespace  = "ns"
)

// FeatureNamespaceV2 is Config.NamespaceV2.
const FeatureNamespaceV2 Feature = "namespace v2"

// wrapNamespace is NamespaceUtil.wrapNamespace of 5.5.0: the name of a topic or
// group as brokers know it.
func wrapNamespace(namespace, name string) string {
	if namespace == "" || name == "" || isSystemResource(name) {
		return name
	}
	prefix, rest := cutGroupPrefix(name)
	if strings.HasPrefix(rest, namespace+namespaceSeparator) {
		return name
	}
	return prefix + namespace + namespaceSeparator + rest
}

// unwrapNamespace is NamespaceUtil.withoutNamespace of 5.5.0: it undoes
// wrapNamespace.
func unwrapNamespace(namespace, name string) string {
	if namespace == "" || isSystemResource(name) {
		return name
	}
	prefix, rest := cutGroupPrefix(name)
	rest, ok := strings.CutPrefix(rest, namespace)
	if !ok || !strings.HasPrefix(rest, namespaceSeparator) {
		return name
	}
	return prefix + rest[len(namespaceSeparator):]
}

// cutGroupPrefix splits off what names a retry or dead letter topic.
func cutGroupPrefix(name string) (prefix, rest string) {
	for _, prefix := range [...]string{retryTopicPrefix, deadLetterTopicPrefix} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return prefix, rest
		}
	}
	return "", name
}

// isSystemResource is NamespaceUtil.isSystemResource of 5.5.0, with the topics
// that TopicValidator lists.
func isSystemResource(name string) bool {
	switch name {
	case "TBW102", "SCHEDULE_TOPIC_XXXX", "BenchmarkTest", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRACE_TOPIC",
		"RMQ_SYS_TRANS_OP_HALF_TOPIC", "TRANS_CHECK_MAX_TIME_TOPIC", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT", "CHECKPOINT_TOPIC":
		return true
	}
	return strings.HasPrefix(name, systemTopicPrefix) || strings.HasPrefix(name, systemGroupPrefix)
}

// userQueue is the queue as users of the publisher know it: with the topic's name
// without the namespace, as in the SendResult of the Java client.
func (p *Publisher) userQueue(queue routing.MessageQueue) routing.MessageQueue {
	if p.cfg.Namespace != "" {
		queue.Topic = unwrapNamespace(p.cfg.Namespace, queue.Topic)
	}
	return queue
}

// userName is the name of a topic or group as users of the publisher know it:
// without the namespace.
func (p *Publisher) userName(name string) string { return unwrapNamespace(p.cfg.Namespace, name) }

// checkNamespaces reports what is wrong with the namespaces, and returns whether
// Namespace is fit to be part of a name.
func (c *Config) checkNamespaces(fault func(format string, args ...any)) (fit bool) {
	fit = c.Namespace == "" || legalGroup(c.Namespace) && !strings.Contains(c.Namespace, namespaceSeparator)
	if !fit {
		fault("Namespace is %q, want letters, digits and _-|", c.Namespace)
	}
	if len(c.NamespaceV2) > maxGroupLength || !utf8.ValidString(c.NamespaceV2) {
		fault("NamespaceV2 is %q, want at most %d bytes of UTF-8", c.NamespaceV2, maxGroupLength)
	}
	if c.Namespace != "" && c.NamespaceV2 != "" {
		fault("Namespace (%q) and NamespaceV2 (%q) are both set, want one of them", c.Namespace, c.NamespaceV2)
	}
	return fit
}

// namespaceFields are the ext fields of every request.
func (c *Config) namespaceFields() headers.FieldList {
	if c.NamespaceV2 == "" {
		return nil
	}
	return headers.FieldList{{Name: fieldNamespaced, Value: "true"}, {Name: fieldNamespace, Value: c.NamespaceV2}}
}

// checkNamespaceV2 returns an *UnsupportedError if the broker that is connected is
// of a version that has no such fields. It would store the message in the topic of
// that name that everybody has.
func (p *Publisher) checkNamespaceV2(ctx context.Context, addr string) error {
	if p.cfg.NamespaceV2 == "" {
		return nil
	}
	version, err := p.brokerVersion(ctx, addr)
	if err != nil {
		return err
	}
	if version < headers.Version5_0_0 {
		return &UnsupportedError{Feature: FeatureNamespaceV2, Addr: addr, Version: version, Since: "5.0.0"}
	}
	return nil
}
