package publisher

import (
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// propertyInstanceID is set by the Java client to the namespace (v1)
// (DefaultMQProducerImpl.sendKernelImpl, 5.5.0).
const propertyInstanceID = "INSTANCE_ID"

// checkTopicsNamespace reports what is wrong with Topics in the namespace, and returns
// whether the namespace is fit to be part of a name. That it is not is a fault of the
// Cluster.
func (c *Config) checkTopicsNamespace(l *faults.List) (fit bool) {
	namespace := c.Cluster.Namespace
	if !topicname.IsGroup(namespace) || strings.Contains(namespace, topicname.NamespaceSeparator) {
		return false
	}
	if topics, ok := c.Topics.(marshaler.EscapeTopics); ok {
		if topics.Namespace != namespace {
			l.Add("Topics.Namespace is %q, want that of Cluster.Namespace, %q", topics.Namespace, namespace)
		}
		if err := topics.Validate(); err != nil {
			l.Add("Topics: %w", err)
		}
	}
	return true
}
