package topicname

import (
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/headers"
)

// NamespaceSeparator stands between a namespace and a name. A namespace (v1,
// NamespaceUtil of the Java client, 5.5.0) is a prefix of topics and groups,
// <namespace>%<name>, which any broker takes for a part of the name.
const NamespaceSeparator = "%"

// WrapNamespace is NamespaceUtil.wrapNamespace of 5.5.0: the name of a topic or
// group as brokers know it.
func WrapNamespace(namespace, name string) string {
	if namespace == "" || name == "" || isSystemResource(name) {
		return name
	}
	prefix, rest := cutGroupPrefix(name)
	if strings.HasPrefix(rest, namespace+NamespaceSeparator) {
		return name
	}
	return prefix + namespace + NamespaceSeparator + rest
}

// UnwrapNamespace is NamespaceUtil.withoutNamespace of 5.5.0: it undoes
// WrapNamespace.
func UnwrapNamespace(namespace, name string) string {
	if namespace == "" || isSystemResource(name) {
		return name
	}
	prefix, rest := cutGroupPrefix(name)
	rest, ok := strings.CutPrefix(rest, namespace)
	if !ok || !strings.HasPrefix(rest, NamespaceSeparator) {
		return name
	}
	return prefix + rest[len(NamespaceSeparator):]
}

// cutGroupPrefix splits off what names a retry or dead letter topic.
func cutGroupPrefix(name string) (prefix, rest string) {
	for _, prefix := range [...]string{headers.RetryTopicPrefix, headers.DeadLetterTopicPrefix} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			return prefix, rest
		}
	}
	return "", name
}

// isSystemResource is NamespaceUtil.isSystemResource of 5.5.0, with the topics
// that TopicValidator lists.
func isSystemResource(name string) bool {
	return headers.IsSystemTopic(name) || strings.HasPrefix(name, headers.SystemGroupPrefix)
}
