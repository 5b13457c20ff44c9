package trace

import "github.com/watermill-rocketmq/watermill-rocketmq/internal/topicname"

// Group is the group of the traces of a producer group
// (AsyncTraceDispatcher.genGroupNameForTrace, 5.5.0), or one for all where the name
// would be longer than brokers take.
func Group(namespace, group string) string {
	const prefix = "_INNER_TRACE_PRODUCER"
	for _, name := range [...]string{prefix + "-" + group + "-PRODUCE-1", prefix} {
		if len(topicname.WrapNamespace(namespace, name)) <= topicname.MaxGroupLength {
			return name
		}
	}
	return group
}
