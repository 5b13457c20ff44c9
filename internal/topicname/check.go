package topicname

import (
	"github.com/watermill-rocketmq/watermill-rocketmq/internal/faults"
	"github.com/watermill-rocketmq/watermill-rocketmq/marshaler"
)

// Check adds what is wrong with a mapper of package marshaler in a namespace, which is that
// of the cluster. field is what the configuration calls the mapper.
func Check(l *faults.List, field string, mapper marshaler.TopicMapper, namespace string) {
	switch own := mapper.(type) {
	case marshaler.EscapeTopics:
		if own.Namespace != namespace {
			l.Add("%s.Namespace is %q, want that of Cluster.Namespace, %q", field, own.Namespace, namespace)
		}
		if err := own.Validate(); err != nil {
			l.Add("%s: %w", field, err)
		}
	case marshaler.DotTopics:
		if err := own.Validate(); err != nil {
			l.Add("%s: %w", field, err)
		}
	case *marshaler.TopicTable:
		if own == nil {
			l.Add("%s is nil", field)
			return
		}
		Check(l, field, own.Others(), namespace)
	}
}
