package publisher

import (
	"strings"

	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"
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
	topicname.Check(l, "Topics", c.Topics, namespace)
	return true
}
